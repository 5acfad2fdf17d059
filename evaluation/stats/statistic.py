"""A metric on a sample as a function of how often each unit is drawn."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import Undefined
from evaluation.metrics.base import (
    Cells,
    Distance,
    GroupRates,
    Metric,
    Ratio,
    Sample,
    Statistic,
    Weights,
    count_units,
    divide,
    groups_of,
)
from evaluation.stats.cells import Table, table
from evaluation.types import FloatArray, IntArray

# Rows that are summed in single precision before blocks are in double: what that rounds away is a ten-thousandth
# of a standard error for any number of rows, and it takes a third of the time. A single block is summed in double:
# there a resample of a few rows may cancel all but the last digits, and time does not matter.
_BLOCK = 1024


def statistic(metric: Metric, sample: Sample) -> Statistic:
    """What a metric gives for (b, units) multiplicities: (b,), or its parts: rates of groups, or gaps.

    Units are the sample's, or its rows. A metric made of gaps or cells needs them by unit only; any other is
    asked with every row's multiplicity, and one without `weighted` with every resample's rows.
    """
    if isinstance(metric.design, GroupRates) and not metric.design.counted:
        return _of_ratios(metric.design, sample)
    if isinstance(metric.design, Cells | GroupRates):
        return _of_cells(table(metric, sample), sample)
    if isinstance(metric.design, Distance):
        gaps = metric.design.gaps
        return _of_sums(np.asarray(gaps.columns(sample), dtype=np.float64), gaps.value, sample.units)
    by_rows = metric.weighted(sample) if metric.weighted is not None else _by_rows(metric, sample)
    if sample.units is None:
        return by_rows
    units = sample.units
    return lambda weights: by_rows(weights[:, units])


def _of_sums(
    columns: FloatArray, value: Callable[[FloatArray], FloatArray], units: IntArray | None
) -> Statistic:
    from scipy.sparse import csr_array

    if units is not None:
        columns = np.stack([np.bincount(units, weights=column) for column in columns.T], axis=1)
    n, k = columns.shape
    rows, which = np.nonzero(columns)
    blocks = -(-n // _BLOCK)
    precision = np.float64 if blocks <= 1 else np.float32
    entries = csr_array(
        (columns[rows, which].astype(precision), (rows // _BLOCK * k + which, rows)), shape=(blocks * k, n)
    )

    def sums(weights: Weights) -> FloatArray:
        by_block = (entries @ np.ascontiguousarray(weights.T)).reshape(blocks, k, len(weights))
        return value(by_block.sum(axis=0, dtype=np.float64).T)

    return sums


def _of_cells(cells: Table, sample: Sample) -> Statistic:
    from scipy.sparse import csr_array

    units = np.arange(sample.n) if sample.units is None else sample.units
    width = int(units.max(initial=-1)) + 1
    # Entries of one cell and unit add up.
    entries = csr_array((np.ones(sample.n), (cells.codes, units)), shape=(cells.cells, width))
    return lambda weights: cells.value((entries @ np.ascontiguousarray(weights.T)).T)


def _of_ratios(design: GroupRates, sample: Sample) -> Statistic:
    """Every ratio in every group: (b, rates, groups), NaN where a group has nothing below."""
    from scipy.sparse import csr_array

    groups = len(sample.group_names)
    ratios = [rate for rate in design.rates(sample) if isinstance(rate, Ratio)]
    units = np.arange(sample.n) if sample.units is None else sample.units
    width = int(units.max(initial=-1)) + 1
    entries = [
        csr_array((np.asarray(part, dtype=np.float64), (groups_of(sample), units)), shape=(groups, width))
        for rate in ratios
        for part in rate.sums(sample)
    ]

    def by_group(weights: Weights) -> FloatArray:
        drawn = np.ascontiguousarray(weights.T)
        sums = np.stack([(part @ drawn).T for part in entries], axis=1)
        by_rate = sums.reshape(len(weights), len(ratios), 2, groups)
        return divide(by_rate[:, :, 0], by_rate[:, :, 1])

    return by_group


def group_values(metric: Metric, design: GroupRates, sample: Sample) -> FloatArray:
    """Every rate in every group on all rows, (rates, groups), NaN where a group has no base."""
    if design.counted:
        return np.asarray(table(metric, sample).values()[0])
    return np.asarray(_of_ratios(design, sample)(np.ones((1, count_units(sample)), dtype=np.float32))[0])


def _by_rows(metric: Metric, sample: Sample) -> Statistic:
    def point(counts: NDArray[np.float32]) -> float:
        try:
            return float(
                metric.point(sample.take(np.repeat(np.arange(len(counts)), counts.astype(np.int64))))
            )
        except Undefined:
            return float("nan")

    def statistic(weights: Weights) -> FloatArray:
        return np.array([point(counts) for counts in weights], dtype=np.float64)

    return statistic
