"""durability: batch. Records wait in memory, for at most a second at normal load."""

import threading
from collections import deque
from collections.abc import Callable, Sequence
from datetime import datetime
from time import monotonic
from typing import TypeVar

from evaluation.errors import EnvironmentProblem
from mlops.serving.errors import Busy
from mlops.serving.log.bounds import Bounds
from mlops.serving.log.counts import Counts
from mlops.serving.log.privacy import Privacy
from monitoring.store.base import LabelRecord, RequestLog, RequestRecord

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0
Item = TypeVar("Item", RequestRecord, LabelRecord)


class MemoryQueue:
    """A bounded queue in front of a RequestLog; offering never waits for the store.

    A batch is stored when `bounds.batch_records` wait or `bounds.wait_s` after its first record came. A store that
    fails is asked again, with growing pauses; what arrives meanwhile beyond `bounds.queue_records` is dropped and
    counted.
    """

    on_disk = False

    def __init__(self, log: RequestLog, privacy: Privacy, counts: Counts, bounds: Bounds) -> None:
        self._log = log
        self._privacy = privacy
        self._counts = counts
        self._bounds = bounds
        self._queue: deque[RequestRecord | LabelRecord] = deque()
        # When the oldest of the queue came, or one before it.
        self._since = 0.0
        self._taken: list[RequestRecord | LabelRecord] = []
        self._changed = threading.Condition()
        self._closing = threading.Event()
        self._out_of_time = threading.Event()
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)

    def start(self) -> None:
        """Begin to store what is offered."""
        self._thread.start()

    def offer(self, records: Sequence[RequestRecord]) -> int:
        """Queue answered rows; those that do not fit are dropped and counted. Returns how many were taken."""
        with self._changed:
            taken = records[:free] if (free := max(0, self._free())) < len(records) else records
            self._add(taken)
        if lost := len(records) - len(taken):
            self._counts.dropped(lost)
        return len(taken)

    def offer_labels(self, labels: Sequence[LabelRecord]) -> bool:
        """Queue labels, all or none: their sender can send them again, a dropped request's record is gone."""
        with self._changed:
            if len(labels) > self._free():
                return False
            self._add(labels)
        return True

    async def record(self, records: Sequence[RequestRecord]) -> None:
        """Queue answered rows."""
        self.offer(records)

    async def record_labels(self, labels: Sequence[LabelRecord]) -> None:
        """Queue labels. Raises Busy while there is no room for all of them."""
        if not self.offer_labels(labels):
            raise Busy("the request log is full; send the labels again")

    def waiting(self) -> tuple[int, datetime | None]:
        """How many records wait, and since when the oldest does."""
        with self._changed:
            oldest = self._taken or self._queue
            return len(self._queue) + len(self._taken), oldest[0].at if oldest else None

    def close(self, within_s: float) -> int:
        """Store what waits, then stop; returns how many records the store did not take in time."""
        with self._changed:
            self._closing.set()
            self._changed.notify()
        if self._thread.is_alive():
            self._thread.join(within_s)
        self._out_of_time.set()
        return self.waiting()[0]

    def _free(self) -> int:
        return self._bounds.queue_records - len(self._queue) - len(self._taken)

    def _add(self, items: Sequence[RequestRecord] | Sequence[LabelRecord]) -> None:
        was_empty = not self._queue
        self._queue.extend(items)
        if was_empty:
            self._since = monotonic()
        if was_empty or len(self._queue) >= self._bounds.batch_records:
            self._changed.notify()

    def _run(self) -> None:
        while self._store_batch():
            pass

    def _store_batch(self) -> bool:
        """Wait for a batch and store it; False when closing and nothing is left. Nothing holds the batch afterwards."""
        batch = self._next_batch()
        requests = [item for item in batch if isinstance(item, RequestRecord)]
        labels = [item for item in batch if isinstance(item, LabelRecord)]
        stored = self._store(self._append, requests) + self._store(self._append_labels, labels)
        self._counts.dropped(len(batch) - stored)
        with self._changed:
            self._taken = []
        return bool(batch)

    def _append(self, records: list[RequestRecord]) -> None:
        self._log.append(self._privacy.clean(records))

    def _append_labels(self, labels: list[LabelRecord]) -> None:
        self._log.append_labels(self._privacy.clean_labels(labels))

    def _next_batch(self) -> list[RequestRecord | LabelRecord]:
        """Wait for a batch; empty only when closing and nothing is left."""
        most = self._bounds.batch_records
        with self._changed:
            self._changed.wait_for(lambda: self._queue or self._closing.is_set())
            if not self._closing.is_set():
                full = lambda: len(self._queue) >= most or self._closing.is_set()  # noqa: E731
                # What came while the batch before was stored has waited that long already.
                self._changed.wait_for(full, timeout=self._since + self._bounds.wait_s - monotonic())
            self._taken = [self._queue.popleft() for _ in range(min(most, len(self._queue)))]
            return self._taken

    def _store(self, append: Callable[[list[Item]], None], items: list[Item]) -> int:
        """Append, as often as it takes while the store is at fault; returns how many were stored."""
        pause_s = _FIRST_PAUSE_S
        while items and not self._out_of_time.is_set():
            try:
                append(items)
            except EnvironmentProblem as error:
                self._counts.failed(error)
                self._pause(pause_s)
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            except Exception as error:  # noqa: BLE001 - any store may be behind the protocol; the thread must live
                self._counts.failed(error)
                return 0
            else:
                self._counts.stored(len(items))
                return len(items)
        return 0

    def _pause(self, pause_s: float) -> None:
        if self._closing.is_set():
            self._out_of_time.wait(_FIRST_PAUSE_S)
        else:
            self._closing.wait(pause_s)
