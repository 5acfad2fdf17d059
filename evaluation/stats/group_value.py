"""Limits of one number across groups, such as the largest difference between two of them.

The number is the largest of many comparisons, and a bootstrap of it takes the one that happens to be largest for
the right one. To show that it is small enough, every comparison has to be shown so on its own; the true largest
is among them, so no correction for their number is due (Berger 1982, intersection-union). To show that it is too
large one comparison is enough, which must hold for all of them at once (Tukey's idea).
"""

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from evaluation.metrics.base import Across, across_groups, divide
from evaluation.stats.comparisons import Comparisons, Groups, farthest, made_up_rows, rank_at, reach
from evaluation.stats.intervals import MAX_UNDEFINED, Interval, wilson
from evaluation.types import FloatArray

_Limit = Callable[[float], float]
_PAIRS = frozenset({Across.DIFFERENCE, Across.RATIO})


def group_value(model: Groups, across: Across, most: float = 1.0) -> Interval:
    """Limits of one model's number across groups, which lies between 0 and `most`.

    What proves it small enough is every comparison's own limit. Two binomial shares have a closed one, the least
    of many an exact one; any other comparison goes by its draws. What proves it too large is how far all
    comparisons stray at once in the draws. Shares get rows that are made up there, in every draw and group on
    average one that hits and one that does not: they keep a group in which all rows are alike from passing
    for one in which all always would be.

    >>> random = np.random.default_rng(1)
    >>> rates = np.array([[0.3, 0.5]])
    >>> draws = rates + random.normal(0, 0.02, (1000, 1, 2))
    >>> low, high = group_value(Groups(rates, draws), Across.DIFFERENCE).limits(0.05)
    >>> round(low, 2), round(high, 2)
    (0.14, 0.25)
    """
    rows = model.base if model.binomial else None
    if across is Across.WORST and rows is not None:
        return least_share(model.rates, rows)
    method = _method(model, across)
    rates, drawn = model.rates, _with_made_up_rows(model)
    value = float(across_groups(across, rates))
    if across is Across.RATIO:
        if not (rates > 0).all():
            return Interval.missing(method, "a group's rate is 0, a ratio to it has no interval")
        rates, drawn = np.log(rates), np.log(drawn, out=np.full(drawn.shape, math.nan), where=drawn > 0)
    defined = ~np.isnan(drawn).any(axis=(1, 2))
    if not defined.any():
        return Interval.missing(method, "no resample has a value")
    kept = Groups(rates, drawn[defined], model.base)
    comparisons = Comparisons.of(Across.DIFFERENCE if across is Across.RATIO else across, rates)
    if rows is not None and across in _PAIRS:
        highest = _by_shares(comparisons, model.rates, rows, logarithms=across is Across.RATIO)
    else:
        highest = _by_draws(comparisons, kept)
    lowest, b = _all_at_once(comparisons, kept), len(kept.draws)

    def limits(level: float) -> tuple[float, float]:
        if rank_at(level, b) == 0:
            return -math.inf, math.inf
        low, high = lowest(level), highest(level)
        if across is Across.RATIO:
            low, high = math.exp(-high), math.exp(-low)
        elif across is Across.WORST:
            low, high = -high, -low
        return max(0.0, min(low, value)), min(most, max(high, value))

    missing = 1 - float(defined.mean())
    problem = f"{missing:.1%} of the resamples have no value" if missing > MAX_UNDEFINED else None
    return Interval(method, limits, problem, b)


def _method(model: Groups, across: Across) -> str:
    if across not in _PAIRS:
        return "bootstrap of every group"
    return "Newcombe score of every pair, bootstrap of all" if model.binomial else "bootstrap of every pair"


def _all_at_once(comparisons: Comparisons, model: Groups) -> _Limit:
    """Lower limit of the largest comparison: by how much any of them strays above its value, the most of all."""
    largest, b = comparisons.values(model.rates).max(), len(model.draws)
    above = farthest(reach(comparisons, model), 0.5)
    return lambda level: float(largest - above[rank_at(level, b) - 1])


def _by_shares(comparisons: Comparisons, shares: FloatArray, base: FloatArray, *, logarithms: bool) -> _Limit:
    """Upper limit of the largest comparison of two binomial shares, each pair's own (Newcombe 1998, method 10).

    By how far one share's Wilson limit lies above it and the other's below, added as variances are; the ratio
    is a difference of logarithms (Zou and Donner 2008).
    """
    hits = np.round(shares * base)
    alone = [wilson(int(hit), int(rows)) for hit, rows in zip(hits.flat, base.flat, strict=True)]
    rates = np.log(shares) if logarithms else shares
    value = comparisons.values(rates)

    def limit(level: float) -> float:
        own = np.array([each.limits(level) for each in alone]).reshape(*rates.shape, 2)
        if logarithms:
            own = np.log(own, out=np.full(own.shape, -math.inf), where=own > 0)
        above = (own[..., 1] - rates)[comparisons.rate, comparisons.first]
        below = (rates - own[..., 0])[comparisons.rate, comparisons.second]
        return float((value + np.hypot(above, below)).max())

    return limit


def _by_draws(comparisons: Comparisons, model: Groups) -> _Limit:
    """Upper limit of the largest comparison, by how far each falls short of its value in the draws."""
    values, strays, skewed, b = [], [], [], len(model.draws)
    for block in comparisons.blocks(b):
        values.append(block.values(model.rates))
        drawn = block.values(model.draws)
        strays.append(farthest(values[-1] - drawn, 0.5))
        skewed.append(np.stack(_spread_and_skew(drawn)))
    value, stray = np.concatenate(values), np.concatenate(strays, axis=1)
    spread, skew = np.concatenate(skewed, axis=1)

    def limit(level: float) -> float:
        farther = stray[rank_at(level, b) - 1]
        if model.base is None:
            z = NormalDist().inv_cdf(1 - level)
            farther = np.maximum(farther, spread * (z + skew * (2 * z * z + 1) / 6))
        return float((value + farther).max())

    return limit


def _spread_and_skew(draws: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Standard deviation and skewness of draws (b, ...), the latter 0 where it is negative or nothing varies.

    A mean of values with a long upper tail is too small in most samples, and its spread with it; the skewness
    of the draws says by how much (Johnson 1978). Shares need this not, they have made-up rows.
    """
    moved = draws - draws.mean(axis=0)
    spread = np.sqrt((moved**2).mean(axis=0))
    skew = divide((moved**3).mean(axis=0), spread**3)
    return spread, np.maximum(np.nan_to_num(skew), 0.0)


def _with_made_up_rows(model: Groups) -> FloatArray:
    if model.base is None:
        return model.draws
    hits, misses = made_up_rows((2, *model.draws.shape), stream=1)
    moved = (hits * (1 - model.rates) - misses * model.rates) / model.base
    return np.asarray(np.clip(model.draws + moved, 0.0, 1.0))


def least_share(rates: FloatArray, base: FloatArray) -> Interval:
    """Limits of the least of many shares of independent rows, exact in every group (Clopper and Pearson 1934).

    rates, base: (rates, groups) shares and the rows behind them.

    >>> low, high = least_share(np.array([[0.9, 0.95]]), np.array([[100.0, 20.0]])).limits(0.05)
    >>> round(low, 3), round(high, 3)
    (0.784, 0.951)
    """
    from scipy.special import betaincinv

    hits = np.round(rates * base)

    def limits(level: float) -> tuple[float, float]:
        low = np.where(hits > 0, betaincinv(np.maximum(hits, 1), base - hits + 1, level), 0.0)
        # Any of the shares may prove the least to be below its limit, so they divide the error.
        every = level / rates.size
        misses = base - hits
        high = np.where(misses > 0, 1 - betaincinv(np.maximum(misses, 1), hits + 1, every), 1.0)
        return float(low.min()), float(high.min())

    return Interval("exact binomial in every group", limits)
