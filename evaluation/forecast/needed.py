"""How many units a check needs, and how far from its bound the truth must lie for those at hand."""

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

from evaluation.answers import Answers
from evaluation.forecast.simulate import Judge, Seen, simulate
from evaluation.metrics.base import Distance, GroupRates
from evaluation.plan import Line
from evaluation.stats.power import OUT_OF_REACH

POWER = 0.8
# More units than this are not drawn: every one more only helps, and it takes long enough.
MOST_UNITS = 100_000
_Z_POWER = NormalDist().inv_cdf(POWER)
# Within this factor of the units that were simulated, the square root holds well enough.
_NEAR = 1.5
_PROBES = 3
_PROBE_RUNS = 40
# A probe of which fewer runs than this have an interval tells that the units are too few for one.
_USABLE = 0.9

Probe = Callable[[float], Seen | None]


def reach(line: Line, seen: Seen) -> float | None:
    """Least distance between truth and bound that is decided with 80 %; None where too few runs have an interval.

    The limit lies so far from the value, the value spreads by z(0.8) standard deviations; and largest differences and
    sums of gaps lie beyond the truth, the more the fewer the units.
    """
    if len(seen.values) < 2 or seen.truth is None:
        return None
    _, above = line.bound_line
    half = float((seen.values - seen.lows if above else seen.highs - seen.values).mean())
    found = half + _Z_POWER * float(seen.values.std(ddof=1))
    if isinstance(line.metric.design, GroupRates | Distance):
        beyond = float(seen.values.mean()) - seen.truth
        found += -beyond if above else beyond
    return found if found > 0 else None


def distance(line: Line, truth: float) -> float:
    """From the bound to the truth, positive where the truth keeps it."""
    bound, above = line.bound_line
    return truth - bound if above else bound - truth


def needed(line: Line, seen: Seen, probe: Probe) -> int | None:
    """Units that decide with 80 %, were the truth what `seen` shows; None out of reach.

    Found by the square root; where that leads far from the units that were simulated, `probe` simulates there, and the
    power by which the reach shrinks is taken from both. Intervals from few units are wider than those from many let
    expect.
    """
    known, truth = reach(line, seen), seen.truth
    if known is None or truth is None or (gap := distance(line, truth)) <= 0:
        return None
    base, power = seen.n, 0.5
    units: float = base * (known / gap) ** (1 / power)
    for _ in range(_PROBES):
        if units > seen.n * OUT_OF_REACH:
            return None
        if 1 / _NEAR <= units / base <= _NEAR:
            break
        found = probe(units)
        if found is None or found.n == base:
            break
        again = reach(line, found) if found.usable >= _USABLE else None
        if again is None:
            units *= 2
            continue
        power = min(1.0, max(0.5, math.log(again / known) / math.log(base / found.n)))
        base, known = found.n, again
        units = base * (known / gap) ** (1 / power)
    return math.ceil(units - 1e-9)


def prober(line: Line, seen: Seen, pilot: Answers, judge: Judge, units: int) -> Probe:
    """Simulates one check on another number of its units, where `seen` was on `units` units in all.

    Gives None where that would be more than 100,000 in all.
    """
    checks = tuple(check for check in judge.gate.checks if check.metric == line.metric.name)
    alone = replace(judge, gate=judge.gate.model_copy(update={"checks": checks}))

    def probe(wanted: float) -> Seen | None:
        drawn = math.ceil(units * wanted / seen.n)
        if drawn > MOST_UNITS:
            return None
        found = simulate(pilot, alone, units=drawn, runs=_PROBE_RUNS).checks.get((line.id, line.comparison))
        return None if found is None else replace(found, truth=seen.truth)

    return probe
