"""Prediction-powered inference: the mean of what people say, from many scores of a judge and few of people."""

from dataclasses import dataclass, replace

import numpy as np

from evaluation.metrics.base import Mask
from evaluation.stats.intervals import Interval
from evaluation.stats.jackknife import freedom
from evaluation.stats.means import by_unit, linear
from evaluation.types import FloatArray, IntArray

METHOD = "PPI++"
# Of fewer than 50 labelled units the spread is known too badly; what differs on fewer than 10 proves nothing.
MIN_LABELLED = 50
MIN_DIFFERING = 10


@dataclass(frozen=True, eq=False)
class Scores:
    """What a judge says of n rows, (n,), and what people say of those that `labelled`, (n,), marks.

    human: (n,), whatever it is where nobody was asked. units: (n,) codes of what was sampled independently.
    The labelled rows must be a random part of the rows, or be all of them.
    """

    judge: FloatArray
    human: FloatArray
    labelled: Mask
    units: IntArray | None = None

    @classmethod
    def of(cls, columns: FloatArray, units: IntArray | None = None) -> "Scores":
        """From the (n, 3) columns of a design: the judge's, whether people scored, and what."""
        return cls(columns[:, 0], columns[:, 2], columns[:, 1] > 0, units)

    def less(self, other: "Scores") -> "Scores":
        """Row by row the difference to another model's scores; labelled is what people scored of both."""
        return Scores(
            self.judge - other.judge, self.human - other.human, self.labelled & other.labelled, self.units
        )

    @property
    def labelled_units(self) -> int:
        """How many units people scored."""
        if self.units is None:
            return int(self.labelled.sum())
        return len(np.unique(self.units[self.labelled]))

    @property
    def differing(self) -> int:
        """How many labelled units judge or people find other than 0."""
        found = replace(self, labelled=self.labelled & ((self.judge != 0) | (self.human != 0)))
        return found.labelled_units


def corrected_mean(scores: Scores) -> Interval:
    """The mean of people's scores over all rows, and its limits; valid however bad or biased the judge is.

    The judge's mean over the rows that nobody labelled, times a power, plus what is left on the labelled ones.
    The power, which makes the limits narrow where the judge is good and is near 0 where it is not, is found
    for each labelled unit without that unit, so that the value has no bias. Student's t with the degrees of
    freedom that the data's fourth moment leaves, corrected for skewness: with 50 labels the normal quantiles
    of the paper miss 8 times in 100. Source: Angelopoulos, Duchi and Zrnic 2023, "PPI++: efficient
    prediction-powered inference", arXiv:2311.01453.

    >>> judge, human = np.tile([1.0, 0.0, 1.0, 1.0], 200), np.tile([1.0, 0.0, 0.0, 1.0], 200)
    >>> interval = corrected_mean(Scores(judge, human, np.arange(800) % 8 < 4))
    >>> low, high = interval.limits(0.05)
    >>> round(interval.value, 3), round(low, 3), round(high, 3)
    (0.5, 0.462, 0.537)
    """
    problem = _too_few(scores)
    if problem is not None:
        return Interval.missing(METHOD, problem)
    # Centred, which changes no value: else the limits would depend on where the judge's scale begins.
    judge, rest = scores.judge - scores.judge.mean(), ~scores.labelled
    power, unlabelled = _powers(replace(scores, judge=judge)), judge[rest]
    left = scores.human[scores.labelled] - power * judge[scores.labelled]
    mean_power = float(power.mean())
    moved = np.zeros(len(scores.judge))
    moved[scores.labelled] = (left - left.mean()) / len(left)
    value = float(left.mean())
    if len(unlabelled):
        value += mean_power * float(unlabelled.mean())
        moved[rest] = mean_power * (unlabelled - unlabelled.mean()) / len(unlabelled)
    if scores.units is not None:
        moved = by_unit(moved, np.unique(scores.units, return_inverse=True)[1])
    return replace(linear(value, moved, METHOD, freedom=freedom(moved)), value=value)


def corrected_difference(scores: Scores, other: Scores) -> Interval:
    """The mean difference of two models' human scores on the same rows, by the judge's paired differences.

    Its value is not the difference of two corrected means: the power is the one that suits differences.

    >>> random = np.random.default_rng(1)
    >>> truth, labelled = random.integers(1, 6, (2, 600)).astype(float), np.arange(600) < 200
    >>> judged = truth + random.integers(0, 2, (2, 600))
    >>> mine, theirs = (Scores(*each, labelled) for each in zip(judged, truth, strict=True))
    >>> value = corrected_difference(mine, theirs).value
    >>> round(value, 2), round(float(truth[0].mean() - truth[1].mean()), 2)
    (0.06, 0.03)
    """
    change = scores.less(other)
    interval = corrected_mean(change)
    if _too_few(change) is None and change.differing < MIN_DIFFERING:
        problem = (
            f"people or judge tell challenger and champion apart on {change.differing} of the labelled "
            f"{_noun(change)}, at least {MIN_DIFFERING} are needed"
        )
        return replace(interval, problem=problem)
    return interval


def _powers(scores: Scores) -> FloatArray:
    """For each labelled row, (labelled,), the power that all units but its own ask for; 0 where none helps."""
    units = np.arange(len(scores.judge)) if scores.units is None else scores.units
    codes = np.unique(units, return_inverse=True)[1]
    marked, judge = scores.labelled.astype(np.float64), scores.judge
    human = np.where(scores.labelled, scores.human, 0.0)

    def without(values: FloatArray) -> FloatArray:
        return np.asarray(values.sum() - by_unit(values, codes))

    n, rest = without(marked), without(1 - marked)
    if not rest.any():
        return np.zeros(int(marked.sum()))
    together = without(human * judge) - without(human) * without(marked * judge) / n
    rows = n + rest
    spread = (without(judge**2) - without(judge) ** 2 / rows) / (rows - 1)
    wanted = (1 + n / np.maximum(rest, 1)) * spread
    # What rounding leaves of a judge that says one thing only.
    some = wanted > 1e-12 * max(1.0, float(np.abs(judge).max()) ** 2)
    power = np.divide(together / (n - 1), wanted, out=np.zeros_like(wanted), where=some)
    return np.asarray(power[codes[scores.labelled]])


def _too_few(scores: Scores) -> str | None:
    found = scores.labelled_units
    if found >= MIN_LABELLED:
        return None
    return f"people scored {found:,} of these {_noun(scores)}, at least {MIN_LABELLED} are needed to correct the judge"


def _noun(scores: Scores) -> str:
    return "answers" if scores.units is None else "units"
