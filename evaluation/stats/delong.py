"""Area under the ROC curve in closed form: its variance from where every row is placed among the other class."""

from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Sample, scores
from evaluation.types import FloatArray, IntArray


@dataclass(frozen=True)
class Spread:
    """Standard error of an area, or of a difference of two, and its degrees of freedom."""

    error: float
    freedom: float


def placements(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Share of negatives below every positive, (positives,), and of positives above every negative, (negatives,).

    Ties count half; the mean of either is the area. One sort: rows of one score share what lies below it, as
    they share a midrank. Source: Sun and Xu 2014, "Fast implementation of DeLong's algorithm", IEEE Signal
    Processing Letters 21.

    >>> rows = Sample(np.array([0, 1, 1, 0]), np.zeros(4), np.array([0.1, 0.4, 0.8, 0.6]))
    >>> [placed.tolist() for placed in placements(rows)]
    [[0.5, 1.0], [1.0, 0.5]]
    """
    positive = sample.target == 1
    places = np.unique(scores(sample), return_inverse=True)[1]
    found, missed = places[positive], places[~positive]
    distinct = int(places.max(initial=-1)) + 1
    below = [_at_or_below(each, distinct) for each in (missed, found)]
    return below[0][found] / len(missed), 1 - below[1][missed] / len(found)


def _at_or_below(places: IntArray, n: int) -> FloatArray:
    """How many of the rows lie below each of n places, and half of those at it, (n,)."""
    at = np.bincount(places, minlength=n)
    return np.asarray(np.cumsum(at) - at / 2)


def spread(beaten: FloatArray, beating: FloatArray) -> Spread:
    """Standard error of the mean placement, or of the mean of differences of placements.

    Positives and negatives each add a variance of their own; with few of one class a normal quantile is too
    small, so the degrees of freedom follow Satterthwaite (1946). Source: DeLong, DeLong and Clarke-Pearson
    1988, "Comparing the areas under two or more correlated receiver operating characteristic curves",
    Biometrics 44.

    >>> found = spread(np.array([0.5, 1.0, 0.75]), np.array([1.0, 0.5]))
    >>> round(found.error, 4), round(found.freedom, 2)
    (0.2887, 1.68)
    """
    parts = [(float(np.var(part, ddof=1)) / len(part), len(part) - 1) for part in (beaten, beating)]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return Spread(0.0, 1.0)
    return Spread(variance**0.5, variance**2 / sum(part**2 / freedom for part, freedom in parts))
