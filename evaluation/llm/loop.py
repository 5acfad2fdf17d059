"""One event loop of our own, in a thread: calls come to it from any thread, and from any other loop."""

import asyncio
import os
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, wait
from typing import Any, Generic, TypeVar

T = TypeVar("T")
_END_S = 10.0


class Work(Generic[T]):
    """A coroutine that runs in our loop."""

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._loop = _loop()
        self._result: Future[T] = Future()
        # From now on it has an end of its own: nobody can mark it as cancelled while its task still runs.
        self._result.set_running_or_notify_cancel()
        self._loop.call_soon_threadsafe(self._start, coroutine)

    def cancel(self) -> None:
        """Stop it, and come back when all that it had started has ended."""
        self._loop.call_soon_threadsafe(self._stop)
        wait([self._result], _END_S)

    def wait(self) -> T:
        """Its result, for a caller that has no loop; Ctrl-C stops the work too."""
        try:
            return self._result.result()
        except BaseException:
            self.cancel()
            raise

    async def join(self) -> T:
        """Its result, for a caller in another loop; cancelling the caller stops the work too."""
        try:
            return await asyncio.wrap_future(self._result)
        except BaseException:
            await asyncio.to_thread(self.cancel)
            raise

    def _start(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._task = self._loop.create_task(coroutine)
        self._task.add_done_callback(self._finish)

    def _stop(self) -> None:
        # After `_start`, as the loop keeps their order.
        self._task.cancel()

    def _finish(self, task: asyncio.Task[T]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if error is None:
            self._result.set_result(task.result())
        else:
            self._result.set_exception(error)


_lock = threading.Lock()
_running: tuple[int, asyncio.AbstractEventLoop] | None = None


def _loop() -> asyncio.AbstractEventLoop:
    """The process's loop; a forked child has no thread of its parent's and gets one of its own."""
    global _running  # noqa: PLW0603 - one a process
    with _lock:
        if _running is None or _running[0] != os.getpid():
            loop = asyncio.new_event_loop()
            # A thread that is waited for at the end would keep a finished program alive.
            threading.Thread(target=loop.run_forever, name="llm-calls", daemon=True).start()
            _running = os.getpid(), loop
        return _running[1]
