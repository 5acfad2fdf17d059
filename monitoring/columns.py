"""One column of the log as numbers or as classes, whatever type the store gave it."""

import polars as pl

from evaluation.types import FloatArray

# As the log has it of a policy that masks a value, or hashes it by HMAC-SHA-256.
_REDACTED = r"^(?:\*+|[0-9a-f]{64})$"


def filled(series: pl.Series) -> int:
    """How many of the rows hold a value; NaN is none.

    >>> filled(pl.Series([1.0, float("nan"), None]))
    1
    """
    return series.fill_nan(None).count() if series.dtype.is_float() else series.count()


def hides(series: pl.Series, reference: pl.Series) -> bool:
    """Whether some rows look hashed or masked before they were written, and none of the reference does.

    >>> hides(pl.Series(["***", "yes"]), pl.Series(["no", "yes"])), hides(pl.Series(["***"]), pl.Series(["**"]))
    (True, False)
    """
    return _looks_redacted(series) and not _looks_redacted(reference)


def _looks_redacted(series: pl.Series) -> bool:
    return series.dtype == pl.String and bool(series.str.contains(_REDACTED).any())


def is_number(series: pl.Series) -> bool:
    """Whether the column can be read as numbers; booleans are 0 and 1, a column without values is anything.

    >>> is_number(pl.Series([True, None])), is_number(pl.Series(["1"]))
    (True, False)
    """
    return series.dtype.is_numeric() or series.dtype in (pl.Boolean, pl.Null)


def as_numbers(series: pl.Series) -> FloatArray:
    """The column as (n,) float64, NaN where no value is.

    >>> as_numbers(pl.Series([True, None])).tolist()
    [1.0, nan]
    """
    return series.cast(pl.Float64).fill_null(float("nan")).to_numpy()


def as_classes(series: pl.Series) -> pl.Series:
    """Classes as text, null where there is none; true, 1, 1.0 and "1" are one, JSON and Parquet may swap
    them.

    >>> as_classes(pl.Series([1.0, None, 0.0])).to_list(), as_classes(pl.Series([True])).to_list()
    (['1', None, '0'], ['1'])
    """
    if series.dtype == pl.Boolean:
        series = series.cast(pl.Int64)
    elif series.dtype.is_float():
        series = series.fill_nan(None)
        known = series.drop_nulls()
        if known.is_finite().all() and (known == known.round()).all():
            series = series.cast(pl.Int64)
    return series.cast(pl.String)
