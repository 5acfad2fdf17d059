"""What training saw, summed up: small, the same for the same table, and no text about a person in it."""

import json
from datetime import UTC, datetime

import polars as pl
import pytest

from evaluation.errors import UserError
from mlops.packaging.ranges import FieldRange, Ranges, hashed


def seen(values, dtype=None, salt="s") -> FieldRange:
    return Ranges.of([pl.Series("x", values, dtype)], salt).fields["x"]


@pytest.mark.parametrize(
    ("values", "dtype", "expected"),
    [
        ([3, 1, 2], pl.Int64, FieldRange(0.0, 1, 3)),
        ([2**64 - 1, 0], pl.UInt64, FieldRange(0.0, 0, 2**64 - 1)),
        ([1.5, None], pl.Float64, FieldRange(0.5, 1.5, 1.5)),
        ([1.5, float("nan")], pl.Float64, FieldRange(0.5, 1.5, 1.5)),
        ([1.5, float("inf"), float("-inf"), 2.5], pl.Float64, FieldRange(0.0, 1.5, 2.5)),
        ([None, None], pl.Float64, FieldRange(1.0)),
        ([None], pl.Int64, FieldRange(1.0)),
        ([], pl.Int64, FieldRange(0.0)),
        ([], pl.String, FieldRange(0.0, distinct=0)),
        ([True, None], pl.Boolean, FieldRange(0.5)),
        ([datetime(2026, 1, 1, tzinfo=UTC)], pl.Datetime("us", "UTC"), FieldRange(0.0)),
        (["b", "a", None, "b"], pl.String, FieldRange(0.25, categories=("a", "b"), distinct=2)),
        (["b", "a"], pl.Categorical, FieldRange(0.0, categories=("a", "b"), distinct=2)),
        (["b", "a"], pl.Enum(["a", "b", "c"]), FieldRange(0.0, categories=("a", "b"), distinct=2)),
        ([None], pl.Null, FieldRange(1.0)),
    ],
)
def test_a_column_is_summed_up(values, dtype, expected):
    assert seen(values, dtype) == expected


@pytest.mark.parametrize(
    ("distinct", "each", "named", "hashes"),
    [
        (20, 1, True, False),
        (21, 1, False, False),
        (21, 2, True, False),
        (100, 2, True, False),
        (101, 2, False, True),
        (1000, 2, False, True),
        (1001, 2, False, False),
    ],
)
def test_many_texts_are_hashed_and_free_text_is_left_out(distinct, each, named, hashes):
    found = seen([f"person {number}" for number in range(distinct)] * each)
    assert (found.categories is not None, found.hashes is not None) == (named, hashes)
    assert found.distinct == distinct
    for kept in (found.categories, found.hashes):
        assert kept is None or len(kept) == distinct


def test_the_file_names_nobody_where_there_are_many():
    ranges = Ranges.of([pl.Series("name", [f"person {number}" for number in range(200)] * 2)], "salt")
    assert b"person" not in ranges.to_json()
    assert hashed("person 7", "salt") in ranges.fields["name"].hashes
    assert hashed("person 7", "other") not in ranges.fields["name"].hashes


def test_the_file_is_read_as_it_was_written(tmp_path):
    columns = [
        pl.Series("age", [1, 2**62, None]),
        pl.Series("job", ["ä", "a", "a"]),
        pl.Series("name", [None, None, None], pl.String),
    ]
    ranges = Ranges.of(columns, "salt")
    (tmp_path / "ranges.json").write_bytes(ranges.to_json())
    assert Ranges.read(tmp_path / "ranges.json") == ranges
    assert Ranges.of(columns, "salt").to_json() == ranges.to_json()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"[]",
        b"{}",
        b'{"salt": "", "fields": []}',
        b'{"salt": "", "fields": {"age": []}}',
        b'{"salt": "", "fields": {"age": {}}}',
        b'{"salt": "", "fields": {"age": {"missing": 0, "lowest": 1}}}',
        b'{"salt": "", "fields": {"age": {"missing": 0, "low": "1"}}}',
        b'{"salt": "", "fields": {"age": {"missing": 0, "high": NaN}}}',
        b'{"salt": "", "fields": {"age": {"missing": 0, "categories": 1}}}',
    ],
)
def test_another_file_is_refused(tmp_path, content):
    (tmp_path / "ranges.json").write_bytes(content)
    with pytest.raises(UserError, match=r"ranges\.json does not tell what training saw"):
        Ranges.read(tmp_path / "ranges.json")


def test_numbers_are_written_as_json_numbers():
    content = json.loads(Ranges.of([pl.Series("x", [0.1, 7.0])]).to_json())
    assert content["fields"]["x"]["low"] == 0.1
