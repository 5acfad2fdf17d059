"""Two models that differ on hardly any row: how far apart they can be at all."""

import numpy as np

from evaluation.metrics.base import Mean, Metric, Ranking, Sample, scores
from evaluation.stats.intervals import Interval

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
