"""What all metrics between groups share: how they are made of rates, and what they refuse."""

from collections.abc import Callable
from typing import Any

import numpy as np

from evaluation.metrics.base import Across, GroupRates, Metric, Need, Point, Sample, membership, require
from evaluation.types import Direction, Task

_LESS_IS_BETTER = frozenset({Across.DIFFERENCE, Across.LARGEST})


def between_groups(  # noqa: PLR0913 - keyword-only
    point: Point,
    design: GroupRates,
    *,
    tasks: frozenset[Task],
    most: float = 1.0,
    needs: frozenset[Need] = frozenset(),
    unit: str = "",
) -> Metric:
    """The metric of that name, with values from 0 to `most`."""
    less = design.across in _LESS_IS_BETTER
    return Metric(
        name=point.__name__,
        direction=Direction.LOWER_IS_BETTER if less else Direction.HIGHER_IS_BETTER,
        range=(0.0, most),
        tasks=tasks,
        point=point,
        design=design,
        needs=needs | {Need.GROUPS},
        unit=unit,
    )


def require_base(sample: Sample, design: GroupRates) -> None:
    """Raise Undefined unless there are two groups, and every group has rows for every rate."""
    member = membership(sample)
    require(member.shape[1] > 1, f"{member.shape[1]} group only: {', '.join(sample.group_names)}")
    for rate in design.rates(sample):
        rows = (rate.counts(sample)[1][:, None] & member).sum(axis=0)
        empty = [name for name, n in zip(sample.group_names, rows, strict=True) if n == 0]
        require(not empty, f"no rows for the {rate.name} of group {', '.join(empty)}")


def by_group(measure: Callable[..., Any], sample: Sample) -> Any:
    """fairlearn's MetricFrame of a metric that takes target and label."""
    from fairlearn.metrics import MetricFrame

    return MetricFrame(
        metrics=measure, y_true=sample.target, y_pred=sample.label, sensitive_features=sample.groups
    )


# Two groups of two rows: all positive rows found in both, one negative row of the second labelled positive.
EXAMPLE = Sample(
    target=np.array([0, 1, 0, 1]),
    label=np.array([0, 1, 1, 1]),
    score=np.array([0.1, 0.9, 0.7, 0.9]),
    groups=np.array([0, 0, 1, 1]),
    group_names=("sex=female", "sex=male"),
)
