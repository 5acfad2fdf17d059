"""One-sided limits, low and high, as functions of the error that is allowed on either side."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from evaluation.types import FloatArray

# Of an order statistic's tail: below 20 expected requests beyond it, the interval is wider than it is worth.
MIN_TAIL = 20
# Above this share of resamples without a value, the rest no longer stands for all.
MAX_UNDEFINED = 0.01
# Evidence stronger than this is not told apart.
LEAST_LEVEL = 1e-12

_NOWHERE = (-math.inf, math.inf)


@dataclass(frozen=True)
class Interval:
    """Limits for every level, how they are made, and what a guard has against them.

    limits: level in (0, 0.5] to (low, high), each wrong in at most that share of samples. As the level
    grows, low does not fall and high does not rise; (-inf, inf) where the level is too small for the
    evidence.
    resamples: how many draws with a value the limits rest on, None where they have a closed form.
    value: what the limits are about, where that is not the metric's value on the rows, or the difference of two.

    >>> interval = wilson(85, 100)
    >>> round(interval.limits(0.05)[0], 4), round(interval.p_above(0.75), 4)
    (0.7821, 0.0105)
    """

    method: str
    limits: Callable[[float], tuple[float, float]]
    problem: str | None = None
    resamples: int | None = None
    value: float | None = None

    @classmethod
    def missing(cls, method: str, problem: str) -> "Interval":
        """No limits at any level, and why."""
        return cls(method, lambda _level: _NOWHERE, problem)

    def p_below(self, bound: float) -> float:
        """Evidence that the truth lies below a bound: the smallest level at which high does, 1.0 for none."""
        return _smallest(lambda level: self.limits(level)[1] < bound)

    def p_above(self, bound: float) -> float:
        """Evidence that the truth lies above a bound: the smallest level at which low does, 1.0 for none."""
        return _smallest(lambda level: self.limits(level)[0] > bound)

    def problem_at(self, level: float) -> str | None:
        """What speaks against the limits at this level, or None."""
        if self.problem is not None:
            return self.problem
        low, high = self.limits(level)
        if math.isfinite(low) and math.isfinite(high):
            # Exact limits may meet where many rows have one value; resamples that agree prove nothing.
            return _NO_WIDTH if low == high and self.resamples is not None else None
        if self.resamples is None:
            return f"too few rows to show an error of {level:.2g}"
        return f"{self.resamples:,} resamples can't show an error of {level:.2g}; raise gate.resamples"


_NO_WIDTH = "every resample gives the same value, so the interval has no width"


def _smallest(holds: Callable[[float], bool]) -> float:
    """The least level at which something holds that also holds at every greater one; 1.0 where 0.5 is too small."""
    low, high = LEAST_LEVEL, 0.5
    if not holds(high):
        return 1.0
    if holds(low):
        return low
    while high / low > 1 + 1e-12:
        middle = math.sqrt(low * high)
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def wilson(hits: int, base: int) -> Interval:
    """Score limits of a proportion (Wilson 1927), with width even where all rows or none hit.

    >>> low, high = wilson(85, 100).limits(0.05)
    >>> round(low, 4), round(high, 4)
    (0.7821, 0.8995)
    """
    method = "Wilson score"
    if base == 0:
        return Interval.missing(method, "no rows count")
    share = hits / base

    def limits(level: float) -> tuple[float, float]:
        z = NormalDist().inv_cdf(1 - level)
        spread = z * z / base
        centre = (share + spread / 2) / (1 + spread)
        half = z / (1 + spread) * math.sqrt(share * (1 - share) / base + spread / (4 * base))
        return max(0.0, centre - half), min(1.0, centre + half)

    return Interval(method, limits)


def order_statistics(values: FloatArray, q: float) -> Interval:
    """Limits of the q-quantile by order statistics, exact for any distribution of independent values.

    The number of values at or below the true quantile is binomial(n, q); low and high are the values at the
    ranks that it passes with error at most the level (Conover 1999, section 3.2). Needs
    n * min(q, 1 - q) >= 20.

    >>> order_statistics(np.arange(1.0, 401.0), 0.95).limits(0.05)
    (373.0, 388.0)
    """
    from scipy.stats import binom

    method = "order statistics"
    n = len(values)
    if n * min(q, 1 - q) < MIN_TAIL - 1e-9:
        needed = requests_for(q)
        problem = f"{n:,} requests, at least {needed:,} are needed for this quantile"
        return Interval.missing(method, problem)
    ordered = np.sort(values)
    # below[r - 1] is the chance that the value of rank r lies above the quantile, above[r - 1] that it lies
    # below.
    below, above = binom.cdf(np.arange(n), n, q), binom.sf(np.arange(n), n, q)

    def limits(level: float) -> tuple[float, float]:
        low = int(np.searchsorted(below, level, side="right"))
        high = int(np.searchsorted(-above, -level, side="left"))
        return (
            float(ordered[low - 1]) if low > 0 else -math.inf,
            float(ordered[high]) if high < n else math.inf,
        )

    return Interval(method, limits)


def requests_for(q: float) -> int:
    """Fewest requests for an interval of the q-quantile.

    >>> requests_for(0.5), requests_for(0.95), requests_for(0.99)
    (40, 400, 2000)
    """
    return math.ceil(MIN_TAIL / min(q, 1 - q) - 1e-6)


def percentile(draws: FloatArray, value: float) -> Interval:
    """Percentile limits of bootstrap draws (b,), never tighter than the value itself.

    low is the k-th smallest draw and high the k-th largest, k the whole part of level * (b + 1): the
    evidence against a bound is then (1 + draws at or beyond it) / (b + 1). Refused (by `problem`) where more
    than 1 % of the draws are undefined.

    >>> percentile(np.arange(1.0, 100.0), 50.0).limits(0.05)
    (5.0, 95.0)
    """
    method = "percentile bootstrap"
    ordered = np.sort(draws[~np.isnan(draws)])
    b = len(ordered)
    if b == 0:
        return Interval.missing(method, "no resample has a value")

    def limits(level: float) -> tuple[float, float]:
        k = _rank(level, b)
        return (min(float(ordered[k - 1]), value), max(float(ordered[b - k]), value)) if k else _NOWHERE

    return Interval(method, limits, _undefined(b, len(draws)), b)


def outer(draws: FloatArray, value: float) -> Interval:
    """The farther of percentile and basic limits of the draws (b,) of a difference.

    Basic limits mirror the percentiles about the value; which of the two errs depends on the metric. For a
    difference of average precisions on 15 positive rows in 500, percentiles alone were too high in 7.8 of 100
    samples, the farther of both in 4.8. Source: Davison and Hinkley 1997, "Bootstrap methods and their
    application", section 5.2.

    >>> outer(np.arange(1.0, 100.0), 40.0).limits(0.05)
    (-15.0, 95.0)
    """
    plain = percentile(draws, value)

    def limits(level: float) -> tuple[float, float]:
        low, high = plain.limits(level)
        return min(low, 2 * value - high), max(high, 2 * value - low)

    return replace(plain, limits=limits, method="percentile and basic bootstrap")


def distance(gaps: FloatArray, draws: FloatArray) -> Interval:
    """Limits of a sum of absolute gaps, (gaps,), from its draws (b, gaps).

    Resampling adds to such a sum the bias that it already has, so that plain percentiles lie above the
    truth. The high limit keeps them, on the safe side. The low one goes by the triangle inequality: the sum
    is off by no more than the sum of what its gaps are off by, and of that the draws tell how far it
    strays.
    """
    value = float(np.abs(gaps).sum())
    plain = percentile(np.abs(draws).sum(axis=1), value)
    if plain.resamples is None:
        return plain
    reach = _reach(np.abs(draws - gaps).sum(axis=1))

    def limits(level: float) -> tuple[float, float]:
        low, high = plain.limits(level)
        return (max(0.0, value - reach(level)), high) if math.isfinite(low) else _NOWHERE

    return replace(plain, limits=limits, method="bootstrap of gaps")


def _rank(level: float, b: int) -> int:
    """How many of b draws may lie beyond a limit at this level, counting the limit."""
    # The tolerance takes care of levels such as 1 / (b + 1), which come back a digit short.
    return math.floor(level * (b + 1) + 1e-9)


def _reach(strays: FloatArray) -> Callable[[float], float]:
    """How far draws stray, as a function of the error allowed; inf where they are too few to say."""
    ordered = np.sort(strays[~np.isnan(strays)])

    def reach(level: float) -> float:
        k = _rank(level, len(ordered))
        return float(ordered[len(ordered) - k]) if k else math.inf

    return reach


def _undefined(defined: int, drawn: int) -> str | None:
    missing = drawn - defined
    return (
        f"{missing / drawn:.1%} of the resamples have no value" if missing > MAX_UNDEFINED * drawn else None
    )
