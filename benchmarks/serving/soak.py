"""Memory of the endpoint under a steady load, and whether it grows."""

import threading
import time
from dataclasses import dataclass

from benchmarks.serving.bundle import Served
from benchmarks.serving.load import CLIENTS_AT_A_RATE
from benchmarks.serving.results import Soak
from benchmarks.serving.servers import Server
from mlops.load.measure import Load, measure
from mlops.load.wire import Target

SAMPLE_EVERY_S = 2.0
# At the beginning caches fill and arenas grow; a line through that would tell of nothing that goes on.
LEFT_OUT = 1 / 3
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


def slope(found: Soak) -> Slope | None:
    """The line through means of stretches of equal length, after the first third; None for too few samples.

    >>> steady = Soak(1, 1, 1, 0, tuple(range(360)), tuple(100 + 0.01 * s for s in range(360)))
    >>> round(slope(steady).value, 3)
    36.0
    """
    import numpy as np
    from scipy.stats import linregress

    first = int(len(found.at_s) * LEFT_OUT)
    at_s, mib = np.array(found.at_s[first:]), np.array(found.mib[first:])
    if at_s.size < 2 * STRETCHES:
        return None
    line = linregress(
        [part.mean() for part in np.array_split(at_s, STRETCHES)],
        [part.mean() for part in np.array_split(mib, STRETCHES)],
    )
    return Slope(float(line.slope) * 3600, float(line.stderr) * 3600)
