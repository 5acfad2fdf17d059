"""Two models' hits on the same rows: limits of the difference of their shares by the score test."""

import math
from functools import partial
from statistics import NormalDist

from evaluation.stats.intervals import Interval

# Closer to a difference of -1 than this, the score statistic is beyond every level.
_EDGE = 1e-13


def tango(won: int, lost: int, base: int) -> Interval:
    """Score limits of the difference of two paired proportions.

    won, lost: rows of `base` that only the challenger, or only the champion, hit. The limits are the
    differences that the score test does not reject; they have width even where no row differs. Source: Tango
    1998, "Equivalence test and confidence interval for the difference in proportions for the paired-sample
    design", Statistics in Medicine 17.

    >>> low, high = tango(won=10, lost=30, base=400).limits(0.05)
    >>> round(low, 4), round(high, 4)
    (-0.0774, -0.0249)
    """
    method = "Tango score"
    if base == 0:
        return Interval.missing(method, "no rows count")

    def limits(level: float) -> tuple[float, float]:
        z = NormalDist().inv_cdf(1 - level)
        # The high limit is the low one with the models' places changed, to the last digit.
        return _low(won, lost, base, z), -_low(lost, won, base, z)

    return Interval(method, limits)


def score(won: int, lost: int, base: int, difference: float) -> float:
    """Tango's statistic of the hypothesis that the true difference is this one; about standard normal.

    >>> round(score(10, 30, 400, -0.05), 9)
    0.0
    """
    above = won - lost - base * difference
    variance = 2 * _only_champion(won, lost, base, difference) + difference * (1 - difference)
    if variance <= 0:
        return math.copysign(math.inf, above) if above else 0.0
    return above / math.sqrt(base * variance)


def _only_champion(won: int, lost: int, base: int, difference: float) -> float:
    """Most likely share of rows that only the champion hits, given the difference."""
    b = (2 * base - won + lost) * difference - won - lost
    c = -lost * difference * (1 - difference)
    root = math.sqrt(max(0.0, b * b - 8 * base * c))
    # Two forms of one root; each is taken where it does not subtract nearly equal numbers.
    return -2 * c / (b + root) if b > 0 else (root - b) / (4 * base)


def _low(won: int, lost: int, base: int, z: float) -> float:
    from scipy.optimize import brentq

    value = (won - lost) / base
    if value <= -1 or z <= 0:
        return value
    beyond = partial(_beyond, won, lost, base, z)
    start = -1 + _EDGE
    return float(brentq(beyond, start, value, xtol=1e-14)) if beyond(start) > 0 else -1.0


def _beyond(won: int, lost: int, base: int, z: float, difference: float) -> float:
    return score(won, lost, base, difference) - z
