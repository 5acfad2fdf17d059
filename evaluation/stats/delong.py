"""Area under the ROC curve in closed form: its variance from where every row is placed among the other class."""

from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Sample, scores
from evaluation.types import FloatArray


@dataclass(frozen=True)
class Spread:
    """Standard error of an area, or of a difference of two, and its degrees of freedom."""

    error: float
    freedom: float


def placements(sample: Sample) -> tuple[FloatArray, FloatArray]:
    """Share of negatives below every positive, (positives,), and of positives above every negative, (negatives,).

    Ties count half; the mean of either is the area. By midranks in O(n log n). Source: Sun and Xu 2014, "Fast
    implementation of DeLong's algorithm", IEEE Signal Processing Letters 21.

    >>> rows = Sample(np.array([0, 1, 1, 0]), np.zeros(4), np.array([0.1, 0.4, 0.8, 0.6]))
    >>> [placed.tolist() for placed in placements(rows)]
    [[0.5, 1.0], [1.0, 0.5]]
    """
    from scipy.stats import rankdata

    score, positive = scores(sample), sample.target == 1
    ranks = rankdata(score)
    found, missed = ranks[positive], ranks[~positive]
    beaten = (found - rankdata(score[positive])) / len(missed)
    beating = 1 - (missed - rankdata(score[~positive])) / len(found)
    return beaten, beating


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
