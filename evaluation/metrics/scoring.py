"""Binary metrics on scores: how well they rank, and how far they can be believed as probabilities."""

import math
from dataclasses import replace

import numpy as np

from evaluation.metrics.base import (
    Design,
    Distance,
    LeftOut,
    Mean,
    Metric,
    Need,
    Point,
    Ranking,
    Sample,
    Sums,
    divide,
    require,
    scores,
)
from evaluation.types import Direction, FloatArray, Task

_BINS = 10


def roc_auc(sample: Sample) -> float:
    """Chance that a positive row scores above a negative one, ties counted half.

    >>> roc_auc(Sample(np.array([0, 1, 1, 0]), np.zeros(4), np.array([0.1, 0.4, 0.8, 0.6])))
    0.75
    """
    from sklearn.metrics import roc_auc_score

    score = scores(sample)
    require(len(np.unique(sample.target)) == 2, "one class only")
    return float(roc_auc_score(sample.target, score))


def average_precision(sample: Sample) -> float:
    """Precision at every score threshold, weighted by the recall gained there.

    >>> average_precision(Sample(np.array([0, 1, 0]), np.zeros(3), np.array([0.1, 0.4, 0.6])))
    0.5
    """
    from sklearn.metrics import average_precision_score

    score = scores(sample)
    require(bool((sample.target == 1).any()), "no positive rows")
    return float(average_precision_score(sample.target, score))


def _average_precision_left_out(sample: Sample) -> FloatArray:
    """Average precision without each row in turn, (n,).

    At every score, from the highest down: so many rows of it and above it, and so many of them positive. A row
    that goes is missing from there on down, and where it was the last positive one nothing has a value.
    """
    positive = sample.target == 1
    place = np.unique(-scores(sample), return_inverse=True)[1]
    gained = np.bincount(place, weights=positive)
    rows, found, hits = np.cumsum(np.bincount(place)), np.cumsum(gained), float(positive.sum())
    fewer = np.maximum(rows - 1, 1)
    terms = gained * found / rows
    without_other = terms.sum() + _from_there_on(gained * found / fewer - terms)
    lost_here = (found - 1) / fewer
    without_hit = terms.sum() + _from_there_on(gained * lost_here - terms) - lost_here
    left = np.where(positive, without_hit[place], without_other[place])
    return divide(left, np.where(positive, hits - 1, hits))


def _from_there_on(values: FloatArray) -> FloatArray:
    return np.asarray(np.cumsum(values[::-1])[::-1])


def log_loss(sample: Sample) -> float:
    """Mean negative log of the probability given to what happened.

    Scores are clipped 2e-16 away from 0 and 1, as in scikit-learn.

    >>> round(log_loss(Sample(np.array([0, 1]), np.zeros(2), np.array([0.5, 0.25]))), 4)
    1.0397
    """
    from sklearn.metrics import log_loss as sklearn_log_loss

    score = scores(sample)
    require(sample.n > 0, "no rows")
    return float(sklearn_log_loss(sample.target, score, labels=[0, 1]))


def _surprise(sample: Sample) -> FloatArray:
    tiny = float(np.finfo(np.float64).eps)
    given = np.where(sample.target == 1, scores(sample), 1 - scores(sample))
    return np.asarray(-np.log(np.clip(given, tiny, 1 - tiny)))


def brier(sample: Sample) -> float:
    """Mean squared distance of the score from what happened (Brier 1950).

    >>> brier(Sample(np.array([0, 1]), np.zeros(2), np.array([0.5, 0.5])))
    0.25
    """
    from sklearn.metrics import brier_score_loss

    score = scores(sample)
    require(sample.n > 0, "no rows")
    return float(brier_score_loss(sample.target, score, labels=[0, 1], pos_label=1))


def _squared_distance(sample: Sample) -> FloatArray:
    return np.asarray((scores(sample) - sample.target) ** 2)


def expected_calibration_error(sample: Sample) -> float:
    """Mean gap between score and share of positives over ten bins of scores, weighted by their rows.

    Bins are [0, 0.1), [0.1, 0.2), ... [0.9, 1.0]; the gap of a bin is |mean score - share of positives|
    (Naeini, Cooper and Hauskrecht 2015, on the positive class). On few rows the value is biased upwards,
    even where the model is calibrated.

    >>> round(expected_calibration_error(Sample(np.array([0, 1]), np.zeros(2), np.array([0.25, 0.75]))), 4)
    0.25
    """
    from sklearn.metrics import mean_absolute_error

    score = scores(sample)
    require(sample.n > 0, "no rows")
    bins = _bin(score)
    rows = np.bincount(bins, minlength=_BINS)
    filled = rows > 0
    mean_score = np.bincount(bins, weights=score, minlength=_BINS)[filled] / rows[filled]
    positives = np.bincount(bins, weights=sample.target, minlength=_BINS)[filled] / rows[filled]
    return float(mean_absolute_error(positives, mean_score, sample_weight=rows[filled]))


def _bin(score: FloatArray) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.minimum((score * _BINS).astype(np.int64), _BINS - 1)


def _gap_columns(sample: Sample) -> FloatArray:
    """A column of ones, then score less target in the column of the row's bin."""
    score = scores(sample)
    columns = np.zeros((sample.n, 1 + _BINS))
    columns[:, 0] = 1.0
    columns[np.arange(sample.n), 1 + _bin(score)] = score - sample.target
    return columns


def _gaps(sums: FloatArray) -> FloatArray:
    """Signed gap of every bin, weighted by its share of the rows, (b, bins)."""
    return divide(sums[:, 1:], np.broadcast_to(sums[:, :1], sums[:, 1:].shape))


def _metric(point: Point, design: Design | None, direction: Direction, *needs: Need) -> Metric:
    return Metric(
        name=point.__name__,
        direction=direction,
        range=(0.0, 1.0),
        tasks=frozenset({Task.BINARY}),
        point=point,
        design=design,
        needs=frozenset({Need.SCORES, *needs}),
    )


METRICS = (
    _metric(roc_auc, Ranking(), Direction.HIGHER_IS_BETTER, Need.TWO_CLASSES),
    _metric(
        average_precision,
        LeftOut(_average_precision_left_out),
        Direction.HIGHER_IS_BETTER,
        Need.TWO_CLASSES,
    ),
    replace(_metric(log_loss, Mean(_surprise), Direction.LOWER_IS_BETTER), range=(0.0, math.inf)),
    _metric(brier, Mean(_squared_distance), Direction.LOWER_IS_BETTER),
    _metric(expected_calibration_error, Distance(Sums(_gap_columns, _gaps)), Direction.LOWER_IS_BETTER),
)
