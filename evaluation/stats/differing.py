"""Two models that differ on hardly any row: how far apart they can be at all."""

import numpy as np

from evaluation.metrics.base import (
    GroupRates,
    Mask,
    Mean,
    Metric,
    Proportion,
    Ranking,
    Ratio,
    Sample,
    Sums,
    membership,
    scores,
)
from evaluation.stats.guards import MIN_DIFFERING
from evaluation.stats.intervals import Interval
from evaluation.types import FloatArray

METHOD = "bound on differing rows"


def most(hits: int, n: int, level: float) -> float:
    """Upper limit of a share, exact (Clopper and Pearson 1934).

    >>> round(most(0, 100, 0.05), 4)
    0.0295
    """
    from scipy.special import betainccinv

    return 1.0 if hits >= n else float(betainccinv(hits + 1, n - hits, level))


def bound(metric: Metric, challenger: Sample, champion: Sample) -> Interval | None:
    """Limits of a difference from the rows on which it can arise, or None where there are none of the kind.

    A mean of values between 0 and 1 rises by no more than the share of rows whose value rises. A ranking
    gets better by no more than the share of positive rows that score higher, plus the share of negative rows
    that score lower, and each of the two gets half of the error.
    """
    low, high = metric.range
    width = high - low
    if isinstance(metric.design, Mean) and np.isfinite(width):
        change = metric.design.values(challenger) - metric.design.values(champion)
        up, down, n = int((change > 0).sum()), int((change < 0).sum()), len(change)
        return Interval(METHOD, lambda level: (-width * most(down, n, level), width * most(up, n, level)))
    if isinstance(metric.design, Ranking):
        change = np.sign(scores(challenger) - scores(champion))
        change[challenger.target != 1] *= -1
        return _of_ranking(change, challenger.target == 1)
    return None


def bound_edge(metric: Metric, sample: Sample) -> Interval | None:
    """Limits of a share or mean whose values all lie at one end of its range, such as no echo in any answer; else None.

    Its distance from that end is at most the width of the range times the share of rows that lie elsewhere, of which
    none was seen. Rows that come in units count as units: times how much larger the largest is than their mean.
    """
    low, high = metric.range
    values, counted = _values(metric, sample)
    if not np.isfinite(high - low) or len(values) == 0 or np.ptp(values) > 0 or values[0] not in {low, high}:
        return None
    sizes = np.ones(len(values)) if sample.units is None else np.bincount(sample.units[counted])
    sizes = sizes[sizes > 0]
    widest, at_low = (high - low) * sizes.max() / sizes.mean(), values[0] == low

    def limits(level: float) -> tuple[float, float]:
        away = min(high - low, widest * most(0, len(sizes), level))
        return (low, low + away) if at_low else (high - away, high)

    return Interval("bound on unseen rows", limits)


def _values(metric: Metric, sample: Sample) -> tuple[FloatArray, Mask]:
    """What a mean or a share is taken of, and which rows count; nothing of other designs."""
    match metric.design:
        case Mean(values=values):
            return values(sample), np.ones(sample.n, dtype=np.bool_)
        case Proportion(counts=counts):
            hits, base = counts(sample)
            return hits[base].astype(np.float64), base
        case Sums(columns=columns, averages=True):
            found = columns(sample)
            counted = found[:, 1] > 0
            return found[counted, 0], counted
    return np.empty(0), np.zeros(sample.n, dtype=np.bool_)


def bound_gap(metric: Metric, sample: Sample) -> Interval | None:
    """Limits of the largest difference between groups in a mean, where hardly any unit has one at all, else None.

    For units with one row in every group, such as the variants of a case, and values of a known width: a group's
    mean is above another's by no more than that width times the share of units in which its value is. Fewer than
    ten of them say too little to be resampled.
    """
    paired = _paired(metric, sample)
    if paired is None or not np.isfinite(metric.range[1]):
        return None
    if (np.ptp(paired, axis=1) > 0).sum() >= MIN_DIFFERING:
        return None
    n, width = len(paired), metric.range[1]
    above = (paired[:, :, None] > paired[:, None, :]).sum(axis=0).max()
    return Interval("bound on differing cases", lambda level: (0.0, width * most(int(above), n, level)))


def _paired(metric: Metric, sample: Sample) -> FloatArray | None:
    """The values of every unit, (units, groups), where it has exactly one row in each group; else None."""
    if not isinstance(metric.design, GroupRates) or sample.units is None:
        return None
    rates = metric.design.rates(sample)
    if len(rates) != 1 or not isinstance(rates[0], Ratio):
        return None
    values, _ = rates[0].sums(sample)
    row, group = np.nonzero(membership(sample))
    shape = (int(sample.units.max()) + 1, len(sample.group_names))
    cell = np.ravel_multi_index((sample.units[row], group), shape)
    if len(np.unique(cell)) < len(cell) or len(cell) != shape[0] * shape[1]:
        return None
    found = np.empty(shape)
    found.flat[cell] = values[row]
    return found


def _of_ranking(change: np.ndarray, positive: np.ndarray) -> Interval:
    parts = [
        (int((change[part] > 0).sum()), int((change[part] < 0).sum()), int(part.sum()))
        for part in (positive, ~positive)
    ]

    def limits(level: float) -> tuple[float, float]:
        up = sum(most(better, n, level / 2) for better, _, n in parts)
        down = sum(most(worse, n, level / 2) for _, worse, n in parts)
        return max(-1.0, -down), min(1.0, up)

    return Interval(METHOD, limits)
