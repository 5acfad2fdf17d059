"""Proxies of sensitive attributes: strengths against SciPy, and no alarm for chance."""

import datetime as dt
import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats.contingency import association

from evaluation.advice.proxies import proxies
from evaluation.config import Bins

N = 2000
RANDOM = np.random.default_rng(1)
SEX = RANDOM.integers(0, 2, N)
SEXES = np.array(["f", "m"])[SEX]


def told(feature: Any, sex: Any = SEXES) -> list[dict[str, Any]]:
    return proxies(pl.DataFrame({"feature": feature, "sex": sex}), ["feature"], ["sex"])


def test_the_strength_is_cramers_v_where_rows_are_many() -> None:
    shop = np.where(RANDOM.random(N) < 0.85, SEX, RANDOM.integers(0, 3, N))
    [found] = told(shop)
    counts = np.histogram2d(shop, SEX, bins=(3, 2))[0].astype(int)
    assert found["strength"] == pytest.approx(association(counts, method="cramer"), abs=0.005)
    assert found["note"] == ""
    json.dumps(found, allow_nan=False)


def test_chance_adds_nothing_to_the_strength_where_values_are_many() -> None:
    """Of 300 rows and 60 values the plain V of an association of 0.6 is a good deal above it."""
    strengths, plain = [], []
    for seed in range(100):
        random = np.random.default_rng(seed)
        sex = random.integers(0, 2, 300)
        value = 30 * np.where(random.random(300) < 0.8, sex, 1 - sex) + random.integers(0, 30, 300)
        strengths += [found["strength"] for found in told([f"v{k}" for k in value], sex)]
        counts = np.histogram2d(value, sex, bins=(60, 2))[0].astype(int)
        plain.append(association(counts[counts.any(axis=1)], method="cramer"))
    assert np.mean(plain) > 0.68
    assert 0.5 <= np.median([*strengths, *[0.0] * (100 - len(strengths))]) <= 0.62


@pytest.mark.parametrize(
    "feature",
    [
        [f"id{k}" for k in range(N)],
        [f"pair{k // 2}" for k in range(N)],
        [f"zip{k % 400}" for k in range(N)],
        list(range(N)),
        RANDOM.normal(size=N),
        RANDOM.random(N) < 0.5,
        ["same"] * N,
        [None] * N,
        [[1]] * N,
    ],
    ids=["id", "pairs", "zip", "row number", "noise", "coin", "constant", "missing", "list"],
)
def test_chance_is_no_proxy(feature: Any) -> None:
    assert told(feature) == []


def test_small_tables_do_not_alarm_by_chance() -> None:
    named = 0
    for seed in range(200):
        random = np.random.default_rng(seed)
        named += len(told([f"v{k % 25}" for k in range(50)], random.integers(0, 2, 50)))
    assert named <= 2


@pytest.mark.parametrize(
    "feature",
    [
        SEX * 2.0 + RANDOM.normal(0, 0.4, N),
        pl.Series(SEXES, dtype=pl.Categorical),
        [dt.date(1990 + int(sex), 1, 1) + dt.timedelta(days=k % 300) for k, sex in enumerate(SEX)],
        np.where(RANDOM.random(N) < 0.5, SEX, np.nan),
    ],
    ids=["number", "categorical", "date", "half missing"],
)
def test_every_kind_of_column_may_tell(feature: Any) -> None:
    [found] = told(feature)
    assert found["strength"] > 0.9


def test_the_attribute_and_its_copies_are_named_as_such() -> None:
    frame = pl.DataFrame(
        {"sex": SEXES, "title": np.array(["Ms", "Mr"])[SEX], "finer": SEX * 2 + np.arange(N) % 2}
    )
    assert [
        (found["feature"], found["note"]) for found in proxies(frame, ["finer", "title", "sex"], ["sex"])
    ] == [
        ("sex", "the attribute itself"),
        ("title", "another name for it"),
        ("finer", ""),
    ]


def test_groups_may_be_ranges_and_count_once() -> None:
    age = RANDOM.normal(40, 10, N)
    frame = pl.DataFrame({"age": age, "income": age * 2 + RANDOM.normal(0, 2, N), "sex": SEXES})
    part = Bins(column="age", bins=(40.0,))
    assert [
        (found["feature"], found["group"]) for found in proxies(frame, ["income"], [part, part, "sex"])
    ] == [("income", "age")]


def test_rows_without_group_are_left_out() -> None:
    sex = [None if k % 3 == 0 else name for k, name in enumerate(SEXES)]
    assert told(SEX, sex)[0]["note"] == "another name for it"
