"""A typical record, for the documentation page and to warm the model up."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from mlops.packaging.load import InputField

# Where the reference knows no value: what JSON has for the type.
_PLAIN: dict[str, Any] = {"string": "text", "boolean": False, "datetime": "2026-01-01T00:00:00"}


def typical_record(inputs: Sequence[InputField], reference: Path) -> dict[str, Any]:
    """For every field the reference's middle (numbers) or most frequent value (text, booleans).

    It is put together field by field, because a row of the reference would be one person's data on a public page.
    Without a reference, or for a field that it does not know, a plain value of the field's type.
    """
    known = _reference(inputs, reference)
    return {field.name: _typical(field, known) for field in inputs}


def _reference(inputs: Sequence[InputField], path: Path) -> pl.DataFrame:
    if not path.is_file():
        return pl.DataFrame()
    try:
        scan = pl.scan_parquet(path)
        there = set(scan.collect_schema().names())
        wanted = [f"input.{field.name}" for field in inputs if f"input.{field.name}" in there]
        return scan.select(wanted).collect()
    except (pl.exceptions.PolarsError, OSError):
        return pl.DataFrame()


def _typical(field: InputField, known: pl.DataFrame) -> Any:
    name = f"input.{field.name}"
    values = known[name].drop_nulls() if name in known.columns else pl.Series(name, [], pl.Null())
    if field.dtype in {"double", "float", "long", "integer"}:
        if not values.dtype.is_numeric():
            return 0
        # The nearest value, so that a whole number stays one, and NaN out of it.
        middle = values.filter(values.cast(pl.Float64()).is_finite()).quantile(0.5, "nearest")
        whole = field.dtype in {"long", "integer"}
        return 0 if middle is None else int(middle) if whole else float(middle)
    fits = {"string": pl.String, "boolean": pl.Boolean}.get(field.dtype)
    if fits is None or values.dtype != fits or values.is_empty():
        return _PLAIN[field.dtype]
    return values.value_counts(sort=True).sort("count", name, descending=[True, False]).row(0)[0]
