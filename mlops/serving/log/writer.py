"""The writer behind the request log: one for each server process."""

import logging
import os
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import EnvironmentProblem
from mlops.serving.log.bounds import Bounds
from mlops.serving.log.config import Durability, LogConfig
from mlops.serving.log.counts import Clock, Counts, utc_now
from mlops.serving.log.journal import Journal
from mlops.serving.log.journaled import JournalQueue
from mlops.serving.log.memory import MemoryQueue
from mlops.serving.log.outflow import replay_left_behind
from mlops.serving.log.privacy import Privacy
from mlops.serving.log.slots import Slot
from monitoring.store.base import LabelRecord, RequestLog, RequestRecord
from monitoring.store.writers import WriterState

_LOG = logging.getLogger("weighbridge.request_log")
_TELL_EVERY_S = 2.0
_REPLAY_EVERY_S = 60.0


@dataclass(frozen=True)
class LogState:
    """How the writer is doing: what waits, for how long the oldest has, and what became of the rest."""

    waiting: int
    lag_s: float
    written: int
    dropped: int
    store_errors: int
    refused: int = 0


class RequestLogWriter:
    """Takes records from requests and brings them into a RequestLog; no request waits for the table.

    What a crash of the process costs is the policy's choice:

    - batch: what came in the last second. A batch goes off after three quarters of a second, or when it is full, and
      takes some ten milliseconds; a merge of files, one batch in 50, a fifth of a second more. While the table is
      slow or down, everything since then is in memory, up to `queue_records`; more is dropped and counted.
    - journal: nothing that was answered. `record` returns after an fsync that many requests share; what the table
      has not taken is stored by the next process, each record once. Without room for the journal, requests are
      refused.

    A batch has up to `batch_records`, and waits no longer than `wait_s` for them.
    folder: where the writer keeps its journal and tells its state; without one it does neither.
    """

    def __init__(  # noqa: PLR0913 - what is handed in, and the bounds, which tests make small
        self,
        log: RequestLog,
        config: LogConfig | None = None,
        *,
        folder: Path | None = None,
        queue_records: int = 20_000,
        batch_records: int = 5000,
        wait_s: float = 0.75,
        clock: Clock = utc_now,
    ) -> None:
        self._log = log
        self._config = config or LogConfig()
        self._folder = folder
        self._bounds = Bounds(queue_records, batch_records, wait_s)
        self._clock = clock
        self._counts = Counts(clock)
        self._privacy = Privacy.of(self._config)
        self._slot: Slot | None = None
        self._ended = threading.Event()
        self._beside: list[threading.Thread] = []
        self._queue: MemoryQueue | JournalQueue = MemoryQueue(log, self._privacy, self._counts, self._bounds)

    def start(self) -> None:
        """Begin to store what is offered. Raises EnvironmentProblem where a journal can't be opened."""
        if self._folder is not None:
            self._slot = self._open_slot(self._folder)
        if self._config.durability is Durability.JOURNAL:
            if self._slot is None:
                raise EnvironmentProblem("a journal has no folder", expected="a folder for the log")
            journal = Journal(self._slot.journal)
            self._queue = JournalQueue(journal, self._log, self._privacy, self._counts, self._bounds)
        self._queue.start()
        if self._slot is not None:
            self._slot.tell(self._told())
            for target in (self._tell, self._replay):
                thread = threading.Thread(target=target, name=f"request-log{target.__name__}", daemon=True)
                thread.start()
                self._beside.append(thread)

    def offer(self, records: Sequence[RequestRecord]) -> int:
        """Take answered rows without waiting; those that do not fit are dropped and counted. Returns how many fit."""
        return self._queue.offer(records)

    def offer_labels(self, labels: Sequence[LabelRecord]) -> bool:
        """Take labels without waiting, all or none."""
        return self._queue.offer_labels(labels)

    async def record(self, records: Sequence[RequestRecord]) -> None:
        """Return when answered rows are as safe as the durability says: queued, or in the journal on disk.

        Raises NotRecorded where the journal cannot keep them; then they must not be answered.
        """
        await self._queue.record(records)

    async def record_labels(self, labels: Sequence[LabelRecord]) -> None:
        """The same for labels, all or none. Raises Busy while there is no room for them, and NotRecorded."""
        await self._queue.record_labels(labels)

    def state(self) -> LogState:
        """How the writer is doing now."""
        waiting, oldest = self._queue.waiting()
        lag_s = (self._clock() - oldest).total_seconds() if oldest else 0.0
        now = self._counts.read()
        return LogState(waiting, max(0.0, lag_s), now.written, now.dropped, now.errors, now.refused)

    def close(self, within_s: float = 10.0) -> bool:
        """Store what waits, then stop; False when records were lost as the store did not take them in time."""
        lost = self._queue.close(within_s)
        self._ended.set()
        if lost:
            _LOG.error("records lost at the end", extra={"facts": {"records": lost}})
        for thread in self._beside:
            thread.join(within_s)
        if self._slot is not None and not any(thread.is_alive() for thread in self._beside):
            self._slot.tell(self._told(ended=True))
            self._slot.free()
            self._slot = None
        return lost == 0

    def _open_slot(self, folder: Path) -> Slot | None:
        try:
            return Slot(folder)
        except EnvironmentProblem as error:
            if self._config.durability is Durability.JOURNAL:
                raise
            self._counts.failed(error)
            return None

    def _told(self, *, ended: bool = False) -> WriterState:
        waiting, oldest = self._queue.waiting()
        now = self._counts.read()
        return WriterState(
            pid=os.getpid(),
            at=self._clock(),
            waiting=waiting,
            oldest=oldest,
            on_disk=self._queue.on_disk,
            dropped=now.dropped,
            refused=now.refused,
            lost_at=now.lost_at,
            failing_since=now.failing_since,
            ended=ended,
        )

    def _tell(self) -> None:
        slot = self._slot
        while slot is not None and not self._ended.wait(_TELL_EVERY_S):
            slot.tell(self._told())

    def _replay(self) -> None:
        """Now and then store what processes left that ended without a chance to."""
        own = self._slot.journal if self._slot is not None and not self._queue.on_disk else None
        while self._folder is not None and not self._ended.is_set():
            try:
                stored, damaged = replay_left_behind(
                    self._folder, self._log, batch_records=self._bounds.batch_records, own=own
                )
                self._counts.stored(stored)
                self._counts.dropped(damaged)
            except Exception as error:  # noqa: BLE001 - any store may be behind the protocol; it is tried again
                self._counts.failed(error)
            self._ended.wait(_REPLAY_EVERY_S)
