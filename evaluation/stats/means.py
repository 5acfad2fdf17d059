"""Limits of means and ratios, from values a row or sums a unit."""

import math

import numpy as np

from evaluation.metrics.base import Mean, Metric, Proportion, Ranking, Sample
from evaluation.stats.delong import placements
from evaluation.stats.intervals import Interval
from evaluation.stats.student import student, student_of_share
from evaluation.types import FloatArray, IntArray


def linear(
    value: float, influence: FloatArray, method: str, *, share: bool = False, freedom: float | None = None
) -> Interval:
    """Limits of a value that moves by the sum of `influence`, (units,), one number a unit, summing to 0.

    share: whether the value is a share or an area, whose limits go by log odds. freedom: how well the spread
    is known, one degree fewer than units unless said.

    >>> x = np.array([1.0, 2.0, 4.0, 5.0])
    >>> low, high = linear(3.0, (x - x.mean()) / 4, "t").limits(0.05)
    >>> round(low, 3), round(high, 3)
    (0.852, 5.148)
    """
    units = len(influence)
    if units < 2:
        return Interval.missing(method, "fewer than two units")
    freedom = units - 1 if freedom is None else freedom
    squares = float(influence @ influence)
    spread = math.sqrt(units / (units - 1) * squares)
    # What rounding leaves of no spread at all.
    if spread < 1e-14 * max(1.0, abs(value)):
        return student(value, 0.0, freedom, method)
    if share:
        return student_of_share(value, spread, freedom, method)
    skew = float((influence**3).sum()) / squares**1.5
    return student(value, spread, freedom, method, skew)


def influence(metric: Metric, sample: Sample) -> FloatArray:
    """By how much every row, (n,), moves the metric, to first order; sums to 0.

    For shares and means of rows drawn in units, a ratio of two sums (Cochran 1977, section 11.3); for a
    ranking, DeLong's placements, summed by unit as Obuchowski (1997) does.

    Raises TypeError for a design that has no such form.
    """
    match metric.design:
        case Mean(values=values):
            found = values(sample)
            return np.asarray((found - found.mean()) / len(found))
        case Proportion(counts=counts):
            hits, base = counts(sample)
            total = float(base.sum())
            return np.asarray((hits - base * (float(hits.sum()) / total)) / total)
        case Ranking():
            positive = sample.target == 1
            found = np.empty(sample.n)
            for mask, placed in zip((positive, ~positive), placements(sample), strict=True):
                found[mask] = (placed - placed.mean()) / len(placed)
            return found
    raise TypeError(f"{metric.name} has no linear form")


def by_unit(values: FloatArray, units: IntArray) -> FloatArray:
    """Sums over the rows of every unit, (units,).

    >>> by_unit(np.array([1.0, 2.0, 4.0]), np.array([0, 1, 0]))
    array([5., 2.])
    """
    return np.asarray(np.bincount(units, weights=values), dtype=np.float64)
