"""Erasing a subject from everywhere that this project's servers write requests to."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl

from evaluation.errors import UserError
from mlops.serving.log.config import IDS, LogConfig
from mlops.serving.log.counts import utc_now
from mlops.serving.log.outflow import replay_left_behind
from mlops.serving.log.privacy import Privacy
from monitoring.store.delta import DeltaRequestLog
from monitoring.store.writers import WRITERS, read_states

_BATCH_RECORDS = 1000
_SILENT_AFTER = timedelta(minutes=1)
_POLL_S = 0.2


@dataclass(frozen=True)
class Erased:
    """How many rows went, which files still hold something, and how many records servers have not stored yet.

    Only with nothing left and nothing waiting is the subject gone.
    """

    requests: int
    labels: int
    left: tuple[str, ...]
    waiting: int

    @property
    def complete(self) -> bool:
        """Whether nothing is left."""
        return not self.left and not self.waiting


class Erasure:
    """One subject's rows in one log.

    folder: where the servers keep their journals. Raises UserError where the key of hashes is none.
    """

    def __init__(self, log: DeltaRequestLog, config: LogConfig, folder: Path, subject: str) -> None:
        self._log = log
        self._folder = folder
        self._names = Privacy.of(config).names(subject, config.subject)
        self._field = None if config.subject == IDS else config.subject

    def rows(self) -> pl.DataFrame:
        """What the log's table holds about the subject now. Raises EnvironmentProblem."""
        return self._log.about(self._names, field=self._field)

    def run(self, *, within_s: float = 15.0, clock: Callable[[], datetime] = utc_now) -> Erased:
        """Bring what journals hold into the table, remove the rows and their files, and look whether they are gone.

        within_s: how long running servers get to store what they answered before. Raises UserError where no row has
        the field that names subjects, and EnvironmentProblem.
        """
        replay_left_behind(self._folder, self._log, batch_records=_BATCH_RECORDS)
        waiting = _unsettled(self._folder, clock(), within_s=within_s, clock=clock)
        if self._field is not None and self._log.lacks(self._field):
            raise UserError(
                f"no row of the log has the input '{self._field}'",
                expected="the input field that names whom a row is about, or `ids`",
                next_step="correct serve.log.subject in weighbridge.yaml",
            )
        removed = self._log.erase(self._names, field=self._field)
        left = self._log.traces(self._names, field=self._field, ids=removed.ids, folder=self._folder)
        # Nobody can read these, so nobody can say who is in there.
        damaged = tuple(str(path) for path in sorted((self._folder / WRITERS).glob("*.damaged-*")))
        return Erased(removed.requests, removed.labels, tuple(dict.fromkeys((*left, *damaged))), waiting)


def _unsettled(folder: Path, since: datetime, *, within_s: float, clock: Callable[[], datetime]) -> int:
    """Wait until running servers have stored what came before `since`; returns how many records they have not."""
    deadline = time.monotonic() + within_s
    while True:
        running = [
            each for each in read_states(folder) if not each.ended and each.at > clock() - _SILENT_AFTER
        ]
        behind = [
            each for each in running if each.at < since or (each.oldest is not None and each.oldest <= since)
        ]
        if not behind or time.monotonic() >= deadline:
            return sum(max(1, each.waiting) for each in behind)
        time.sleep(_POLL_S)
