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
    differences that the score test rejects neither as it is nor corrected for skewness, and have width even
    where no row differs. Sources: Tango 1998, "Equivalence test and confidence interval for the difference in
    proportions for the paired-sample design", Statistics in Medicine 17; the correction as Gart and Nam 1988
    have it for two samples, Biometrics 44.

    >>> low, high = tango(won=10, lost=30, base=400).limits(0.05)
    >>> round(low, 4), round(high, 4)
    (-0.0774, -0.0247)
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
    return _score(won, lost, base, difference)[0]


def cautious_score(won: int, lost: int, base: int, difference: float) -> float:
    """Tango's statistic, or, where that is less, the same corrected for skewness: evidence that the truth is greater.

    Under the hypothesis a row adds 1, 0 or -1 to the difference, so that its third moment is known. Where few
    rows differ, Tango's statistic alone shows harm up to twice as often as stated.

    >>> won = 10, 0, 200, 0.03
    >>> round(score(*won), 3), round(cautious_score(*won), 3)
    (1.658, 1.544)
    """
    plain, skew = _score(won, lost, base, difference)
    if plain <= 1 or skew <= 0:
        return plain
    # Beyond its turning point the correction would take evidence away for more evidence.
    capped = min(plain, 3 / skew)
    return min(plain, capped - skew / 6 * (capped**2 - 1))


def _score(won: int, lost: int, base: int, difference: float) -> tuple[float, float]:
    """The statistic, and the skewness of what it standardises."""
    above = won - lost - base * difference
    differing = 2 * _only_champion(won, lost, base, difference) + difference
    variance = differing - difference**2
    if variance <= 0:
        return (math.copysign(math.inf, above) if above else 0.0), 0.0
    third = difference - 3 * difference * differing + 2 * difference**3
    return above / math.sqrt(base * variance), third / math.sqrt(base * variance**3)


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
    return cautious_score(won, lost, base, difference) - z
