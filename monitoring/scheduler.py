"""Passes at regular times, until somebody asks to stop."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from types import FrameType
from typing import Protocol, TypeVar

Seen = TypeVar("Seen")


class Stop(Protocol):
    """Waits for the next pass, unless somebody has asked to stop."""

    asked: bool

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as the stop is asked for."""
        ...


class StopRequest:
    """A stop that a signal handler or another thread may ask for.

    It is a pipe and not an Event: a handler that runs while its own thread holds the Event's lock would
    wait for ever.

    >>> stop = StopRequest()
    >>> stop.ask()
    >>> stop.wait(60)
    >>> stop.asked
    True
    """

    def __init__(self) -> None:
        self.asked = False
        self._read, self._write = os.pipe()

    def ask(self) -> None:
        """Let the wait end, this one or the next."""
        self.asked = True
        os.write(self._write, b".")

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or as soon as the stop is asked for."""
        select.select([self._read], [], [], max(0.0, seconds))

    def close(self) -> None:
        """Give the pipe back."""
        os.close(self._read)
        os.close(self._write)


def run_every(  # noqa: PLR0913 the clock and the stop are handed in by tests
    every: timedelta,
    look: Callable[[], Seen],
    *,
    tell: Callable[[Seen], object],
    failed: Callable[[Exception], object],
    clock: Callable[[], float] = time.monotonic,
    stop: Stop | None = None,
) -> int:
    """Call `look` at once and then every so often, and `tell` with what it saw; returns how many passes
    there were.

    A pass that raises goes to `failed` and the loop goes on; what `failed` raises ends the loop. Times are
    multiples of `every` after the start; those that a long pass has overrun are left out, not made up for.
    SIGTERM and SIGINT let the pass at work finish and then end the loop; a second signal ends the process
    at once.
    """
    if stop is None:
        with _stop_on_signals() as asked:
            return run_every(every, look, tell=tell, failed=failed, clock=clock, stop=asked)
    start, step, passes = clock(), every.total_seconds(), 0
    while not stop.asked:
        try:
            tell(look())
        except Exception as error:  # noqa: BLE001 one pass without a log or a registry must not end the watch
            failed(error)
        passes += 1
        elapsed = clock() - start
        if not stop.asked:
            stop.wait(step - elapsed % step)
    return passes


@contextmanager
def _stop_on_signals() -> Iterator[StopRequest]:
    """A stop that SIGTERM and SIGINT ask for; only the main thread can listen to signals."""
    stop = StopRequest()
    before = {}

    def ask(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.ask()

    if threading.current_thread() is threading.main_thread():
        before = {number: signal.signal(number, ask) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        stop.close()
