"""Binary metrics on scores: how well they rank, and how far they can be believed as probabilities."""

import math
from dataclasses import replace

import numpy as np

from evaluation.metrics.base import (
    Distance,
    Metric,
    Need,
    Point,
    Sample,
    Weighted,
    Weights,
    divide,
    means,
    require,
    scores,
    totals,
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


def _roc_auc_weighted(sample: Sample, weights: Weights) -> FloatArray:
    """Mann-Whitney by counting: drawn negatives below each drawn positive, half of those at its score."""
    score, positive = scores(sample), sample.target == 1
    order = np.argsort(score[~positive], kind="stable")
    negatives = np.flatnonzero(~positive)[order]
    below = np.zeros((len(weights), len(negatives) + 1), dtype=np.float32)
    np.cumsum(weights[:, negatives], axis=1, out=below[:, 1:])
    first = np.searchsorted(score[negatives], score[positive], side="left")
    last = np.searchsorted(score[negatives], score[positive], side="right")
    beaten = below[:, first]
    beaten += below[:, last]
    drawn = weights[:, positive]
    won = np.einsum("bp,bp->b", drawn, beaten, dtype=np.float64) / 2
    return divide(won, drawn.sum(axis=1, dtype=np.float64) * below[:, -1].astype(np.float64))


def average_precision(sample: Sample) -> float:
    """Precision at every score threshold, weighted by the recall gained there.

    >>> average_precision(Sample(np.array([0, 1, 0]), np.zeros(3), np.array([0.1, 0.4, 0.6])))
    0.5
    """
    from sklearn.metrics import average_precision_score

    score = scores(sample)
    require(bool((sample.target == 1).any()), "no positive rows")
    return float(average_precision_score(sample.target, score))


def _average_precision_weighted(sample: Sample, weights: Weights) -> FloatArray:
    """Sum over the positive rows of the precision at the end of their tie, from the highest score down."""
    score = scores(sample)
    order = np.argsort(-score, kind="stable")
    falling, positive = -score[order], sample.target[order] == 1
    last_of_tie = np.searchsorted(falling, falling[positive], side="right") - 1
    drawn = weights[:, order]
    selected = np.cumsum(drawn, axis=1)[:, last_of_tie].astype(np.float64)
    gained = drawn[:, positive].astype(np.float64)
    hits = np.cumsum(gained, axis=1)
    precision = divide(hits[:, np.cumsum(positive)[last_of_tie] - 1], selected)
    # Nothing drawn so far: precision is undefined there, and nothing is gained either.
    return divide((gained * np.nan_to_num(precision)).sum(axis=1), gained.sum(axis=1))


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


def _log_loss_weighted(sample: Sample, weights: Weights) -> FloatArray:
    tiny = float(np.finfo(np.float64).eps)
    given = np.where(sample.target == 1, scores(sample), 1 - scores(sample))
    return means(-np.log(np.clip(given, tiny, 1 - tiny)), weights)


def brier(sample: Sample) -> float:
    """Mean squared distance of the score from what happened (Brier 1950).

    >>> brier(Sample(np.array([0, 1]), np.zeros(2), np.array([0.5, 0.5])))
    0.25
    """
    from sklearn.metrics import brier_score_loss

    score = scores(sample)
    require(sample.n > 0, "no rows")
    return float(brier_score_loss(sample.target, score, labels=[0, 1], pos_label=1))


def _brier_weighted(sample: Sample, weights: Weights) -> FloatArray:
    return means((scores(sample) - sample.target) ** 2, weights)


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


def _gaps(sample: Sample, weights: Weights) -> FloatArray:
    """Signed gap of every bin, weighted by its share of the rows, (b, bins)."""
    score = scores(sample)
    in_bin = _bin(score)[:, None] == np.arange(_BINS)
    gaps = weights @ np.where(in_bin, (score - sample.target)[:, None], 0.0)
    return gaps / np.where(totals(weights) > 0, totals(weights), math.nan)[:, None]


def _calibration_weighted(sample: Sample, weights: Weights) -> FloatArray:
    return np.asarray(np.abs(_gaps(sample, weights)).sum(axis=1))


def _metric(point: Point, weighted: Weighted, direction: Direction, *needs: Need) -> Metric:
    return Metric(
        name=point.__name__,
        direction=direction,
        range=(0.0, 1.0),
        tasks=frozenset({Task.BINARY}),
        point=point,
        weighted=weighted,
        needs=frozenset({Need.SCORES, *needs}),
    )


METRICS = (
    _metric(roc_auc, _roc_auc_weighted, Direction.HIGHER_IS_BETTER, Need.TWO_CLASSES),
    _metric(average_precision, _average_precision_weighted, Direction.HIGHER_IS_BETTER, Need.TWO_CLASSES),
    replace(_metric(log_loss, _log_loss_weighted, Direction.LOWER_IS_BETTER), range=(0.0, math.inf)),
    _metric(brier, _brier_weighted, Direction.LOWER_IS_BETTER),
    replace(
        _metric(expected_calibration_error, _calibration_weighted, Direction.LOWER_IS_BETTER),
        design=Distance(_gaps),
    ),
)
