"""One-sided limits, low and high, each at the stated confidence (0.95: 5 % error on either side)."""

import math
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from evaluation.metrics.base import Across, across_groups
from evaluation.types import FloatArray

# Of an order statistic's tail: below 20 expected requests beyond it, the interval is wider than it is worth.
MIN_TAIL = 20
# Above this share of resamples without a value, the rest no longer stands for all.
MAX_UNDEFINED = 0.01


@dataclass(frozen=True)
class Limits:
    """Low and high, how they were made, and what a guard has against them; None where there are none."""

    low: float | None
    high: float | None
    method: str
    problem: str | None = None


def wilson(hits: int, base: int, confidence: float) -> Limits:
    """Score limits of a proportion (Wilson 1927), with width even where all rows or none hit.

    >>> limits = wilson(85, 100, 0.95)
    >>> round(limits.low, 4), round(limits.high, 4)
    (0.7821, 0.8995)
    """
    method = "Wilson score"
    if base == 0:
        return Limits(None, None, method, "no rows count")
    z = NormalDist().inv_cdf(confidence)
    share, spread = hits / base, z * z / base
    centre = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / base + spread / (4 * base))
    return Limits(max(0.0, centre - half), min(1.0, centre + half), method)


def order_statistics(values: FloatArray, q: float, confidence: float) -> Limits:
    """Limits of the q-quantile by order statistics, exact for any distribution of independent values.

    The number of values at or below the true quantile is binomial(n, q); low and high are the values at the
    ranks that it passes with the stated confidence (Conover 1999, section 3.2). Needs n * min(q, 1 - q) >=
    20.

    >>> limits = order_statistics(np.arange(1.0, 401.0), 0.95, 0.95)
    >>> limits.low, limits.high
    (373.0, 388.0)
    """
    from scipy.stats import binom

    method = "order statistics"
    n = len(values)
    if n * min(q, 1 - q) < MIN_TAIL - 1e-9:
        needed = requests_for(q)
        return Limits(None, None, method, f"{n:,} requests, at least {needed:,} are needed for this quantile")
    ordered = np.sort(values)
    # cdf(rank - 1) is the chance that the value of that rank lies above the quantile: at most 1 -
    # confidence for low.
    below = binom.cdf(np.arange(n), n, q)
    low = int(np.searchsorted(below, 1 - confidence, side="right"))
    high = int(np.searchsorted(below, confidence, side="left")) + 1
    return Limits(float(ordered[low - 1]), float(ordered[high - 1]), method)


def requests_for(q: float) -> int:
    """Fewest requests for an interval of the q-quantile.

    >>> requests_for(0.5), requests_for(0.95), requests_for(0.99)
    (40, 400, 2000)
    """
    return math.ceil(MIN_TAIL / min(q, 1 - q) - 1e-6)


def percentile(draws: FloatArray, value: float, confidence: float) -> Limits:
    """Percentile limits of bootstrap draws (b,), never tighter than the value itself.

    Refused (by `problem`) where they have no width, or more than 1 % of the draws are undefined: without
    these guards a sample in which nothing varies would look certain.
    """
    method = "percentile bootstrap"
    defined = draws[~np.isnan(draws)]
    if len(defined) == 0:
        return Limits(None, None, method, "no resample has a value")
    low, high = np.quantile(defined, [1 - confidence, confidence])
    low, high = min(float(low), value), max(float(high), value)
    return Limits(low, high, method, _undefined(len(defined), len(draws)) or _no_width(low, high))


def distance(gaps: FloatArray, draws: FloatArray, confidence: float) -> Limits:
    """Limits of a sum of absolute gaps, (gaps,), from its draws (b, gaps).

    Resampling adds to such a sum the bias that it already has, so that plain percentiles lie above the
    truth. The high limit keeps them, on the safe side. The low one goes by the triangle inequality: the sum
    is off by no more than the sum of what its gaps are off by, and of that the draws tell the `confidence`
    quantile.
    """
    value = float(np.abs(gaps).sum())
    plain = percentile(np.abs(draws).sum(axis=1), value, confidence)
    if plain.low is None or plain.high is None:
        return plain
    strays = np.abs(draws - gaps).sum(axis=1)
    reach = float(np.quantile(strays[~np.isnan(strays)], confidence))
    return replace(plain, low=max(0.0, value - reach), method="bootstrap of gaps")


def simultaneous(rates: FloatArray, draws: FloatArray, across: Across, confidence: float) -> Limits:
    """Limits of the largest difference, least ratio or least rate, that hold for all groups at once.

    The spread between groups is biased upwards and not smooth, so its own bootstrap covers nothing. Instead
    the draws (b, rates, groups) say how far any one comparison strays from its estimate (rates, groups); a
    comparison that strays no further than the `confidence` quantile of the largest does so for every pair
    of groups (Tukey's idea).
    """
    method = "simultaneous bootstrap over groups"
    value = float(across_groups(across, rates))
    if across is Across.RATIO and not (rates > 0).all():
        return Limits(None, None, method, "a group's rate is 0, a ratio to it has no interval")
    if across is Across.RATIO:
        rates, draws = np.log(rates), _log(draws)
    strays = draws - rates
    if across is Across.WORST:
        largest = np.abs(strays).max(axis=(1, 2))
    else:
        largest = (strays.max(axis=2) - strays.min(axis=2)).max(axis=1)
    defined = largest[~np.isnan(largest)]
    if len(defined) == 0:
        return Limits(None, None, method, "no resample has a value")
    reach = float(np.quantile(defined, confidence))
    low, high = value - reach, value + reach
    if across is Across.RATIO:
        low, high = value * math.exp(-reach), value * math.exp(reach)
    problem = _undefined(len(defined), len(draws)) or _no_width(low, high)
    return Limits(max(0.0, low), min(1.0, high), method, problem)


def _log(rates: FloatArray) -> FloatArray:
    return np.log(rates, out=np.full(rates.shape, math.nan), where=rates > 0)


def _undefined(defined: int, drawn: int) -> str | None:
    missing = drawn - defined
    return (
        f"{missing / drawn:.1%} of the resamples have no value" if missing > MAX_UNDEFINED * drawn else None
    )


def _no_width(low: float, high: float) -> str | None:
    return "every resample gives the same value, so the interval has no width" if low == high else None
