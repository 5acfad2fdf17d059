"""What became of the records, counted; and trouble told in the log, once a minute at most."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from evaluation.errors import EnvironmentProblem

Clock = Callable[[], datetime]
_LOG = logging.getLogger("weighbridge.request_log")
_TELL_EVERY_S = 60.0


def utc_now() -> datetime:
    """The clock that is used unless another is handed in.

    >>> utc_now().utcoffset()
    datetime.timedelta(0)
    """
    return datetime.now(UTC)


@dataclass(frozen=True)
class Counted:
    """Since the start: records written, dropped and refused, failures; and since when the writer fails, if it does."""

    written: int = 0
    dropped: int = 0
    refused: int = 0
    errors: int = 0
    lost_at: datetime | None = None
    failing_since: datetime | None = None


class Counts:
    """The counts of one writer; safe to use from several threads."""

    def __init__(self, clock: Clock = utc_now) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._now = Counted()
        self._told_at: float | None = None

    def read(self) -> Counted:
        """The counts as they are."""
        return self._now

    def stored(self, records: int) -> None:
        """Count records that are in the table; whatever was wrong is over."""
        with self._lock:
            self._now = replace(self._now, written=self._now.written + records, failing_since=None)

    def works(self) -> None:
        """Whatever was wrong is over."""
        if self._now.failing_since is not None:
            self.stored(0)

    def dropped(self, records: int) -> None:
        """Count records that are lost."""
        if records:
            with self._lock:
                self._now = replace(self._now, dropped=self._now.dropped + records, lost_at=self._clock())

    def refused(self, records: int) -> None:
        """Count records that were not answered, since they could not be kept."""
        with self._lock:
            self._now = replace(self._now, refused=self._now.refused + records, lost_at=self._clock())

    def failed(self, error: Exception) -> None:
        """Count a failure of the table or the journal, and tell it unless one was told a moment ago."""
        with self._lock:
            since = self._now.failing_since or self._clock()
            self._now = replace(self._now, errors=self._now.errors + 1, failing_since=since)
            now = time.monotonic()
            quiet = self._told_at is not None and now - self._told_at < _TELL_EVERY_S
            self._told_at = self._told_at if quiet else now
            facts = {"reason": _reason(error), "failures": self._now.errors}
        if not quiet:
            _LOG.error("records not stored", extra={"facts": facts})


def _reason(error: Exception) -> str:
    """What may be told of an error; the message of a foreign one may quote a record."""
    return (error.found if isinstance(error, EnvironmentProblem) else type(error).__name__)[:500]
