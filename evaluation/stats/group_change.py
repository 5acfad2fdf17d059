"""Limits of how much more, or less, unequal one model is to groups than another, on the same rows."""

import math
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Across, across_groups
from evaluation.stats.intervals import MAX_UNDEFINED, Interval
from evaluation.types import FloatArray, IntArray

# Numbers of one block of comparisons in all draws, 8 bytes each.
_BLOCK = 2_000_000


@dataclass(frozen=True)
class Groups:
    """One model's rates (rates, groups), and the same in every draw (b, rates, groups)."""

    rates: FloatArray
    draws: FloatArray


def group_change(
    challenger: Groups, champion: Groups, across: Across, base: FloatArray | None = None
) -> Interval:
    """Limits of across(challenger) - across(champion), whichever groups are the extreme ones.

    The k-th draw of both is of the same rows. base: (rates, groups) independent rows behind every share; None
    where the rates are no shares.

    The value is the largest of many comparisons, such as all gaps between two groups, and a bootstrap of it
    takes the one that happens to be largest for the right one. Here every comparison of one model is tested on
    its own against the other model's value, and the least favourable decides: the true one is among them, so
    no correction for their number is due (Berger 1982). Each is tested twice, at half the level: against the
    same groups of the other model, where the rows are paired, and against whatever groups that model treats
    most differently, by how far all of its comparisons stray at once (Tukey's idea).

    Made-up rows, in every draw and group on average one that only the challenger gets and one that only the
    champion gets, keep a group in which no row differs from passing for one in which none ever would.

    >>> random = np.random.default_rng(1)
    >>> rates = np.array([[0.3, 0.5]])
    >>> draws = rates + random.normal(0, 0.02, (1000, 1, 2))
    >>> better = Groups(rates - [0.0, 0.1], draws - [0.0, 0.1])
    >>> low, high = group_change(better, Groups(rates, draws), Across.DIFFERENCE).limits(0.05)
    >>> round(low, 3), round(high, 3)
    (-0.1, -0.1)
    """
    method = "paired bootstrap over groups"
    value = float(across_groups(across, challenger.rates) - across_groups(across, champion.rates))
    drawn = challenger.draws if base is None else _with_made_up_rows(challenger.draws, base)
    defined = ~np.isnan(drawn + champion.draws).any(axis=(1, 2))
    if not defined.any():
        return Interval.missing(method, "no resample has a value")
    mine = Groups(challenger.rates, drawn[defined])
    theirs = Groups(champion.rates, champion.draws[defined])
    comparisons = _Comparisons.of(across, *challenger.rates.shape)
    above, below = _Excess.of(comparisons, mine, theirs), _Excess.of(comparisons, theirs, mine)
    if across in (Across.WORST, Across.RATIO):
        # Their value is the least of something: the negative of the largest comparison.
        above, below = below, above

    def limits(level: float) -> tuple[float, float]:
        return min(value, -below.limit(level)), max(value, above.limit(level))

    missing = 1 - float(defined.mean())
    problem = f"{missing:.1%} of the resamples have no value" if missing > MAX_UNDEFINED else None
    return Interval(method, limits, problem, int(defined.sum()))


def _with_made_up_rows(draws: FloatArray, base: FloatArray) -> FloatArray:
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(len(draws))))
    rows = random.poisson(1.0, draws.shape) - random.poisson(1.0, draws.shape)
    return np.clip(draws + rows / base, 0.0, 1.0)


@dataclass(frozen=True)
class _Comparisons:
    """All comparisons whose largest is, but for the sign, the value across groups.

    (comparisons,) each: which rate, which group, and which other group or, for the largest size, which sign.
    """

    across: Across
    rate: IntArray
    first: IntArray
    second: IntArray

    @classmethod
    def of(cls, across: Across, rates: int, groups: int) -> "_Comparisons":
        """For every rate each group, for the largest size with either sign, else each ordered pair of groups."""
        others = {Across.WORST: 1, Across.LARGEST: 2}.get(across)
        rate, first, second = (axis.ravel() for axis in np.indices((rates, groups, others or groups)))
        wanted = np.full(len(rate), fill_value=True) if others else first != second
        return cls(across, rate[wanted], first[wanted], second[wanted])

    def __len__(self) -> int:
        return len(self.rate)

    def block(self, start: int, stop: int) -> "_Comparisons":
        """Some of them."""
        part = slice(start, stop)
        return _Comparisons(self.across, self.rate[part], self.first[part], self.second[part])

    def values(self, rates: FloatArray) -> FloatArray:
        """Rates (..., rates, groups) to comparisons (..., comparisons)."""
        first = rates[..., self.rate, self.first]
        if self.across is Across.WORST:
            return -first
        if self.across is Across.LARGEST:
            return np.where(self.second == 0, first, -first)
        second = rates[..., self.rate, self.second]
        if self.across is Across.DIFFERENCE:
            return first - second
        return -np.minimum(np.divide(first, second, out=np.ones_like(first), where=second > first), 1.0)


@dataclass(frozen=True)
class _Excess:
    """What one model's largest comparison has above another's.

    paired, unpaired: (comparisons,) by how much each exceeds the same of the other model, and its largest.
    Strays: (ranks, comparisons) how far each fell short of that in the draws, the farthest first.
    """

    paired: FloatArray
    unpaired: FloatArray
    paired_strays: FloatArray
    unpaired_strays: FloatArray
    draws: int

    @classmethod
    def of(cls, comparisons: _Comparisons, mine: Groups, theirs: Groups) -> "_Excess":
        """All comparisons, in blocks that keep memory bounded."""
        b, m = len(mine.draws), len(comparisons)
        size = max(1, _BLOCK // b)
        blocks = [comparisons.block(start, start + size) for start in range(0, m, size)]
        largest = max(block.values(theirs.rates).max() for block in blocks)
        reach = np.max(
            [(block.values(theirs.draws) - block.values(theirs.rates)).max(axis=1) for block in blocks],
            axis=0,
        )
        paired, unpaired, paired_strays, unpaired_strays = [], [], [], []
        for block in blocks:
            value, other = block.values(mine.rates), block.values(theirs.rates)
            drawn = block.values(mine.draws)
            paired.append(value - other)
            unpaired.append(value - largest)
            paired_strays.append(_farthest(value - other - (drawn - block.values(theirs.draws))))
            unpaired_strays.append(_farthest(value - drawn + reach[:, None]))
        return cls(
            np.concatenate(paired),
            np.concatenate(unpaired),
            np.concatenate(paired_strays, axis=1),
            np.concatenate(unpaired_strays, axis=1),
            b,
        )

    def limit(self, level: float) -> float:
        """Upper limit at this level; inf where the draws are too few to say."""
        rank = math.floor(level / 2 * (self.draws + 1) + 1e-9)
        if rank == 0:
            return math.inf
        paired = self.paired + self.paired_strays[rank - 1]
        unpaired = self.unpaired + self.unpaired_strays[rank - 1]
        return float(np.minimum(paired, unpaired).max())


def _farthest(strays: FloatArray) -> FloatArray:
    """The ranks that levels up to 0.5 ask for, at half the level: the farthest quarter, in falling order."""
    kept = (len(strays) + 1) // 4 + 1
    return -np.sort(np.partition(-strays, min(kept, len(strays) - 1), axis=0)[:kept], axis=0)
