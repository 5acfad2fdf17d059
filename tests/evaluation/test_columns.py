"""Coded values of categories, ranges and combinations, and what can't be coded."""

from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.columns import Coded, coded, quantile_edges, require_parts, unit_codes
from evaluation.config import Bins
from evaluation.errors import UserError


def texts(found: Coded) -> list[str]:
    return [", ".join(found.values[code]) for code in found.codes.tolist()]


@pytest.mark.parametrize(
    ("values", "expected", "order"),
    [
        (["b", None, "a"], ["b", "(missing)", "a"], ["a", "b", "(missing)"]),
        ([10, 9, 10], ["10", "9", "10"], ["9", "10"]),
        ([1.0, float("nan"), None], ["1.0", "(missing)", "(missing)"], ["1.0", "(missing)"]),
        ([True, False, None], ["true", "false", "(missing)"], ["false", "true", "(missing)"]),
        (["(missing)", None, "(missing)"], ["(missing)"] * 3, ["(missing)"]),
        ([], [], []),
    ],
)
def test_every_value_is_a_category(values: list[Any], expected: list[str], order: list[str]) -> None:
    found = coded(pl.DataFrame({"k": pl.Series(values, strict=False)}), ["k"])
    assert texts(found) == expected
    assert [text for (text,) in found.values] == order


@pytest.mark.parametrize("dtype", [pl.Categorical(), pl.Enum(["z", "a"])])
def test_categories_of_every_type_are_texts(dtype: pl.DataType) -> None:
    found = coded(pl.DataFrame({"k": pl.Series(["z", "a", None, "z"], dtype=dtype)}), ["k"])
    assert texts(found) == ["z", "a", "(missing)", "z"]


def test_edges_cut_where_their_text_says() -> None:
    values = [None, float("nan"), -np.inf, 29.9, 30, 44, 45.5, np.inf]
    found = coded(
        pl.DataFrame({"age": pl.Series(values, strict=False)}), [Bins(column="age", bins=(30.0, 45.5))]
    )
    assert texts(found) == ["(missing)"] * 2 + ["below 30"] * 2 + ["30 to 45.5"] * 2 + ["45.5 and more"] * 2


def test_a_range_that_the_policy_names_is_listed_without_rows() -> None:
    found = coded(pl.DataFrame({"age": [20, 21]}), [Bins(column="age", bins=(30.0, 60.0))])
    assert found.values == (("below 30",), ("30 to 60",), ("60 and more",))


@pytest.mark.parametrize("values", [[7, 7, 7], [None, None]])
def test_a_number_that_does_not_vary_is_one_range(values: list[Any]) -> None:
    found = coded(pl.DataFrame({"age": pl.Series(values, dtype=pl.Int64)}), [Bins(column="age", bins=4)])
    assert set(texts(found)) == ({"all values"} if values[0] else {"(missing)"})


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=80), st.integers(2, 8))
def test_every_row_lies_in_the_range_that_is_named(values: list[float], bins: int) -> None:
    edges = [-np.inf, *quantile_edges(np.array(values), bins).tolist(), np.inf]
    found = coded(pl.DataFrame({"x": values}), [Bins(column="x", bins=bins)])
    assert edges == sorted(set(edges))
    assert len(edges) <= bins + 1
    for value, code in zip(values, found.codes.tolist(), strict=True):
        assert edges[code] <= value < edges[code + 1]


@pytest.mark.parametrize("scale", [1e-4, 1.0, 1e5])
def test_ranges_have_about_equally_many_rows(scale: float) -> None:
    values = np.random.default_rng(1).lognormal(0, 1, 10_000) * scale
    found = coded(pl.DataFrame({"x": values}), [Bins(column="x", bins=4)])
    assert np.bincount(found.codes) == pytest.approx([2500] * 4, rel=0.1)


def test_combinations_are_those_that_occur_in_rising_order() -> None:
    frame = pl.DataFrame(
        {"sex": ["m", "f", None, "f"], "age": [50, 20, 50, 50], "old": [True, False, True, True]}
    )
    found = coded(frame, ["sex", Bins(column="age", bins=(30.0,)), "old"])
    assert found.columns == ("sex", "age", "old")
    assert found.values == (
        ("f", "below 30", "false"),
        ("f", "30 and more", "true"),
        ("m", "30 and more", "true"),
        ("(missing)", "30 and more", "true"),
    )
    assert found.codes.tolist() == [2, 0, 3, 1]


def test_units_are_numbered_as_they_appear() -> None:
    assert unit_codes(pl.DataFrame({"k": [7.5, 2.0, 7.5, 1.0]}), "k").tolist() == [0, 1, 0, 2]


@pytest.mark.parametrize(
    ("columns", "part", "found"),
    [
        ({"age": range(101)}, "age", "age has 101 values in the evaluation data"),
        ({"a": [1]}, "b", "column 'b' is not in the evaluation data"),
        ({"a": ["x"]}, Bins(column="a", bins=2), "column 'a' is String"),
        ({"a": [True]}, Bins(column="a", bins=2), "column 'a' is Boolean"),
        ({"a": [[1]]}, "a", "column 'a' is List(Int64)"),
    ],
)
def test_what_can_not_be_coded_is_told(columns: dict[str, Any], part: str | Bins, found: str) -> None:
    with pytest.raises(UserError) as raised:
        coded(pl.DataFrame(columns), [part])
    assert found in raised.value.found
    assert raised.value.next_step


def test_too_many_combinations_are_told() -> None:
    frame = pl.DataFrame({"a": [k // 11 for k in range(121)], "b": [k % 11 for k in range(121)]})
    with pytest.raises(UserError, match="a and b has 121 values"):
        coded(frame, ["a", "b"])


@pytest.mark.parametrize("values", [["a", None], [1.0, float("nan")]])
def test_a_row_without_unit_is_told(values: list[Any]) -> None:
    with pytest.raises(UserError, match="the unit column 'k' has no value in 1 of 2 rows"):
        unit_codes(pl.DataFrame({"k": values}), "k")


def test_an_absent_column_is_answered_with_the_nearest() -> None:
    with pytest.raises(UserError) as raised:
        require_parts(["educaton"], {"sex": pl.String(), "education": pl.String()}, "the evaluation data")
    assert raised.value.next_step == "did you mean 'education'?"
    assert raised.value.expected == "one of: sex, education"
