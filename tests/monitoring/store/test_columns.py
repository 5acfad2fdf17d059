"""How inputs are written as text and come back as typed columns."""

import datetime as dt
import json

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitoring.store.columns import decode, encode, input_columns, typed

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
)


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([1, 2], pl.Int64, [1, 2]),
        ([1, 2.5], pl.Float64, [1.0, 2.5]),
        ([1.0, 2.0], pl.Float64, [1.0, 2.0]),
        ([2**53 + 1, None], pl.Int64, [2**53 + 1, None]),
        ([2**63, 1], pl.Float64, [2.0**63, 1.0]),
        ([True, None, False], pl.Boolean, [True, None, False]),
        ([True, 3], pl.Int64, [1, 3]),
        ([True, 0.5], pl.Float64, [1.0, 0.5]),
        (["a", None], pl.String, ["a", None]),
        (["a", 1, None, True, 0.5], pl.String, ["a", "1", None, "true", "0.5"]),
        ([[1, 2], {"b": None}], pl.String, ["[1,2]", '{"b":null}']),
        ([None, None], pl.Null, [None, None]),
        ([], pl.Null, []),
    ],
)
def test_the_narrowest_type_that_holds_every_value(values, dtype, expected):
    column = typed("x", values)
    assert column.dtype == dtype
    assert column.to_list() == expected


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_number_that_is_not_finite_is_stored_as_null(value):
    assert json.loads(encode({"x": value, "y": [value]})) == {"x": None, "y": [None]}


def test_a_datetime_is_stored_as_iso_text():
    assert decode([encode(dt.datetime(2026, 1, 2, 3, 4, tzinfo=dt.UTC))]) == ["2026-01-02T03:04:00Z"]


@given(st.lists(st.dictionaries(st.text(), SCALARS), max_size=5))
def test_what_is_written_is_what_is_read(rows):
    assert decode([encode(row) for row in rows]) == rows


@given(st.lists(st.dictionaries(st.text(max_size=3), SCALARS), max_size=5))
def test_every_feature_is_one_column_with_a_value_for_each_row(rows):
    columns = input_columns([encode(row) for row in rows])
    assert {column.name for column in columns} == {f"input.{name}" for row in rows for name in row}
    for column in columns:
        absent = [row.get(column.name.removeprefix("input.")) is None for row in rows]
        assert column.is_null().to_list() == absent
