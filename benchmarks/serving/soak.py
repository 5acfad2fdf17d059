"""Memory of the endpoint under a steady load, and whether it grows."""

import threading
import time
from bisect import bisect_left
from dataclasses import dataclass

from benchmarks.serving.bundle import Served
from benchmarks.serving.load import CLIENTS_AT_A_RATE
from benchmarks.serving.results import Soak
from benchmarks.serving.servers import Server
from mlops.load.measure import Load, measure
from mlops.load.wire import Target

SAMPLE_EVERY_S = 2.0
# At the beginning memory grows until the request log has merged its files a few times (each 100 s), with some 60
# threads that stay; a line through that would tell of nothing that goes on. In a run of 27 minutes it then went up and
# down by some 20 MiB, in waves of minutes: ten minutes cannot tell less than that.
WARM_UP_S = 240.0
# Neighbouring samples repeat each other, so that an error from all of them would be too small; means of stretches
# repeat each other less.
STRETCHES = 12


@dataclass(frozen=True)
class Slope:
    """MiB an hour, with its standard error."""

    value: float
    se: float


def soak(server: Server, served: Served, rate: float, minutes: float) -> Soak:
    """Ask at a rate for so long, and read the memory of the server every two seconds."""
    target, contestant = Target.of(server.url), server.contestant
    request = target.post(contestant.route, contestant.content(served.record), contestant.key)
    at_s: list[float] = []
    mib: list[float] = []
    over = threading.Event()
    began = time.perf_counter()

    def sample() -> None:
        while not over.wait(SAMPLE_EVERY_S):
            at_s.append(round(time.perf_counter() - began, 1))
            mib.append(round(server.memory_mib(), 2))

    sampling = threading.Thread(target=sample)
    sampling.start()
    try:
        found = measure(target, request, Load(CLIENTS_AT_A_RATE, minutes * 60, rate))
    finally:
        over.set()
        sampling.join()
    failed = sum(found.failed.values())
    return Soak(minutes, rate, found.answered, failed, tuple(at_s), tuple(mib), found.unsent)


def warm_from(found: Soak) -> int:
    """The number of the first sample after the warm-up; how many there are if there is none."""
    return bisect_left(found.at_s, WARM_UP_S)


def slope(found: Soak) -> Slope | None:
    """The line through means of stretches of equal length, after the warm-up; None for too few samples.

    >>> steady = Soak(1, 1, 1, 0, tuple(range(600)), tuple(100 + 0.01 * s for s in range(600)))
    >>> round(slope(steady).value, 3)
    36.0
    >>> slope(Soak(1, 1, 1, 0, tuple(range(180)), tuple(100 + 0.01 * s for s in range(180)))) is None
    True
    """
    import numpy as np
    from scipy.stats import linregress

    first = warm_from(found)
    at_s, mib = np.array(found.at_s[first:]), np.array(found.mib[first:])
    if at_s.size < 2 * STRETCHES:
        return None
    line = linregress(
        [part.mean() for part in np.array_split(at_s, STRETCHES)],
        [part.mean() for part in np.array_split(mib, STRETCHES)],
    )
    return Slope(float(line.slope) * 3600, float(line.stderr) * 3600)
