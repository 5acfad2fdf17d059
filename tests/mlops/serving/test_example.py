"""The typical record that documentation and warm-up use."""

import polars as pl
import pytest

from mlops.packaging.load import InputField
from mlops.serving.example import typical_record


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        ("double", [1.0, 7.5, 100.0], 7.5),
        ("double", [1, 2, 9], 2.0),
        ("double", [float("nan"), None, 4.0], 4.0),
        ("long", [1, 2, 9], 2),
        ("long", [None, None], 0),
        ("string", ["b", "a", "b", None], "b"),
        ("string", ["b", "a"], "a"),
        ("string", [1, 2], "text"),
        ("boolean", [True, True, False], True),
        ("datetime", [1], "2026-01-01T00:00:00"),
    ],
)
def test_each_type_has_its_middle(tmp_path, dtype, values, expected):
    pl.DataFrame({"input.x": values}).write_parquet(tmp_path / "reference.parquet")
    record = typical_record([InputField("x", dtype, True)], tmp_path / "reference.parquet")
    assert record == {"x": expected}
    assert type(record["x"]) is type(expected)


@pytest.mark.parametrize("content", [None, b"", b"not parquet"])
def test_without_a_readable_reference_there_are_plain_values(tmp_path, content):
    path = tmp_path / "reference.parquet"
    if content is not None:
        path.write_bytes(content)
    fields = [InputField("x", "double", True), InputField("y", "string", True)]
    assert typical_record(fields, path) == {"x": 0, "y": "text"}


def test_it_is_nobodys_row(tmp_path):
    people = pl.DataFrame({"input.age": [20, 30, 40], "input.job": ["a", "b", "a"]})
    people.write_parquet(tmp_path / "reference.parquet")
    fields = [InputField("age", "long", True), InputField("job", "string", True)]
    assert typical_record(fields, tmp_path / "reference.parquet") == {"age": 30, "job": "a"}
