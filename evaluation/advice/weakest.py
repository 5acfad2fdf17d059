"""Where a model is weakest: every slice and pair of slices searched, and held against chance."""

from collections.abc import Sequence
from dataclasses import dataclass, fields
from itertools import combinations
from typing import Any

import numpy as np
import polars as pl

from evaluation.columns import Coded, coded
from evaluation.config import Bins
from evaluation.metrics.base import Sample, divide
from evaluation.samples import Model
from evaluation.stats.corrections import holm
from evaluation.types import FloatArray, IntArray, Task

# More values than this make slices that are small and many.
_MAX_VALUES = 20
# A number of so few values is taken value by value, another in as many ranges.
_RANGES = 4
# Rows times pairs of columns that are looked at; above it the search takes a sample of the rows.
_WORK = 100_000_000
_LEAST_ROWS = 20_000
# A pair that may as well be one of its parts again is not named.
_CLEARLY = 0.05


def weakest_slices(  # noqa: PLR0913 - keyword-only
    *,
    task: Task,
    model: Model,
    frame: pl.DataFrame,
    leave_out: Sequence[str] = (),
    min_rows: int = 50,
    most: int = 5,
    seed: int = 0,
) -> dict[str, Any]:
    """The slices in which the mean loss is highest against all other rows, as plain JSON values.

    frame: n rows, searched in every column but `leave_out`, the target for one: texts and truth values of at
    most 20 values, numbers in four ranges; ids, dates and constants are passed over. Pairs of slices are
    searched too. The loss is the log loss where the model gives scores, else wrong labels, in regression the
    absolute error; rows without answer are left out.

    Gives `slices`, `searched` (how many had enough rows) and `loss` (which). A slice has `rows` such as
    {"age": "30 to 45"}, `n`, `loss`, `outside`, `effect` (the difference), `p` (Welch's one-sided t-test,
    for a pair the weakest of three: against all other rows and against the rest of either part) and
    `p_adjusted` by Holm over all that were searched. The most certain come first.

    >>> target, wrong = np.zeros(400, dtype=int), np.arange(400) < 60
    >>> model = Model(Sample(target, wrong.astype(int)), np.zeros(400, dtype=bool))
    >>> table = pl.DataFrame({"shop": ["north"] * 100 + ["south"] * 300})
    >>> found = weakest_slices(task=Task.BINARY, model=model, frame=table)
    >>> found["searched"], found["slices"][0]["rows"], round(found["slices"][0]["loss"], 6)
    (2, {'shop': 'north'}, 0.6)
    """
    loss, name = losses(task, model.sample)
    columns = _candidates(frame, leave_out)
    rows = _looked_at(np.flatnonzero(~model.unanswered), len(columns), seed)
    if len(rows) == 0 or not columns:
        return {"slices": [], "searched": 0, "loss": name}
    found = _search(columns, rows, loss[rows], min_rows)
    return {"slices": _named(found, columns, most), "searched": len(found.p), "loss": name}


def losses(task: Task, sample: Sample) -> tuple[FloatArray, str]:
    """What the model loses on every row, (n,), and what that is called."""
    if task is Task.REGRESSION:
        return np.abs(sample.target - sample.label), "absolute error"
    if task is Task.BINARY and sample.score is not None:
        chance = np.where(sample.target == 1, sample.score, 1 - sample.score)
        return -np.log(np.clip(chance, np.finfo(np.float64).eps, 1.0)), "log loss"
    return (sample.target != sample.label).astype(np.float64), "share of wrong labels"


def _candidates(frame: pl.DataFrame, leave_out: Sequence[str]) -> list[Coded]:
    parts = [_part(frame[column]) for column in frame.columns if column not in leave_out]
    found = [coded(frame, [part]) for part in parts if part is not None]
    return [column for column in found if len(column.values) > 1]


def _part(series: pl.Series) -> str | Bins | None:
    """How a column is searched, or None."""
    dtype = series.dtype
    if dtype.is_numeric():
        values = series.n_unique()
        if dtype.is_integer() and values == len(series):
            return None
        return series.name if values <= _RANGES else Bins(column=series.name, bins=_RANGES)
    if dtype == pl.Boolean or isinstance(dtype, pl.String | pl.Categorical | pl.Enum):
        return series.name if series.n_unique() <= _MAX_VALUES else None
    return None


def _looked_at(answered: IntArray, columns: int, seed: int) -> IntArray:
    most = max(_LEAST_ROWS, _WORK // max(1, columns * (columns - 1) // 2))
    if len(answered) <= most:
        return answered
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    return np.sort(random.choice(answered, most, replace=False))


@dataclass(frozen=True)
class _Sums:
    """Rows, sum and sum of squares of the loss, of many slices; the loss is centred first."""

    n: FloatArray
    total: FloatArray
    squares: FloatArray

    @classmethod
    def of(cls, codes: IntArray, values: int, loss: FloatArray, squares: FloatArray) -> "_Sums":
        """One slice for every code below `values`."""
        return cls(
            np.bincount(codes, minlength=values).astype(np.float64),
            np.bincount(codes, weights=loss, minlength=values).astype(np.float64),
            np.bincount(codes, weights=squares, minlength=values).astype(np.float64),
        )

    def __sub__(self, other: "_Sums") -> "_Sums":
        return _Sums(self.n - other.n, self.total - other.total, self.squares - other.squares)

    def take(self, index: IntArray) -> "_Sums":
        """Some of the slices, repeats allowed."""
        return _Sums(self.n[index], self.total[index], self.squares[index])

    @property
    def mean(self) -> FloatArray:
        """(slices,), NaN without rows."""
        return divide(self.total, self.n)

    @property
    def spread(self) -> FloatArray:
        """Standard deviation, (slices,), NaN with fewer than two rows."""
        return np.sqrt(
            np.maximum(divide(self.squares - self.total * np.nan_to_num(self.mean), self.n - 1), 0.0)
        )


@dataclass(frozen=True)
class _Found:
    """Slices with enough rows: their columns and values, (slices, 2) with -1 for no second, and the evidence."""

    column: IntArray
    value: IntArray
    n: FloatArray
    loss: FloatArray
    outside: FloatArray
    p: FloatArray


def _search(columns: list[Coded], rows: IntArray, loss: FloatArray, min_rows: int) -> _Found:
    centre = float(loss.mean())
    loss = loss - centre
    squares = loss**2
    codes = [column.codes[rows] for column in columns]
    everything = _Sums.of(np.zeros(len(rows), dtype=np.int64), 1, loss, squares)
    single = [
        _Sums.of(code, len(column.values), loss, squares) for code, column in zip(codes, columns, strict=True)
    ]
    found = []
    for k, sums in enumerate(single):
        index = np.arange(len(sums.n))
        place, value = (
            np.stack([part, np.full_like(index, -1)], axis=1) for part in (np.full_like(index, k), index)
        )
        found.append(_judged(place, value, sums, [everything.take(0 * index)], min_rows))
    for a, b in combinations(range(len(columns)), 2):
        width = len(columns[b].values)
        sums = _Sums.of(codes[a] * width + codes[b], len(columns[a].values) * width, loss, squares)
        index = np.arange(len(sums.n))
        first, second = np.divmod(index, width)
        wholes = [everything.take(0 * index), single[a].take(first), single[b].take(second)]
        place, value = np.broadcast_to([a, b], (len(index), 2)), np.stack([first, second], axis=1)
        found.append(_judged(place, value, sums, wholes, min_rows))
    together = [np.concatenate([getattr(each, field.name) for each in found]) for field in fields(_Found)]
    column, value, n, mean, outside, p = together
    return _Found(column, value, n, mean + centre, outside + centre, p)


def _judged(place: IntArray, value: IntArray, sums: _Sums, wholes: list[_Sums], min_rows: int) -> _Found:
    """The slices with enough rows in and outside of them; p is the weakest against the rest of every whole."""
    rest = wholes[0] - sums
    enough = np.flatnonzero((sums.n >= min_rows) & (rest.n >= min_rows))
    part = sums.take(enough)
    p = np.max([_welch(part, whole.take(enough) - part) for whole in wholes], axis=0)
    return _Found(place[enough], value[enough], part.n, part.mean, rest.take(enough).mean, p)


def _welch(high: _Sums, low: _Sums) -> FloatArray:
    """Evidence that the first mean lies above the second, 1.0 where there is none to be had."""
    from scipy.stats import ttest_ind_from_stats

    with np.errstate(all="ignore"):
        found = ttest_ind_from_stats(
            high.mean,
            high.spread,
            high.n,
            low.mean,
            low.spread,
            low.n,
            equal_var=False,
            alternative="greater",
        )
    return np.nan_to_num(np.asarray(found.pvalue, dtype=np.float64), nan=1.0)


def _named(found: _Found, columns: list[Coded], most: int) -> list[dict[str, Any]]:
    adjusted = np.array(holm(found.p.tolist()))
    effect = found.loss - found.outside
    is_pair = found.column[:, 1] >= 0
    worth = (effect > 0) & (~is_pair | (adjusted <= _CLEARLY))
    named: list[dict[str, Any]] = []
    seen: set[tuple[int, float]] = set()
    for k in np.lexsort((-effect, adjusted)):
        # The same rows under two names, such as a column and its ranges, are one slice.
        rows = (int(found.n[k]), round(float(found.loss[k]), 9))
        if len(named) == most:
            break
        if not worth[k] or rows in seen:
            continue
        seen.add(rows)
        parts = [(columns[c], v) for c, v in zip(found.column[k], found.value[k], strict=True) if c >= 0]
        named.append(
            {
                "rows": {column.columns[0]: column.values[v][0] for column, v in parts},
                "n": int(found.n[k]),
                "loss": float(found.loss[k]),
                "outside": float(found.outside[k]),
                "effect": float(effect[k]),
                "p": float(found.p[k]),
                "p_adjusted": float(adjusted[k]),
            }
        )
    return named
