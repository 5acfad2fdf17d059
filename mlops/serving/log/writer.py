"""Takes records at once, stores them in batches on its own thread."""

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

from evaluation.errors import EnvironmentProblem
from mlops.serving.errors import Busy
from mlops.serving.log.config import LogConfig
from monitoring.store.base import LabelRecord, RequestLog, RequestRecord

_LOG = logging.getLogger("weighbridge.request_log")
_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
Item = TypeVar("Item", RequestRecord, LabelRecord)


@dataclass(frozen=True)
class LogState:
    """How the writer is doing: what waits, for how long the oldest has, and what became of the rest."""

    waiting: int
    lag_s: float
    written: int
    dropped: int
    store_errors: int


class RequestLogWriter:
    """A bounded queue in front of a RequestLog; offering never waits for the store.

    A batch is stored when `batch_records` wait or `wait_s` after its first record came. A store that fails is
    asked again, with growing pauses; what arrives meanwhile beyond `queue_records` is dropped and counted.
    """

    def __init__(  # noqa: PLR0913 - what is handed in, and the bounds, which tests make small
        self,
        log: RequestLog,
        config: LogConfig | None = None,
        *,
        folder: Path | None = None,
        queue_records: int = 20_000,
        batch_records: int = 1000,
        wait_s: float = 0.5,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._log = log
        self._config = config or LogConfig()
        self._folder = folder
        self._room = queue_records
        self._batch = batch_records
        self._wait_s = wait_s
        self._clock = clock
        self._queue: deque[RequestRecord | LabelRecord] = deque()
        self._taken: list[RequestRecord | LabelRecord] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._out_of_time = threading.Event()
        self._written = self._dropped = self._store_errors = 0
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)

    def start(self) -> None:
        """Begin to store what is offered."""
        self._thread.start()

    def offer(self, records: Sequence[RequestRecord]) -> int:
        """Queue answered rows; those that do not fit are dropped and counted. Returns how many were taken."""
        with self._changed:
            taken = records[: max(0, self._free())]
            self._dropped += len(records) - len(taken)
            self._add(taken)
        return len(taken)

    def offer_labels(self, labels: Sequence[LabelRecord]) -> bool:
        """Queue labels, all or none: their sender can send them again, a dropped request's record is gone."""
        with self._changed:
            if len(labels) > self._free():
                return False
            self._add(labels)
        return True

    async def record(self, records: Sequence[RequestRecord]) -> None:
        """Return when answered rows are as safe as the durability says: queued, or in the journal on disk.

        Raises NotRecorded where the journal cannot keep them; then they must not be answered.
        """
        self.offer(records)

    async def record_labels(self, labels: Sequence[LabelRecord]) -> None:
        """The same for labels, all or none. Raises Busy while there is no room for them, and NotRecorded."""
        if not self.offer_labels(labels):
            raise Busy("the request log is full; send the labels again")

    def state(self) -> LogState:
        """How the writer is doing now."""
        with self._changed:
            oldest = self._taken or self._queue
            lag_s = (self._clock() - oldest[0].at).total_seconds() if oldest else 0.0
            waiting = len(self._queue) + len(self._taken)
            return LogState(waiting, max(0.0, lag_s), self._written, self._dropped, self._store_errors)

    def close(self, within_s: float = 10.0) -> bool:
        """Store what waits, then stop; False when the store did not take everything in time."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._thread.join(within_s)
        self._out_of_time.set()
        left = self.state().waiting
        if left:
            _LOG.error("records lost at the end", extra={"facts": {"records": left}})
        return left == 0

    def _free(self) -> int:
        return self._room - len(self._queue) - len(self._taken)

    def _add(self, items: Sequence[RequestRecord] | Sequence[LabelRecord]) -> None:
        was_empty = not self._queue
        self._queue.extend(items)
        if was_empty or len(self._queue) >= self._batch:
            self._changed.notify()

    def _run(self) -> None:
        while batch := self._next_batch():
            requests = [item for item in batch if isinstance(item, RequestRecord)]
            labels = [item for item in batch if isinstance(item, LabelRecord)]
            stored = self._store(self._log.append, requests) + self._store(self._log.append_labels, labels)
            with self._changed:
                self._written += stored
                self._dropped += len(batch) - stored
                self._taken = []

    def _next_batch(self) -> list[RequestRecord | LabelRecord]:
        """Wait for a batch; empty only when closing and nothing is left."""
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing.is_set())
            if not self._closing.is_set():
                full = lambda: len(self._queue) >= self._batch or self._closing.is_set()  # noqa: E731
                self._changed.wait_for(full, timeout=self._wait_s)
            self._taken = [self._queue.popleft() for _ in range(min(self._batch, len(self._queue)))]
            return self._taken

    def _store(self, append: Callable[[list[Item]], None], items: list[Item]) -> int:
        """Append, as often as it takes while the store is at fault; returns how many were stored."""
        pause_s = _FIRST_PAUSE_S
        while items and not self._out_of_time.is_set():
            try:
                append(items)
            except EnvironmentProblem as error:
                self._count_error(error)
                self._pause(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - any store may be behind the protocol; the thread must live
                self._count_error(error)
                return 0
            else:
                return len(items)
        return 0

    def _pause(self, pause_s: float) -> None:
        if self._closing.is_set():
            self._out_of_time.wait(_FIRST_PAUSE_S)
        else:
            self._closing.wait(pause_s)

    def _count_error(self, error: Exception) -> None:
        with self._changed:
            self._store_errors += 1
        # The message of a foreign error may quote a record.
        text = error.found if isinstance(error, EnvironmentProblem) else type(error).__name__
        _LOG.error("records not stored", extra={"facts": {"reason": text[:500]}})
