"""Requests that wait for the model are asked together, where one call for many rows costs little more than one for one.

While the model is busy, what arrives gathers; the next call takes all of it. Before a call the batcher holds on for as
many rows as came around the last time, but no longer than a pause in their arrival, so that a single caller never
waits and many do not go in halves. How many rows go into a call follows from what calls have cost so far.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, NamedTuple

from mlops.serving.cost import Cost

Row = tuple[Any, ...]


class Said(NamedTuple):
    """A label and a score for every row; of texts also what is known of each, else no facts at all."""

    labels: list[Any]
    scores: list[float | None]
    facts: Sequence[Mapping[str, Any]] = ()

    def part(self, start: int, end: int) -> "Said":
        """The same of some rows."""
        return Said(self.labels[start:end], self.scores[start:end], self.facts[start:end])


Ask = Callable[[Sequence[Row]], Said]

# Requests that arrive closer together than this many fixed costs of a call are on their way at once.
_PAUSE_COSTS = 1.0
_CLOSED = "another version answers now"
# What the names of threads that ask a model begin with.
THREADS = "model"


@dataclass(slots=True)
class _Wait:
    """Since when rows wait for the model, until when they did, and how many rows were asked for together."""

    since: float
    until: float | None = None
    together: int = 0


@dataclass(frozen=True, slots=True)
class _Waiting:
    """One request's rows, and where its answer is awaited."""

    rows: Sequence[Row]
    wait: _Wait
    answer: "asyncio.Future[Said]"


class Batcher:
    """Asks the model off the event loop, for several requests at once where that pays.

    ask: called in another thread, with rows, one call at a time where requests are batched, else up to `threads`.
    cost: what calls have cost; None leaves every request on its own.
    done: told of each call, in its thread, how many rows it had and how many seconds it took.
    waited: told of each request, in its own context, from when to when it waited (by `timer`) for a call of how many
    rows.
    """

    def __init__(  # noqa: PLR0913 - keyword-only, one a fact
        self,
        ask: Ask,
        *,
        cost: Cost | None,
        threads: int,
        timer: Callable[[], float] = time.perf_counter,
        done: Callable[[int, float], None] = lambda _rows, _seconds: None,
        waited: Callable[[float, float, int], None] = lambda _since, _until, _rows: None,
    ) -> None:
        self._ask = ask
        self._cost = cost
        self._timer = timer
        self._done = done
        self._waited = waited
        self._together = cost is not None and cost.pays
        self._pool = ThreadPoolExecutor(1 if self._together else threads, thread_name_prefix=THREADS)
        self._waiting: deque[_Waiting] = deque()
        self._rows = 0
        self._busy = self._closed = False
        self._around = 1
        self._hold: asyncio.TimerHandle | None = None
        self._held_since = 0.0

    @property
    def together(self) -> bool:
        """Whether requests share calls."""
        return self._together

    async def submit(self, rows: Sequence[Row]) -> Said:
        """The model's labels and scores for these rows, in order; raises what the model raises.

        Raises RuntimeError once the batcher is closed.
        """
        if self._closed:
            raise RuntimeError(_CLOSED)
        loop = asyncio.get_running_loop()
        wait = _Wait(self._timer())
        try:
            if not self._together:
                # A call of one request's own goes on in its context, with its trace.
                run = copy_context().run
                return await loop.run_in_executor(self._pool, run, self._timed, rows, [wait])
            waiting = _Waiting(rows, wait, loop.create_future())
            self._waiting.append(waiting)
            self._rows += len(rows)
            if not self._busy:
                self._go_or_hold(loop)
            return await waiting.answer
        finally:
            if wait.until is not None:
                self._waited(wait.since, wait.until, wait.together)

    def close(self) -> None:
        """Take no more, and ask no more for whom still waits; does not wait for calls that run."""
        self._closed = True
        self._pool.shutdown(wait=False)
        while self._waiting:
            answer = self._waiting.popleft().answer
            if not answer.done():
                answer.set_exception(RuntimeError(_CLOSED))

    def _go_or_hold(self, loop: asyncio.AbstractEventLoop) -> None:
        """Ask now if all who were around are here; else once nobody has come for a pause."""
        now = loop.time()
        if self._hold is None:
            self._held_since = now
        else:
            self._hold.cancel()
            self._hold = None
        cost = self._cost or Cost()
        held = now - self._held_since
        if len(self._waiting) >= self._around or self._is_full() or held >= cost.most_seconds:
            self._go(loop)
        else:
            self._hold = loop.call_later(_PAUSE_COSTS * cost.fixed, self._look_again, loop)

    def _look_again(self, loop: asyncio.AbstractEventLoop) -> None:
        """After the pause: what lies in the sockets of a loop that was busy itself comes first."""
        self._hold = loop.call_later(0, self._go, loop)

    def _is_full(self) -> bool:
        return self._cost is not None and self._rows >= self._cost.most_rows

    def _go(self, loop: asyncio.AbstractEventLoop) -> None:
        self._hold = None
        batch = self._take()
        if not batch:
            return
        self._busy = True
        call = loop.run_in_executor(self._pool, self._ask_for, batch)
        call.add_done_callback(lambda _: self._finished(loop, len(batch)))

    def _take(self) -> list[_Waiting]:
        most = self._cost.most_rows if self._cost is not None else 1
        batch: list[_Waiting] = []
        rows = 0
        while self._waiting and (not batch or rows + len(self._waiting[0].rows) <= most):
            waiting = self._waiting.popleft()
            self._rows -= len(waiting.rows)
            # Who gave up meanwhile is not asked for.
            if not waiting.answer.cancelled():
                batch.append(waiting)
                rows += len(waiting.rows)
        return batch

    def _finished(self, loop: asyncio.AbstractEventLoop, size: int) -> None:
        self._busy = False
        self._around = size + len(self._waiting)
        if self._waiting:
            self._go_or_hold(loop)

    def _ask_for(self, batch: Sequence[_Waiting]) -> None:
        """In the model's thread: one call for all; if that fails, one for each, so that one's rows fail nobody else."""
        try:
            rows = [row for waiting in batch for row in waiting.rows]
            said = self._timed(rows, [waiting.wait for waiting in batch])
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            if len(batch) == 1:
                _tell(batch, [error])
            else:
                _tell(batch, [self._alone(waiting.rows) for waiting in batch])
            return
        answers: list[Said | Exception] = []
        start = 0
        for waiting in batch:
            end = start + len(waiting.rows)
            answers.append(said.part(start, end))
            start = end
        _tell(batch, answers)

    def _alone(self, rows: Sequence[Row]) -> Said | Exception:
        try:
            return self._timed(rows)
        except Exception as error:  # noqa: BLE001 - told to whoever asked
            return error

    def _timed(self, rows: Sequence[Row], waits: Sequence[_Wait] = ()) -> Said:
        began = self._timer()
        for wait in waits:
            wait.until, wait.together = began, len(rows)
        said = self._ask(rows)
        seconds = self._timer() - began
        if self._cost is not None and self._together:
            self._cost.learn(len(rows), seconds)
        self._done(len(rows), seconds)
        return said


def _tell(batch: Sequence[_Waiting], answers: Sequence[Said | Exception]) -> None:
    """Hand the answers to the event loop, all in one wake-up."""
    batch[0].answer.get_loop().call_soon_threadsafe(_deliver, batch, answers)


def _deliver(batch: Sequence[_Waiting], answers: Sequence[Said | Exception]) -> None:
    for waiting, answer in zip(batch, answers, strict=True):
        if waiting.answer.done():
            continue
        if isinstance(answer, Exception):
            waiting.answer.set_exception(answer)
        else:
            waiting.answer.set_result(answer)
