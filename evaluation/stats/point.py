"""A metric's value on all rows."""

import math

import numpy as np

from evaluation.metrics.base import (
    Cells,
    GroupRates,
    Mean,
    Metric,
    Proportion,
    Ranking,
    Sample,
    Sums,
    across_groups,
)
from evaluation.stats.cells import table
from evaluation.stats.delong import placements
from evaluation.stats.statistic import group_values


def point(metric: Metric, sample: Sample) -> float:
    """The metric's value: from what it is made of where that takes one pass over the rows, else by its `point`.

    Raises Undefined where there is none.

    >>> from evaluation.metrics.builtin import find_metric
    >>> point(find_metric("recall"), Sample(np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])))
    0.5
    """
    value = math.nan
    match metric.design:
        case Mean(values=values):
            value = float(values(sample).mean())
        case Ranking() if 0 < np.count_nonzero(sample.target == 1) < sample.n:
            value = float(placements(sample)[0].mean())
        case Proportion() | Cells():
            value = float(table(metric, sample).values()[0])
        case Sums(columns=columns, value=of_sums):
            value = float(of_sums(columns(sample).sum(axis=0, keepdims=True))[0])
        case GroupRates(across=across) as design if len(sample.group_names) > 1:
            value = float(across_groups(across, group_values(metric, design, sample)))
    return float(metric.point(sample)) if math.isnan(value) else value
