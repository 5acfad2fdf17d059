"""durability: journal. A request is answered when it is on disk; many of them share one fsync."""

import asyncio
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from evaluation.errors import EnvironmentProblem
from mlops.serving.errors import NotRecorded
from mlops.serving.log.bounds import Bounds
from mlops.serving.log.counts import Counts
from mlops.serving.log.journal import Draft, Journal, Kind
from mlops.serving.log.outflow import Outflow, draft
from mlops.serving.log.privacy import Privacy
from monitoring.store.base import LabelRecord, RequestLog, RequestRecord

_FIRST_PAUSE_S = 0.1
_LONGEST_PAUSE_S = 5.0


@dataclass(frozen=True)
class _Call:
    """Records that came in one call, and who waits for them."""

    kind: Kind
    items: Sequence[RequestRecord] | Sequence[LabelRecord]
    done: asyncio.Future[None] | None


class JournalQueue:
    """A journal in front of a RequestLog: one thread writes it, another takes it to the table.

    While a commit waits for the disk, what comes meanwhile gathers for the next one. A disk that fails refuses
    requests, and is tried again with the next; a table that fails only lets the journal grow, up to its bound.
    """

    on_disk = True

    def __init__(
        self, journal: Journal, log: RequestLog, privacy: Privacy, counts: Counts, bounds: Bounds
    ) -> None:
        self._journal = journal
        self._outflow = Outflow(journal, log)
        self._privacy = privacy
        self._counts = counts
        self._bounds = bounds
        self._calls: deque[_Call] = deque()
        self._gathered = 0
        self._changed = threading.Condition()
        self._arrived = threading.Event()
        self._closing = threading.Event()
        self._inflow = threading.Thread(target=self._write, name="request-journal", daemon=True)
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)

    def start(self) -> None:
        """Begin to write what comes, and to store what an earlier process left."""
        self._inflow.start()
        self._thread.start()

    def offer(self, records: Sequence[RequestRecord]) -> int:
        """Hand over rows without waiting for the disk; returns how many were taken, all or none."""
        taken = not records or self._hand_over(_Call(Kind.REQUESTS, records, None))
        self._counts.dropped(0 if taken else len(records))
        return len(records) if taken else 0

    def offer_labels(self, labels: Sequence[LabelRecord]) -> bool:
        """Hand over labels without waiting for the disk, all or none."""
        return not labels or self._hand_over(_Call(Kind.LABELS, labels, None))

    async def record(self, records: Sequence[RequestRecord]) -> None:
        """Return when the rows are on disk. Raises NotRecorded."""
        await self._keep(Kind.REQUESTS, records)

    async def record_labels(self, labels: Sequence[LabelRecord]) -> None:
        """Return when the labels are on disk. Raises NotRecorded."""
        await self._keep(Kind.LABELS, labels)

    def waiting(self) -> tuple[int, datetime | None]:
        """How many records are in no table yet, and since when the oldest of those on disk waits."""
        oldest = self._journal.oldest
        at = None if oldest is None else datetime.fromtimestamp(oldest / 1_000_000, UTC)
        return self._journal.waiting + self._gathered, at

    def close(self, within_s: float) -> int:
        """Write what was handed over, store what that leaves time for, and stop; returns how many are lost.

        None is lost that was answered: what the store did not take stays in the journal, for the next process.
        """
        with self._changed:
            self._closing.set()
            self._changed.notify()
        self._inflow.join(within_s)
        self._arrived.set()
        self._thread.join(within_s)
        lost = self._gathered
        self._journal.close()
        return lost

    async def _keep(self, kind: Kind, items: Sequence[RequestRecord] | Sequence[LabelRecord]) -> None:
        if not items:
            return
        done = asyncio.get_running_loop().create_future()
        if not self._hand_over(_Call(kind, items, done)):
            self._counts.refused(len(items))
            raise NotRecorded("the request could not be recorded; try again")
        await done

    def _hand_over(self, call: _Call) -> bool:
        with self._changed:
            if self._closing.is_set() or self._gathered + len(call.items) > self._bounds.queue_records:
                return False
            self._calls.append(call)
            self._gathered += len(call.items)
            self._changed.notify()
        return True

    def _write(self) -> None:
        while calls := self._next_calls():
            drafts, written = [], []
            for call in calls:
                if (entry := self._drafted(call)) is not None:
                    drafts.append(entry)
                    written.append(call)
            try:
                if drafts:
                    self._journal.add(drafts)
            except EnvironmentProblem as error:
                self._counts.failed(error)
                self._refuse(written)
            else:
                _answer(written, None)
                self._arrived.set()
            with self._changed:
                self._gathered -= sum(len(call.items) for call in calls)

    def _next_calls(self) -> list[_Call]:
        """Everything that has come; waits for something, and is empty only when closing."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._closing.is_set())
            calls = list(self._calls)
            self._calls.clear()
            return calls

    def _drafted(self, call: _Call) -> Draft | None:
        try:
            clean = self._privacy.clean_labels if call.kind is Kind.LABELS else self._privacy.clean
            return draft(call.kind, clean(call.items))  # type: ignore[arg-type]
        except Exception as error:  # noqa: BLE001 - one that can't be written must not cost the others their place
            self._counts.failed(error)
            self._refuse([call])
            return None

    def _refuse(self, calls: Sequence[_Call]) -> None:
        for call in calls:
            count = self._counts.dropped if call.done is None else self._counts.refused
            count(len(call.items))
        _answer(calls, NotRecorded("the request could not be recorded; try again"))

    def _run(self) -> None:
        pause_s = _FIRST_PAUSE_S
        while not (self._closing.is_set() and not self._inflow.is_alive() and not self._journal.waiting):
            if not self._journal.waiting:
                self._arrived.wait()
                self._arrived.clear()
                continue
            if self._journal.waiting < self._bounds.batch_records:
                self._closing.wait(self._bounds.wait_s)
            try:
                stored, damaged = self._outflow.step(self._bounds.batch_records)
            except Exception as error:  # noqa: BLE001 - any store may be behind the protocol; the thread must live
                self._counts.failed(error)
                if self._closing.wait(pause_s):
                    return
                pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)
            else:
                pause_s = _FIRST_PAUSE_S
                self._counts.stored(stored)
                self._counts.dropped(damaged)


def _answer(calls: Sequence[_Call], error: Exception | None) -> None:
    """Tell those who wait, each event loop in one go."""
    loops: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for call in calls:
        if call.done is not None:
            loops.setdefault(call.done.get_loop(), []).append(call.done)
    for loop, waiting in loops.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_settle, waiting, error)


def _settle(waiting: Sequence[asyncio.Future[None]], error: Exception | None) -> None:
    for done in waiting:
        if done.done():  # its request was given up
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
