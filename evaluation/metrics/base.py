"""What a metric is: its meaning, its value on rows, and how it answers to resampling."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import Undefined
from evaluation.types import Direction, FloatArray, IntArray, Task

if TYPE_CHECKING:
    from evaluation.text.rows import Scored, TextRows

Mask = NDArray[np.bool_]
Weights = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Sample:
    """All that a metric sees: n rows (or n timed requests) of one model.

    target, label: (n,) class codes 0..k-1, where 1 is the positive class of a binary task; or real values; or
    texts.
    score: (n,) probability of the positive class, None where the model gives none.
    groups: (n,) codes into `group_names`, None where no group was asked for.
    latency_ms: (n,) milliseconds a request; target and label are then empty.
    units: (n,) codes 0..k-1 of what was sampled independently, such as patients with several rows each;
    None where every row is its own.
    class_names: what the codes of more than two classes stand for; empty otherwise.
    row_scores: what was measured of each text, (n,) or (n, k), by the name of the metric; row_problems: why a
    value is NaN there, (n,) texts or None.
    """

    target: NDArray[Any]
    label: NDArray[Any]
    score: FloatArray | None = None
    groups: IntArray | None = None
    group_names: tuple[str, ...] = ()
    latency_ms: FloatArray | None = None
    units: IntArray | None = None
    class_names: tuple[str, ...] = ()
    row_scores: Mapping[str, FloatArray] = field(default_factory=dict)
    row_problems: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @classmethod
    def of_latency(cls, latency_ms: FloatArray) -> "Sample":
        """A sample of timed requests and nothing else."""
        empty = np.empty(0)
        return cls(empty, empty, latency_ms=np.asarray(latency_ms, dtype=np.float64))

    @property
    def n(self) -> int:
        """How many rows, or requests."""
        return len(self.target) if self.latency_ms is None else len(self.latency_ms)

    def take(self, rows: IntArray | Mask) -> "Sample":
        """The same sample on some rows, by index (repeats allowed) or by mask.

        >>> Sample(np.array([0, 1, 1]), np.array([0, 0, 1])).take(np.array([2, 2])).target
        array([1, 1])
        """
        if self.latency_ms is not None:
            return replace(self, latency_ms=self.latency_ms[rows])
        return replace(
            self,
            target=self.target[rows],
            label=self.label[rows],
            score=None if self.score is None else self.score[rows],
            groups=None if self.groups is None else self.groups[rows],
            units=None if self.units is None else self.units[rows],
            row_scores={name: values[rows] for name, values in self.row_scores.items()},
            row_problems={name: values[rows] for name, values in self.row_problems.items()},
        )


Point = Callable[[Sample], float]
Scorer = Callable[["TextRows"], "FloatArray | Scored"]
Statistic = Callable[[Weights], FloatArray]
Weighted = Callable[[Sample], Statistic]


class Need(StrEnum):
    """What a metric cannot do without."""

    SCORES = "scores"
    TWO_CLASSES = "two classes"
    GROUPS = "groups"
    LATENCY = "latency"
    VARIANTS = "counterfactual variants"
    PAIRS = "stereotype pairs"
    CHAMPION = "the champion's answers"
    JUDGE = "a language model that judges"


class Across(StrEnum):
    """How the rates of several groups become one number."""

    DIFFERENCE = "largest difference"
    RATIO = "least ratio"
    WORST = "least rate"
    LARGEST = "largest size"


@dataclass(frozen=True)
class Proportion:
    """A share of rows: `counts` gives (hits, base), both (n,) masks, hits within base.

    shared_base: the base follows from the target alone, so that two models on the same rows share it.
    """

    name: str
    counts: Callable[[Sample], tuple[Mask, Mask]]
    shared_base: bool = False


@dataclass(frozen=True)
class Mean:
    """A mean of one value a row, (n,); each value lies in the metric's range."""

    values: Callable[[Sample], FloatArray]


@dataclass(frozen=True)
class Ranking:
    """The chance that the score of a positive row is above that of a negative one, ties counted half."""


@dataclass(frozen=True)
class Cells:
    """A smooth function of how many rows fall into each of a few cells.

    codes: (n,) whole numbers below the number of cells, and that number.
    value: rows in every cell, (b, cells), to (b,), NaN where undefined.
    """

    codes: Callable[[Sample], tuple[IntArray, int]]
    value: Callable[[FloatArray], FloatArray]


@dataclass(frozen=True)
class Sums:
    """A smooth function of sums over rows: columns (n, k) to be summed, and their sums (b, k) to (b, ...).

    averages: it is the mean of the rows that count, whose value is in the first column, and 1 in the second.
    """

    columns: Callable[[Sample], FloatArray]
    value: Callable[[FloatArray], FloatArray]
    averages: bool = False


@dataclass(frozen=True)
class LeftOut:
    """A smooth function of the rows that is no function of a few sums, such as one of their order.

    values: what the metric is without each row in turn, (n,), NaN where it has no value then.
    """

    values: Callable[[Sample], FloatArray]


@dataclass(frozen=True)
class Ratio:
    """A sum over a sum: `sums` gives what every row adds above and below, (n,) each, below never negative.

    A mean of some rows' values has those values above and a mask of the rows below.
    """

    name: str
    sums: Callable[[Sample], tuple[FloatArray, FloatArray]]

    def counts(self, sample: Sample) -> tuple[FloatArray, Mask]:
        """What every row adds above, and which rows count."""
        above, below = self.sums(sample)
        return above, below > 0


Rate = Proportion | Ratio


@dataclass(frozen=True)
class GroupRates:
    """Rates taken in every group, and one number across the groups.

    rates: those of a sample, as many for either of two models that are compared; all are proportions, or all
    are ratios if `counted` is false.
    """

    rates: Callable[[Sample], tuple[Rate, ...]]
    across: Across
    counted: bool = True

    @classmethod
    def of(cls, across: Across, *rates: Rate) -> "GroupRates":
        """The same rates for every sample."""
        return cls(lambda _: rates, across, all(isinstance(rate, Proportion) for rate in rates))


@dataclass(frozen=True)
class Quantile:
    """The q-quantile of latency, 0 < q < 1."""

    q: float


@dataclass(frozen=True)
class Distance:
    """A sum of absolute gaps, which `gaps` gives as (b, gaps): biased upwards, the more the fewer the rows."""

    gaps: Sums


@dataclass(frozen=True)
class Corrected:
    """The mean of what people say, of which a judge's value a row is a prediction.

    columns: (n, 3), the judge's value, 1 where people gave theirs and else 0, and theirs or 0.
    """

    columns: Callable[[Sample], FloatArray]


Design = Proportion | Mean | Ranking | Cells | Sums | LeftOut | GroupRates | Quantile | Distance | Corrected


@dataclass(frozen=True)
class Metric:
    """One thing to measure; everything the gate must know about it is declared here, nothing is guessed.

    point: the value on a sample by a well-kept library; raises Undefined where there is none, never NaN.
    The first line of its docstring is the metric's summary, and its example runs as a test.
    design: what the metric is made of, from which a better and faster interval follows; its value is that
    of `point`.
    weighted: for a metric without such a design, its value for b resamples at once: on a sample, a function
    of (b, n) multiplicities that gives (b,), NaN where undefined. It may run in several threads. With
    neither, rows are drawn one resample at a time and `point` is called, which is slower.
    ranked: False where neither more nor less is better; such a metric has bounds but is not compared with a
    champion.
    scorer: for a metric of texts, what it makes of every one of them, (n,), or (n, k) to be summed, NaN where
    there is no value; `point` and `design` find it among the sample's `row_scores`.
    """

    name: str
    direction: Direction
    range: tuple[float, float]
    tasks: frozenset[Task]
    point: Point
    design: Design | None = None
    weighted: Weighted | None = None
    needs: frozenset[Need] = field(default_factory=frozenset)
    unit: str = ""
    ranked: bool = True
    scorer: Scorer | None = None

    @property
    def summary(self) -> str:
        """One sentence for a list of metrics."""
        return (self.point.__doc__ or self.name).strip().splitlines()[0]


def count_units(sample: Sample, rows: Mask | None = None) -> int:
    """How many units a sample has, or how many have one of these rows; units are rows where none are named.

    >>> sample = Sample(np.zeros(4), np.zeros(4), units=np.array([0, 0, 1, 2]))
    >>> count_units(sample), count_units(sample, np.array([True, True, False, True]))
    (3, 2)
    """
    if sample.units is None:
        return sample.n if rows is None else int(rows.sum())
    units = sample.units if rows is None else sample.units[rows]
    return int(np.count_nonzero(np.bincount(units)))


def groups_of(sample: Sample) -> IntArray:
    """The sample's groups, (n,) codes.

    Raises Undefined where none were named.
    """
    if sample.groups is None:
        raise Undefined("no groups were named")
    return sample.groups


def membership(sample: Sample) -> Mask:
    """Which row is in which group, as (n, groups)."""
    return np.equal(groups_of(sample)[:, None], np.arange(len(sample.group_names)))


def across_groups(across: Across, rates: FloatArray) -> FloatArray:
    """One number out of rates (..., rates, groups): the worst over the rates, NaN where any is missing.

    >>> across_groups(Across.DIFFERENCE, np.array([[0.5, 0.75], [0.25, 0.25]]))
    array(0.25)
    """
    least, most = rates.min(axis=-1), rates.max(axis=-1)
    if across is Across.DIFFERENCE:
        worst = (most - least).max(axis=-1)
    elif across is Across.LARGEST:
        worst = np.maximum(most, -least).max(axis=-1)
    elif across is Across.RATIO:
        worst = divide(least, most).min(axis=-1)
    else:
        worst = least.min(axis=-1)
    return np.asarray(worst, dtype=np.float64)


def divide(above: FloatArray, below: FloatArray) -> FloatArray:
    """Quotient with NaN, not a warning, where `below` is 0."""
    quotient = np.full(np.shape(below), math.nan)
    np.divide(above, below, out=quotient, where=np.asarray(below) != 0)
    return quotient


def require(condition: bool, problem: str) -> None:
    """Raise Undefined unless a metric's precondition holds."""
    if not condition:
        raise Undefined(problem)


def scores(sample: Sample) -> FloatArray:
    """The sample's scores.

    Raises Undefined where the model gives none.
    """
    if sample.score is None:
        raise Undefined("the model gives no scores")
    return sample.score
