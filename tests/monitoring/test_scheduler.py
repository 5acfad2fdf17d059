"""Passes come at their times, survive a failure, and stop when asked; without sleeping."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
from datetime import timedelta

import pytest

from monitoring.scheduler import StopRequest, run_every


class Day:
    """A clock that moves only when somebody waits or works, and a stop after so many waits."""

    def __init__(self, waits, *, work_s=()):
        self.now = 1000.0
        self.asked = False
        self.left = waits
        self.work_s = list(work_s)
        self.started = []

    def clock(self):
        return self.now

    def wait(self, seconds):
        assert seconds > 0
        self.now += seconds
        self.left -= 1
        self.asked = self.left == 0

    def look(self):
        self.started.append(self.now - 1000)
        self.now += self.work_s.pop(0) if self.work_s else 0
        return len(self.started)


def _run(day, look=None, failed=None):
    seen = []
    count = run_every(
        timedelta(seconds=60),
        look or day.look,
        tell=seen.append,
        failed=failed or (lambda error: pytest.fail(str(error))),
        clock=day.clock,
        stop=day,
    )
    return count, seen


@pytest.mark.parametrize(
    ("work_s", "started"),
    [
        ((), [0, 60, 120, 180]),
        ((10, 59, 1), [0, 60, 120, 180]),
        ((61,), [0, 120, 180, 240]),
        ((200, 60), [0, 240, 360, 420]),
    ],
)
def test_passes_start_at_multiples_and_overrun_ones_are_left_out(work_s, started):
    day = Day(4, work_s=work_s)
    assert _run(day) == (4, [1, 2, 3, 4])
    assert day.started == started


def test_a_failing_pass_is_handed_over_and_the_next_one_comes():
    day, errors = Day(3), []

    def look():
        if day.look() == 2:
            raise OSError("the log is gone")
        return "fine"

    count, seen = _run(day, look, errors.append)
    assert (count, seen) == (3, ["fine", "fine"])
    assert [str(error) for error in errors] == ["the log is gone"]


def test_a_stop_asked_for_during_a_pass_ends_after_it():
    day = Day(100)

    def look():
        day.asked = True
        return "done"

    assert _run(day, look) == (1, ["done"])


def test_a_keyboard_interrupt_is_not_a_failing_pass():
    def look():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _run(Day(1), look)


def test_another_thread_can_end_the_wait():
    stop = StopRequest()
    timer = threading.Timer(0.05, stop.ask)
    timer.start()
    stop.wait(60)
    timer.join()
    assert stop.asked
    stop.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_loop_cleanly(number):
    program = textwrap.dedent(
        """
        from datetime import timedelta
        from monitoring.scheduler import run_every

        def tell(seen):
            print(seen, flush=True)

        print("ended after", run_every(timedelta(days=1), lambda: "seen", tell=tell, failed=print))
        """
    )
    process = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "seen\n"
    os.kill(process.pid, number)
    rest, _ = process.communicate(timeout=30)
    assert (rest, process.returncode) == ("ended after 1\n", 0)
