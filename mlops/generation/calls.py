"""Calling what may never come back, for so long and no longer."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextvars import Context, copy_context
from typing import Generic, TypeVar

Case = TypeVar("Case")
Said = TypeVar("Said")
# A thread that does not come back cannot be ended; so many of them are left behind, and no more.
MOST_STUCK = 16


class Calls(Generic[Case, Said]):
    """Calls of one function that never raises, so many at a time, each for so long, in the context of who asks.

    gone: what stands for an answer that did not come within timeout_s; refused: for a call that was not made, as
    MOST_STUCK earlier ones have not come back yet.

    >>> Calls(lambda case: case * 2, lambda: 0, lambda: 0, concurrency=2, timeout_s=60).each([1, 2, 3])
    [2, 4, 6]
    """

    def __init__(
        self,
        call: Callable[[Case], Said],
        gone: Callable[[], Said],
        refused: Callable[[], Said],
        *,
        concurrency: int,
        timeout_s: float,
    ) -> None:
        self._call, self._gone, self._refused = call, gone, refused
        self._concurrency, self._timeout_s = concurrency, timeout_s
        self._lock = threading.Lock()
        self._stuck: list[threading.Thread] = []

    def each(self, cases: Sequence[Case]) -> list[Said]:
        """What was said of each case, in order."""
        if len(cases) == 1:
            return [self._bounded(cases[0], copy_context())]
        pool = ThreadPoolExecutor(self._concurrency, thread_name_prefix="chain")
        try:
            # Several threads cannot run in one context at a time.
            return list(pool.map(self._bounded, cases, [copy_context() for _ in cases]))
        finally:
            # After Ctrl-C nothing more begins.
            pool.shutdown(cancel_futures=True)

    def _bounded(self, case: Case, context: Context) -> Said:
        with self._lock:
            self._stuck = [thread for thread in self._stuck if thread.is_alive()]
            if len(self._stuck) >= MOST_STUCK:
                return self._refused()
        said: list[Said] = []
        thread = threading.Thread(
            target=lambda: said.append(context.run(self._call, case)), name="chain-call", daemon=True
        )
        thread.start()
        thread.join(self._timeout_s)
        if said:
            return said[0]
        with self._lock:
            self._stuck.append(thread)
        return self._gone()
