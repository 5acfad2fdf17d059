"""From a table's columns to coded values: categories, ranges of a number, and their combinations."""

import difflib
import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from evaluation.config import Bins, Part, column_of
from evaluation.errors import UserError
from evaluation.types import FloatArray, IntArray

# More values than this in a slice or group column is a number or an id, not a category.
MAX_VALUES = 100
MISSING = "(missing)"


@dataclass(frozen=True, eq=False)
class Coded:
    """Values of n rows as codes (n,) into `values`; a value is a tuple of one text for each of `columns`.

    A range that a policy names by its edges is listed even if no row lies in it; a combination of columns
    is listed only if it occurs.
    """

    columns: tuple[str, ...]
    codes: IntArray
    values: tuple[tuple[str, ...], ...]


def coded(frame: pl.DataFrame, parts: Sequence[Part]) -> Coded:
    """The values of one column, or the combinations of several, in rising order; missing ones come last.

    Raises UserError for an absent column, bins of what is no number, and more than 100 values.

    >>> table = pl.DataFrame({"sex": ["f", "m", "f"], "age": [20, 30, 50]})
    >>> found = coded(table, ["sex", Bins(column="age", bins=(30.0,))])
    >>> [found.values[code] for code in found.codes]
    [('f', 'below 30'), ('m', '30 and more'), ('f', '30 and more')]
    """
    require_parts(parts, frame.schema, "the evaluation data")
    found = _part(frame, parts[0])
    for part in parts[1:]:
        found = _crossed(found, _part(frame, part))
    return found


def _part(frame: pl.DataFrame, part: Part) -> Coded:
    codes, names = _ranges(frame, part) if isinstance(part, Bins) else _categories(frame, part)
    return Coded((column_of(part),), codes, tuple((name,) for name in names))


def _categories(frame: pl.DataFrame, column: str) -> tuple[IntArray, list[str]]:
    series = _without_nan(frame[column])
    values = series.drop_nulls().unique().sort()
    _check_count(len(values), column)
    texts = [_text(value) for value in values.to_list()]
    names = list(dict.fromkeys([*texts, MISSING] if series.null_count() else texts))
    positions = pl.Series([names.index(text) for text in texts], dtype=pl.Int64)
    codes = series.replace_strict(values, positions, default=None, return_dtype=pl.Int64)
    return _filled(codes, names), names


def _ranges(frame: pl.DataFrame, part: Bins) -> tuple[IntArray, list[str]]:
    series = _without_nan(frame[part.column].cast(pl.Float64))
    edges = (
        np.array(part.bins) if isinstance(part.bins, tuple) else quantile_edges(series.to_numpy(), part.bins)
    )
    codes = np.searchsorted(edges, series.fill_null(0.0).to_numpy(), side="right").astype(np.int64)
    names = range_names(edges)
    missing = series.is_null().to_numpy()
    if missing.any():
        codes[missing] = len(names)
        names = [*names, MISSING]
    return codes, names


def quantile_edges(values: FloatArray, bins: int) -> FloatArray:
    """Edges that cut finite values into ranges of about equally many rows; fewer where many values are equal.

    They are rounded to a hundredth of the power of ten of the values' spread, so that a report can be read,
    and rows are cut where the text says.

    >>> quantile_edges(np.arange(1000) / 7, 4).tolist()
    [36.0, 71.0, 107.0]
    """
    finite = np.sort(values[np.isfinite(values)])
    if len(finite) == 0:
        return np.empty(0)
    least, low, high = finite[0], *np.quantile(finite, [0.05, 0.95])
    edges = np.quantile(finite, np.arange(1, bins) / bins, method="higher")
    if high > low:
        digits = 2 - math.floor(math.log10(high - low))
        edges = np.round(edges, digits) + 0.0
    edges = np.unique(edges)
    return np.asarray(edges[(edges > least) & (edges <= finite[-1])], dtype=np.float64)


def range_names(edges: FloatArray) -> list[str]:
    """What the ranges between edges are called; the lower end belongs to a range, the upper does not.

    >>> range_names(np.array([30.0, 45.5]))
    ['below 30', '30 to 45.5', '45.5 and more']
    """
    texts = [f"{edge:.12g}" for edge in edges.tolist()]
    if not texts:
        return ["all values"]
    between = [f"{low} to {high}" for low, high in itertools.pairwise(texts)]
    return [f"below {texts[0]}", *between, f"{texts[-1]} and more"]


def _crossed(left: Coded, right: Coded) -> Coded:
    """Combinations that occur, by the left value first."""
    columns = (*left.columns, *right.columns)
    crossed = left.codes * len(right.values) + right.codes
    present = np.flatnonzero(np.bincount(crossed, minlength=len(left.values) * len(right.values)))
    _check_count(len(present), " and ".join(columns))
    position = np.zeros(len(left.values) * len(right.values), dtype=np.int64)
    position[present] = np.arange(len(present))
    values = [divmod(code, len(right.values)) for code in present.tolist()]
    return Coded(
        columns,
        position[crossed],
        tuple((*left.values[mine], *right.values[other]) for mine, other in values),
    )


def unit_codes(frame: pl.DataFrame, column: str) -> IntArray:
    """Which unit each row belongs to, (n,) codes 0..units-1 in order of first appearance.

    Raises UserError for an absent column, and for rows of which nobody knows the unit.

    >>> unit_codes(pl.DataFrame({"customer": ["b", "a", "b"]}), "customer")
    array([0, 1, 0])
    """
    require_parts([column], frame.schema, "the evaluation data")
    units = _without_nan(frame[column])
    if units.null_count():
        raise UserError(
            f"the unit column '{column}' has no value in {units.null_count():,} of {frame.height:,} rows",
            expected="a unit for every row of the evaluation data",
            next_step="fill it, or correct gate.unit in weighbridge.yaml",
        )
    known = units.unique(maintain_order=True).to_frame().with_row_index("code")
    return (
        units.to_frame()
        .join(known, on=column, how="left", maintain_order="left")["code"]
        .cast(pl.Int64)
        .to_numpy()
    )


def _without_nan(series: pl.Series) -> pl.Series:
    if isinstance(series.dtype, pl.Categorical | pl.Enum):
        return series.cast(pl.String)
    return series.fill_nan(None) if series.dtype.is_float() else series


def _filled(codes: pl.Series, names: Sequence[str]) -> IntArray:
    filled = codes.fill_null(names.index(MISSING)) if codes.null_count() else codes
    return filled.to_numpy()


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_count(values: int, what: str) -> None:
    if values > MAX_VALUES:
        raise UserError(
            f"{what} has {values:,} values in the evaluation data",
            expected=f"at most {MAX_VALUES} slices or groups",
            next_step="cut a number into ranges, such as {column: age, bins: 4}",
        )


def require_parts(wanted: Sequence[Part], schema: Mapping[str, pl.DataType], where: str) -> None:
    """Raise UserError unless every wanted column is there (with the nearest name), and binned ones are numbers."""
    for part in wanted:
        column = column_of(part)
        if column not in schema:
            near = difflib.get_close_matches(column, schema, n=1)
            raise UserError(
                f"column '{column}' is not in {where}",
                expected=f"one of: {', '.join(schema)}",
                next_step=f"did you mean '{near[0]}'?" if near else "correct the name in weighbridge.yaml",
            )
        if isinstance(part, Bins) and not schema[column].is_numeric():
            raise UserError(
                f"column '{column}' is {schema[column]} in {where}, bins are for numbers",
                expected="a column of numbers",
                next_step=f"name it without bins: {column}",
            )
        if schema[column].is_nested():
            raise UserError(
                f"column '{column}' is {schema[column]} in {where}",
                expected="a column of single values",
                next_step="name another column in weighbridge.yaml",
            )
