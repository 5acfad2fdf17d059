"""Resampling rows by the cells that they fall into: exact, and as fast for ten million rows as for a thousand.

A metric that sees only how many rows fall into which cell gets the same from a draw of n rows as from a
multinomial draw of cells. For two models a cell is what both said of a row, so the comparison stays paired.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Cells, GroupRates, Metric, Proportion, Rate, Sample, divide, groups_of
from evaluation.types import FloatArray, IntArray

# Cells of one chunk of resamples, 8 bytes each.
_CHUNK = 4_000_000
# Up to so many possible pairs of cells they are counted, beyond it sorted.
_COUNTED = 4_000_000


@dataclass(frozen=True)
class Table:
    """One model's rows by cell: codes (n,) below `cells`, and what counts (b, cells) mean, (b, ...)."""

    codes: IntArray
    cells: int
    value: Callable[[FloatArray], FloatArray]

    def values(self) -> FloatArray:
        """What all rows give, (1, ...)."""
        return self.value(np.bincount(self.codes, minlength=self.cells)[None, :].astype(np.float64))


def table(metric: Metric, sample: Sample) -> Table:
    """A metric's rows by cell; rates for every group where it compares groups.

    Raises TypeError for a design without cells, such as ratios by group, and Undefined without groups.
    """
    match metric.design:
        case Cells() as design:
            codes, cells = design.codes(sample)
            return Table(codes, cells, design.value)
        case Proportion() as design:
            return Table(
                _states(sample, design), 3, lambda counts: divide(counts[:, 2], counts[:, 1] + counts[:, 2])
            )
        case GroupRates(counted=True) as design:
            return _by_group(design, sample)
    raise TypeError(f"{metric.name} has no cells")


def _states(sample: Sample, rate: Rate) -> IntArray:
    """0 outside of the rate's base, 1 in it, 2 a hit; (n,)."""
    hits, base = rate.counts(sample)
    return np.add(hits, base, dtype=np.int64)


def _by_group(design: GroupRates, sample: Sample) -> Table:
    """A cell for every group and every state that a row has in all rates together."""
    rates, groups = design.rates(sample), len(sample.group_names)
    states = np.zeros(sample.n, dtype=np.int64)
    known = np.zeros((1, 0), dtype=np.int64)
    for rate in rates:
        # Compressed at every step: of 3 ** rates states few occur, at most one for each pair of classes.
        joint = states * 3 + _states(sample, rate)
        occurring = np.flatnonzero(np.bincount(joint, minlength=3 * len(known)))
        position = np.zeros(3 * len(known), dtype=np.int64)
        position[occurring] = np.arange(len(occurring))
        states = position[joint]
        known = np.concatenate([known[occurring // 3], occurring[:, None] % 3], axis=1)
    hits, base = (known == 2).astype(np.float64), (known > 0).astype(np.float64)

    def value(counts: FloatArray) -> FloatArray:
        by_state = counts.reshape(len(counts), groups, len(known))
        return divide(by_state @ hits, by_state @ base).swapaxes(1, 2)

    return Table(groups_of(sample) * len(known) + states, groups * len(known), value)


def draws(tables: Sequence[Table], resamples: int, seed: tuple[int, ...]) -> tuple[FloatArray, ...]:
    """What each model's table gives in every resample, the same rows for all; each (resamples, ...).

    The draws depend on the counts alone, not on the order of rows.

    >>> rows = Table(np.array([0, 1, 1, 1]), 2, lambda counts: counts[:, 1] / 4)
    >>> (found,) = draws([rows], 400, seed=(1,))
    >>> found.shape, abs(float(found.mean()) - 0.75) < 0.05
    ((400,), True)
    """
    cells, counts = _joint(tables)
    n = int(counts.sum())
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    size = max(1, _CHUNK // max(len(counts), *(each.cells for each in tables)))
    parts: list[list[FloatArray]] = [[] for _ in tables]
    for start in range(0, resamples, size):
        drawn = random.multinomial(n, counts / n, size=min(size, resamples - start)).astype(np.float64)
        for part, each, codes in zip(parts, tables, cells, strict=True):
            part.append(each.value(_spread(drawn, codes, each.cells)))
    return tuple(np.concatenate(part) for part in parts)


def _joint(tables: Sequence[Table]) -> tuple[list[IntArray], IntArray]:
    """Every combination of cells that occurs: each table's cell in it, and its rows."""
    sizes = [each.cells for each in tables]
    joint = tables[0].codes.astype(np.int64)
    for each in tables[1:]:
        joint *= each.cells
        joint += each.codes
    if math.prod(sizes) <= _COUNTED:
        every = np.bincount(joint, minlength=math.prod(sizes))
        found = np.flatnonzero(every)
        counts = every[found]
    else:
        found, counts = np.unique(joint, return_counts=True)
    return list(np.unravel_index(found, sizes)), counts


def _spread(drawn: FloatArray, codes: IntArray, cells: int) -> FloatArray:
    """Draws of combinations (b, combinations) as draws of one table's cells (b, cells)."""
    from scipy.sparse import csr_array

    rows = np.arange(len(codes))
    return np.asarray(drawn @ csr_array((np.ones(len(codes)), (rows, codes)), shape=(len(codes), cells)))
