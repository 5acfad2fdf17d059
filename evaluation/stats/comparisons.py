"""The comparisons whose largest is one number across groups, such as all gaps between two of them."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Across
from evaluation.types import FloatArray, IntArray

# Numbers of one block of comparisons in all draws, 8 bytes each.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Groups:
    """One model's rates (rates, groups), and the same in every draw (b, rates, groups), NaN where undefined.

    base: (rates, groups) units behind every share; None where the rates are no shares. binomial: whether these
    units are single rows, so that the hits of every group are binomial.
    """

    rates: FloatArray
    draws: FloatArray
    base: FloatArray | None = None
    binomial: bool = False


@dataclass(frozen=True)
class Comparisons:
    """All comparisons whose largest is the number across groups, or its negative where that is a least one.

    (comparisons,) each: which rate, which group, and which other group or, for the largest size, which sign.
    """

    across: Across
    rate: IntArray
    first: IntArray
    second: IntArray

    @classmethod
    def of(cls, across: Across, rates: FloatArray) -> "Comparisons":
        """For every rate (rates, groups) each group, for the largest size with either sign, else each ordered pair."""
        others = {Across.WORST: 1, Across.LARGEST: 2}.get(across)
        kinds, groups = rates.shape
        rate, first, second = (axis.ravel() for axis in np.indices((kinds, groups, others or groups)))
        wanted = np.full(len(rate), fill_value=True) if others else first != second
        return cls(across, rate[wanted], first[wanted], second[wanted])

    def blocks(self, draws: int) -> Iterator["Comparisons"]:
        """Some of them at a time, so that memory stays bounded for this many draws."""
        size = max(1, _BLOCK // max(draws, 1))
        for start in range(0, len(self.rate), size):
            part = slice(start, start + size)
            yield Comparisons(self.across, self.rate[part], self.first[part], self.second[part])

    def values(self, rates: FloatArray) -> FloatArray:
        """Rates (..., rates, groups) to comparisons (..., comparisons).

        >>> comparisons = Comparisons.of(Across.DIFFERENCE, np.zeros((1, 2)))
        >>> comparisons.values(np.array([[0.5, 0.25]]))
        array([ 0.25, -0.25])
        """
        first = rates[..., self.rate, self.first]
        if self.across is Across.WORST:
            return -first
        if self.across is Across.LARGEST:
            return np.where(self.second == 0, first, -first)
        second = rates[..., self.rate, self.second]
        return first - second if self.across is Across.DIFFERENCE else -first / second


def reach(comparisons: Comparisons, model: Groups) -> FloatArray:
    """By how much any comparison lies above its value in each draw, the most of all, (b,)."""
    above = [
        (block.values(model.draws) - block.values(model.rates)).max(axis=1)
        for block in comparisons.blocks(len(model.draws))
    ]
    return np.asarray(np.max(above, axis=0))


def rank_at(level: float, draws: int) -> int:
    """Which of the farthest draws is the limit at this level; 0 where they are too few to say."""
    # The tolerance takes care of levels such as 1 / (draws + 1), which come back a digit short.
    return math.floor(level * (draws + 1) + 1e-9)


def farthest(strays: FloatArray, level: float) -> FloatArray:
    """The ranks (ranks, ...) that levels up to this one ask for of strays (b, ...), in falling order."""
    kept = min(rank_at(level, len(strays)) + 1, len(strays))
    return -np.sort(np.partition(-strays, kept - 1, axis=0)[:kept], axis=0)


def made_up_rows(shape: tuple[int, ...], stream: int) -> FloatArray:
    """How many rows are made up in every draw and group: one on average, so that none is taken as beyond doubt."""
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((stream, *shape))))
    return random.poisson(1.0, shape).astype(np.float64)
