"""Limits of how much more, or less, unequal one model is to groups than another, on the same rows."""

import math
from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Across, across_groups
from evaluation.stats.comparisons import Comparisons, Groups, farthest, made_up_rows, rank_at, reach
from evaluation.stats.intervals import MAX_UNDEFINED, Interval
from evaluation.types import FloatArray


def group_change(challenger: Groups, champion: Groups, across: Across) -> Interval:
    """Limits of across(challenger) - across(champion), whichever groups are the extreme ones.

    The k-th draw of both is of the same rows.

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
    # Which rows are made up for whom follows from the values, so that swapping the models only turns the sign.
    my_draws, their_draws = _with_made_up_rows(challenger, champion, turned=value < 0)
    defined = ~np.isnan(my_draws + their_draws).any(axis=(1, 2))
    if across is Across.RATIO:
        if min(challenger.rates.min(), champion.rates.min()) <= 0:
            return Interval.missing(method, "a group's rate is 0, a ratio to it has no interval")
        defined &= (np.minimum(my_draws, their_draws) > 0).all(axis=(1, 2))
    if not defined.any():
        return Interval.missing(method, "no resample has a value")
    mine = Groups(challenger.rates, my_draws[defined])
    theirs = Groups(champion.rates, their_draws[defined])
    above, below = _Excess.of(across, mine, theirs), _Excess.of(across, theirs, mine)
    if across in (Across.WORST, Across.RATIO):
        # Their value is the least of something: the negative of the largest comparison.
        above, below = below, above

    def limits(level: float) -> tuple[float, float]:
        return min(value, -below.limit(level)), max(value, above.limit(level))

    missing = 1 - float(defined.mean())
    problem = f"{missing:.1%} of the resamples have no value" if missing > MAX_UNDEFINED else None
    return Interval(method, limits, problem, int(defined.sum()))


def _with_made_up_rows(
    challenger: Groups, champion: Groups, *, turned: bool
) -> tuple[FloatArray, FloatArray]:
    if challenger.base is None or champion.base is None:
        return challenger.draws, champion.draws
    # Less their mean, so that they add spread and no shift.
    rows = (made_up_rows((2, *challenger.draws.shape), stream=2) - 1) / np.minimum(
        challenger.base, champion.base
    )
    mine, theirs = rows[::-1] if turned else rows
    return np.clip(challenger.draws + mine, 0.0, 1.0), np.clip(champion.draws + theirs, 0.0, 1.0)


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
    def of(cls, across: Across, mine: Groups, theirs: Groups) -> "_Excess":
        """Of all comparisons."""
        comparisons, b = Comparisons.of(across, mine.rates), len(mine.draws)
        largest, strayed = comparisons.values(theirs.rates).max(), reach(comparisons, theirs)[:, None]
        parts: list[tuple[FloatArray, ...]] = []
        for block in comparisons.blocks(b):
            value, other = block.values(mine.rates), block.values(theirs.rates)
            drawn = block.values(mine.draws)
            paired = value - other - (drawn - block.values(theirs.draws))
            strays = farthest(paired, 0.25), farthest(value - drawn + strayed, 0.25)
            parts.append((value - other, value - largest, *strays))
        paired, unpaired, paired_strays, unpaired_strays = (
            np.concatenate(part, axis=-1) for part in zip(*parts, strict=True)
        )
        return cls(paired, unpaired, paired_strays, unpaired_strays, b)

    def limit(self, level: float) -> float:
        """Upper limit at this level; inf where the draws are too few to say."""
        rank = rank_at(level / 2, self.draws)
        if rank == 0:
            return math.inf
        paired = self.paired + self.paired_strays[rank - 1]
        unpaired = self.unpaired + self.unpaired_strays[rank - 1]
        return float(np.minimum(paired, unpaired).max())
