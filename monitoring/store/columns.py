"""Inputs as they lie in the log, and as typed columns again.

Each row's inputs are one JSON text, not Delta columns: model versions come and go with features that are new,
missing or of another type, and Delta's schema merge was seen to store 1.5 as 1 in an integer column, and to refuse
`age` beside `Age`. Text keeps what was sent, needs no schema change (which would conflict between writers), and is
typed on reading.
"""

from collections.abc import Collection, Sequence
from typing import Any

import polars as pl
from pydantic_core import from_json, to_json

INPUT_PREFIX = "input."
_INT64 = range(-(2**63), 2**63)


def encode(value: Any) -> str:
    """Write a value as JSON; a number that is not finite becomes null, a datetime ISO 8601 text.

    >>> encode({"age": 31, "ratio": float("nan")})
    '{"age":31,"ratio":null}'
    """
    return to_json(value, inf_nan_mode="null").decode()


def decode(texts: Sequence[str | None]) -> list[Any]:
    """Read JSON texts back, None where there is none.

    >>> decode(['{"age":31}', None, '"yes"'])
    [{'age': 31}, None, 'yes']
    """
    return list(from_json("[" + ",".join(text if text is not None else "null" for text in texts) + "]"))


def spoken(value: Any) -> str | None:
    """A value as the text by which people name it, None where there is none; 17, 17.0 and "17" are one name.

    >>> spoken(17), spoken(17.0), spoken("17"), spoken(1.5), spoken(None)
    ('17', '17', '17', '1.5', None)
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return encode(value).strip('"')


def said_of(text: str | None, field: str) -> str | None:
    """What a row's inputs say in one field, as the text by which people name it.

    >>> said_of('{"customer":17.0}', "customer")
    '17'
    """
    (row,) = decode([text])
    return spoken(row.get(field)) if isinstance(row, dict) else None


def names_any(names: Collection[str]) -> pl.Expr:
    """Whether a row's inputs could hold one of these names; quick, and true for some that do not."""
    return pl.any_horizontal(
        pl.col("inputs").str.contains(encode(name)[1:-1], literal=True) for name in names
    )


def names_field(field: str) -> pl.Expr:
    """Whether a row's inputs seem to have a field; true for some whose values hold the like."""
    return pl.col("inputs").str.contains(f"{encode(field)}:", literal=True)


def input_columns(texts: Sequence[str | None]) -> list[pl.Series]:
    """One typed column per feature that any of the n rows names, in order of appearance, null where absent.

    >>> [(column.name, column.dtype) for column in input_columns(['{"age":31}', '{"age":30.5,"sex":"f"}'])]
    [('input.age', Float64), ('input.sex', String)]
    """
    rows = [row if isinstance(row, dict) else {} for row in decode(texts)]
    names = dict.fromkeys(name for row in rows for name in row)
    return [typed(INPUT_PREFIX + name, [row.get(name) for row in rows]) for name in names]


def typed(name: str, values: list[Any]) -> pl.Series:
    """A column of the narrowest type that holds every value; kinds that do not mix become text.

    Whole numbers are Int64, with fractions or beyond 64 bits Float64; no value at all gives the Null type.

    >>> typed("age", [1, 2.5, None]).to_list(), typed("age", [1, "two"]).to_list()
    ([1.0, 2.5, None], ['1', 'two'])
    """
    return pl.Series(name, *_fit(values))


def _fit(values: list[Any]) -> tuple[list[Any], Any]:
    kinds = set(map(type, values)) - {type(None)}
    if not kinds:
        return values, pl.Null()
    if kinds == {bool}:
        return values, pl.Boolean()
    if kinds == {str}:
        return values, pl.String()
    if not kinds <= {bool, int, float}:
        return [
            value if value is None or isinstance(value, str) else encode(value) for value in values
        ], pl.String()
    if float not in kinds and all(value in _INT64 for value in values if value is not None):
        return [None if value is None else int(value) for value in values], pl.Int64()
    return [None if value is None else float(value) for value in values], pl.Float64()
