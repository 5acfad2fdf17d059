"""Binary and multi-class metrics on labels.

Class codes are 0..k-1; in a binary task 1 is the positive class. Values are scikit-learn's; the shares of
rows carry their counts, from which Wilson's interval follows.
"""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluation.metrics.base import (
    Cells,
    Mask,
    Metric,
    Need,
    Point,
    Proportion,
    Sample,
    divide,
    require,
)
from evaluation.types import Direction, FloatArray, IntArray, Task

BINARY = frozenset({Task.BINARY})
ANY_CLASSES = frozenset({Task.BINARY, Task.MULTICLASS})


def _every(sample: Sample) -> Mask:
    return np.ones(sample.n, dtype=np.bool_)


def _of_target(name: str, counts: Callable[[Sample], tuple[Mask, Mask]]) -> Proportion:
    return Proportion(name, counts, shared_base=True)


ACCURATE = _of_target("accuracy", lambda s: (s.label == s.target, _every(s)))
TRUE_POSITIVE = _of_target("true positive rate", lambda s: ((s.target == 1) & (s.label == 1), s.target == 1))
FALSE_POSITIVE = _of_target(
    "false positive rate", lambda s: ((s.target == 0) & (s.label == 1), s.target == 0)
)
TRUE_NEGATIVE = _of_target("true negative rate", lambda s: ((s.target == 0) & (s.label == 0), s.target == 0))
PRECISE = Proportion("precision", lambda s: ((s.target == 1) & (s.label == 1), s.label == 1))
SELECTED = _of_target("selection rate", lambda s: (s.label == 1, _every(s)))


def _confusion(sample: Sample) -> tuple[IntArray, int]:
    """Target and label as one code, target * k + label for k classes."""
    k = max(2, int(sample.target.max(initial=0)) + 1, int(sample.label.max(initial=0)) + 1)
    small = np.int32 if k < 40_000 else np.int64
    return sample.target.astype(small) * k + sample.label.astype(small), k * k


def _by_class(counts: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Hits, rows and labelled rows of every class, each (b, k), from counts (b, k * k)."""
    k = math.isqrt(counts.shape[1])
    table = counts.reshape(-1, k, k)
    return np.einsum("bkk->bk", table), table.sum(axis=2), table.sum(axis=1)


def accuracy(sample: Sample) -> float:
    """Share of rows whose label is right.

    >>> accuracy(Sample(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])))
    0.75
    """
    from sklearn.metrics import accuracy_score

    require(sample.n > 0, "no rows")
    return float(accuracy_score(sample.target, sample.label))


def recall(sample: Sample) -> float:
    """Share of positive rows that were labelled positive.

    >>> recall(Sample(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])))
    0.5
    """
    from sklearn.metrics import recall_score

    require(bool((sample.target == 1).any()), "no positive rows")
    return float(recall_score(sample.target, sample.label, pos_label=1))


def specificity(sample: Sample) -> float:
    """Share of negative rows that were labelled negative.

    >>> specificity(Sample(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 1])))
    0.5
    """
    from sklearn.metrics import recall_score

    require(bool((sample.target == 0).any()), "no negative rows")
    return float(recall_score(sample.target, sample.label, pos_label=0))


def precision(sample: Sample) -> float:
    """Share of rows labelled positive that are.

    >>> precision(Sample(np.array([0, 1, 1, 0]), np.array([1, 1, 0, 0])))
    0.5
    """
    from sklearn.metrics import precision_score

    require(bool((sample.label == 1).any()), "no row was labelled positive")
    return float(precision_score(sample.target, sample.label, pos_label=1))


def selection_rate(sample: Sample) -> float:
    """Share of rows labelled positive.

    >>> selection_rate(Sample(np.array([0, 1, 1, 0]), np.array([1, 1, 1, 0])))
    0.75
    """
    from fairlearn.metrics import selection_rate as fairlearn_rate

    require(sample.n > 0, "no rows")
    return float(fairlearn_rate(sample.target, sample.label, pos_label=1))


def f1(sample: Sample) -> float:
    """Harmonic mean of precision and recall, 2 tp / (2 tp + fp + fn).

    >>> f1(Sample(np.array([0, 1, 1, 0]), np.array([1, 1, 0, 0])))
    0.5
    """
    from sklearn.metrics import f1_score

    require(
        bool((sample.target == 1).any() or (sample.label == 1).any()), "no row is or was labelled positive"
    )
    return float(f1_score(sample.target, sample.label, pos_label=1))


def _f1(counts: FloatArray) -> FloatArray:
    hits, rows, selected = (column[:, 1] for column in _by_class(counts))
    return divide(2 * hits, rows + selected)


def balanced_accuracy(sample: Sample) -> float:
    """Mean over the classes of the share of their rows that were labelled right.

    >>> balanced_accuracy(Sample(np.array([0, 0, 0, 1]), np.array([0, 0, 0, 0])))
    0.5
    """
    from sklearn.metrics import recall_score

    classes = np.unique(sample.target)
    require(len(classes) > 1, "one class only")
    return float(recall_score(sample.target, sample.label, labels=classes, average="macro"))


def _mean_where(values: FloatArray, present: Mask) -> FloatArray:
    return divide(np.where(present, values, 0.0).sum(axis=1), present.sum(axis=1))


def _balanced_accuracy(counts: FloatArray) -> FloatArray:
    hits, rows, _ = _by_class(counts)
    present = rows > 0
    return np.where(present.sum(axis=1) > 1, _mean_where(divide(hits, rows), present), np.nan)


def f1_macro(sample: Sample) -> float:
    """Mean of f1 over the classes that occur in target or label.

    >>> round(f1_macro(Sample(np.array([0, 1, 2, 2]), np.array([0, 1, 1, 2]))), 4)
    0.7778
    """
    from sklearn.metrics import f1_score

    require(sample.n > 0, "no rows")
    return float(f1_score(sample.target, sample.label, average="macro"))


def _f1_macro(counts: FloatArray) -> FloatArray:
    hits, rows, selected = _by_class(counts)
    return _mean_where(divide(2 * hits, rows + selected), rows + selected > 0)


def _share(point: Point, proportion: Proportion, tasks: frozenset[Task] = BINARY) -> Metric:
    return Metric(
        name=point.__name__,
        direction=Direction.HIGHER_IS_BETTER,
        range=(0.0, 1.0),
        tasks=tasks,
        point=point,
        design=proportion,
    )


def _of_confusion(point: Point, value: Callable[[FloatArray], FloatArray], tasks: frozenset[Task]) -> Metric:
    return Metric(
        name=point.__name__,
        direction=Direction.HIGHER_IS_BETTER,
        range=(0.0, 1.0),
        tasks=tasks,
        point=point,
        design=Cells(_confusion, value),
        needs=frozenset({Need.TWO_CLASSES}),
    )


METRICS = (
    _share(accuracy, ACCURATE, ANY_CLASSES),
    _share(precision, PRECISE),
    _share(recall, TRUE_POSITIVE),
    _share(specificity, TRUE_NEGATIVE),
    replace(_share(selection_rate, SELECTED), ranked=False),
    _of_confusion(f1, _f1, BINARY),
    _of_confusion(balanced_accuracy, _balanced_accuracy, ANY_CLASSES),
    _of_confusion(f1_macro, _f1_macro, frozenset({Task.MULTICLASS})),
)
