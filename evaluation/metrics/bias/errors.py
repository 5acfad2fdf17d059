"""Differences between groups in the errors of a real-valued prediction, which are label less target."""

import math
from dataclasses import replace

import numpy as np

from evaluation.metrics.base import Across, GroupRates, Mask, Metric, Point, Proportion, Ratio, Sample
from evaluation.metrics.bias.between import between_groups, by_group, require_base
from evaluation.types import FloatArray, Task

# Errors above this quantile of all absolute errors are the tail.
_TAIL = 0.9


def _error_sums(sample: Sample) -> tuple[FloatArray, FloatArray]:
    return sample.label - sample.target, np.ones(sample.n)


def _size_sums(sample: Sample) -> tuple[FloatArray, FloatArray]:
    return np.abs(sample.label - sample.target), np.ones(sample.n)


def _in_tail(sample: Sample) -> tuple[Mask, Mask]:
    size = np.abs(sample.label - sample.target)
    edge = np.quantile(size, _TAIL) if sample.n else 0.0
    return np.asarray(size > edge), np.ones(sample.n, dtype=np.bool_)


_ERROR = GroupRates.of(Across.DIFFERENCE, Ratio("mean error", _error_sums))
_SIZE = GroupRates.of(Across.LARGEST, Ratio("mean absolute error", _size_sums))
_LARGE = GroupRates.of(Across.DIFFERENCE, Proportion("share of large errors", _in_tail))


def group_mean_error_difference(sample: Sample) -> float:
    """Largest difference between groups in mean error, in the target's unit: who is told too much, and who too little.

    >>> group_mean_error_difference(_EXAMPLE)
    2.0
    """
    require_base(sample, _ERROR)
    return float(by_group(lambda target, label: float(np.mean(label - target)), sample).difference())


def worst_group_mae(sample: Sample) -> float:
    """Mean absolute error in the group where it is greatest, in the target's unit.

    >>> worst_group_mae(_EXAMPLE)
    1.5
    """
    from sklearn.metrics import mean_absolute_error

    require_base(sample, _SIZE)
    return float(by_group(mean_absolute_error, sample).group_max())


def group_tail_error_difference(sample: Sample) -> float:
    """Largest difference between groups in the share of rows whose error is among the largest tenth of all.

    An error is large if its size lies above the 90 % quantile of all rows' error sizes. The interval takes that
    quantile as given.

    >>> group_tail_error_difference(_EXAMPLE)
    0.5
    """
    require_base(sample, _LARGE)
    large, _ = _in_tail(sample)
    share = by_group(lambda in_tail, _: float(np.mean(in_tail)), replace(sample, target=large))
    return float(share.difference())


def _metric(
    point: Point, design: GroupRates, *, most: float = math.inf, unit: str = "target's unit"
) -> Metric:
    return between_groups(point, design, tasks=frozenset({Task.REGRESSION}), most=most, unit=unit)


METRICS = (
    _metric(group_mean_error_difference, _ERROR),
    _metric(worst_group_mae, _SIZE),
    _metric(group_tail_error_difference, _LARGE, most=1.0, unit=""),
)

# Two groups of two rows: the first is told 0.5 too little on average, the second 1.5 too much.
_EXAMPLE = Sample(
    target=np.array([1.0, 2.0, 3.0, 4.0]),
    label=np.array([1.0, 1.0, 4.0, 6.0]),
    groups=np.array([0, 0, 1, 1]),
    group_names=("sex=female", "sex=male"),
)
