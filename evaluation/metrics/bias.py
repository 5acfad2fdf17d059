"""How differently a model treats groups; names and values are fairlearn's.

Several sensitive columns are intersected before a metric sees them: each combination of values is one
group. A group without the rows that a rate is taken on makes the metric undefined, it is never dropped.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluation.metrics.base import (
    Across,
    GroupRates,
    Metric,
    Need,
    Point,
    Proportion,
    Sample,
    membership,
    require,
)
from evaluation.metrics.classification import (
    ACCURATE,
    ANY_CLASSES,
    BINARY,
    FALSE_POSITIVE,
    SELECTED,
    TRUE_POSITIVE,
)
from evaluation.types import Direction, Task


def demographic_parity_difference(sample: Sample) -> float:
    """Largest difference between groups in the share labelled positive.

    >>> demographic_parity_difference(_EXAMPLE)
    0.5
    """
    from fairlearn.metrics import demographic_parity_difference as measure

    return _fairlearn(measure, sample, SELECTED)


def demographic_parity_ratio(sample: Sample) -> float:
    """Least share labelled positive over the greatest, between groups; 1 is equal treatment.

    >>> demographic_parity_ratio(_EXAMPLE)
    0.5
    """
    from fairlearn.metrics import demographic_parity_ratio as measure

    require(bool((sample.label == 1).any()), "no row was labelled positive")
    return _fairlearn(measure, sample, SELECTED)


def equalized_odds_difference(sample: Sample) -> float:
    """Larger of the differences between groups in true and in false positive rate.

    Source: Hardt, Price and Srebro 2016, "Equality of opportunity in supervised learning".

    >>> equalized_odds_difference(_EXAMPLE)
    1.0
    """
    from fairlearn.metrics import equalized_odds_difference as measure

    return _fairlearn(measure, sample, TRUE_POSITIVE, FALSE_POSITIVE)


def equal_opportunity_difference(sample: Sample) -> float:
    """Largest difference between groups in true positive rate.

    >>> equal_opportunity_difference(_EXAMPLE)
    0.0
    """
    from fairlearn.metrics import equal_opportunity_difference as measure

    return _fairlearn(measure, sample, TRUE_POSITIVE)


def worst_group_accuracy(sample: Sample) -> float:
    """Accuracy in the group where it is least.

    >>> worst_group_accuracy(_EXAMPLE)
    0.5
    """
    from sklearn.metrics import accuracy_score

    return _worst(accuracy_score, sample, ACCURATE)


def worst_group_recall(sample: Sample) -> float:
    """Share of positive rows labelled positive, in the group where it is least.

    >>> worst_group_recall(_EXAMPLE)
    1.0
    """
    from sklearn.metrics import recall_score

    return _worst(lambda target, label: recall_score(target, label, pos_label=1), sample, TRUE_POSITIVE)


def _fairlearn(measure: Callable[..., Any], sample: Sample, *rates: Proportion) -> float:
    _require_base(sample, *rates)
    return float(measure(sample.target, sample.label, sensitive_features=sample.groups))


def _worst(measure: Callable[..., Any], sample: Sample, rate: Proportion) -> float:
    from fairlearn.metrics import MetricFrame

    _require_base(sample, rate)
    frame = MetricFrame(
        metrics=measure, y_true=sample.target, y_pred=sample.label, sensitive_features=sample.groups
    )
    return float(frame.group_min())


def _require_base(sample: Sample, *rates: Proportion) -> None:
    member = membership(sample)
    require(member.shape[1] > 1, f"{member.shape[1]} group only: {', '.join(sample.group_names)}")
    for rate in rates:
        base = (rate.counts(sample)[1][:, None] & member).sum(axis=0)
        empty = [name for name, rows in zip(sample.group_names, base, strict=True) if rows == 0]
        require(not empty, f"no rows for the {rate.name} of group {', '.join(empty)}")


def _metric(point: Point, across: Across, *rates: Proportion, tasks: frozenset[Task] = BINARY) -> Metric:
    return Metric(
        name=point.__name__,
        direction=(Direction.LOWER_IS_BETTER if across is Across.DIFFERENCE else Direction.HIGHER_IS_BETTER),
        range=(0.0, 1.0),
        tasks=tasks,
        point=point,
        design=GroupRates.of(across, *rates),
        needs=frozenset({Need.GROUPS}),
    )


METRICS = (
    _metric(demographic_parity_difference, Across.DIFFERENCE, SELECTED),
    _metric(demographic_parity_ratio, Across.RATIO, SELECTED),
    _metric(equalized_odds_difference, Across.DIFFERENCE, TRUE_POSITIVE, FALSE_POSITIVE),
    _metric(equal_opportunity_difference, Across.DIFFERENCE, TRUE_POSITIVE),
    _metric(worst_group_accuracy, Across.WORST, ACCURATE, tasks=ANY_CLASSES),
    _metric(worst_group_recall, Across.WORST, TRUE_POSITIVE),
)

# Two groups of two rows: all positive rows found in both, one negative row of the second labelled positive.
_EXAMPLE = Sample(
    target=np.array([0, 1, 0, 1]),
    label=np.array([0, 1, 1, 1]),
    groups=np.array([0, 0, 1, 1]),
    group_names=("sex=female", "sex=male"),
)
