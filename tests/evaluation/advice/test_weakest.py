"""The search for weak slices: numbers against SciPy, chance held at bay, and what is passed over."""

import json
from typing import Any

import numpy as np
import polars as pl
import pytest
from scipy.stats import ttest_ind

from evaluation.advice import weakest
from evaluation.advice.weakest import losses, weakest_slices
from evaluation.metrics.base import Sample
from evaluation.samples import Model
from evaluation.types import Task


def model_of(wrong: np.ndarray) -> Model:
    return Model(
        Sample(np.zeros(len(wrong), dtype=np.int64), wrong.astype(np.int64)), np.zeros(len(wrong), dtype=bool)
    )


def search(wrong: np.ndarray, columns: dict[str, Any], **settings: Any) -> dict[str, Any]:
    return weakest_slices(task=Task.BINARY, model=model_of(wrong), frame=pl.DataFrame(columns), **settings)


def shops(n: int = 1200, seed: int = 1) -> tuple[np.random.Generator, dict[str, Any]]:
    random = np.random.default_rng(seed)
    return random, {
        "shop": np.array(["north", "south", "west"])[random.integers(0, 3, n)],
        "old": random.random(n) < 0.5,
        "age": random.normal(40.0, 10.0, n),
    }


def test_a_weak_slice_is_found_with_scipys_numbers() -> None:
    random, columns = shops()
    north = columns["shop"] == "north"
    wrong = random.random(len(north)) < np.where(north, 0.4, 0.1)
    found = search(wrong, columns)
    first = found["slices"][0]
    assert first["rows"] == {"shop": "north"}
    assert (first["n"], first["loss"], first["outside"]) == (
        north.sum(),
        pytest.approx(wrong[north].mean()),
        pytest.approx(wrong[~north].mean()),
    )
    assert first["effect"] == pytest.approx(first["loss"] - first["outside"])
    expected = ttest_ind(
        wrong[north].astype(float), wrong[~north].astype(float), equal_var=False, alternative="greater"
    )
    assert first["p"] == pytest.approx(expected.pvalue)
    # 3 shops, 2 of old, 4 of age; pairs 3 x 2, 3 x 4, 2 x 4.
    assert found["searched"] == 9 + 26
    assert first["p_adjusted"] == pytest.approx(min(1.0, 35 * first["p"]))
    assert found["loss"] == "share of wrong labels"
    json.dumps(found, allow_nan=False)


def test_a_pair_is_named_only_where_it_is_worse_than_both_its_parts() -> None:
    random, columns = shops(4000)
    corner = (columns["shop"] == "west") & columns["old"]
    found = search(random.random(4000) < np.where(corner, 0.4, 0.1), columns)
    assert found["slices"][0]["rows"] == {"shop": "west", "old": "true"}
    wrong_west = search(random.random(4000) < np.where(columns["shop"] == "west", 0.4, 0.1), columns)
    assert [part["rows"] for part in wrong_west["slices"] if len(part["rows"]) == 2] == []


def test_a_pairs_evidence_is_the_weakest_of_three() -> None:
    random, columns = shops(4000)
    west, old = columns["shop"] == "west", columns["old"]
    wrong = random.random(4000) < np.where(west & old, 0.4, 0.1)
    [pair] = [
        part for part in search(wrong, columns)["slices"] if part["rows"] == {"shop": "west", "old": "true"}
    ]
    inside = wrong[west & old].astype(float)
    expected = [
        ttest_ind(inside, wrong[others].astype(float), equal_var=False, alternative="greater").pvalue
        for others in (~(west & old), west & ~old, old & ~west)
    ]
    assert pair["p"] == pytest.approx(max(expected))


def test_chance_alone_rarely_names_a_slice() -> None:
    named = 0
    for seed in range(100):
        random, columns = shops(800, seed)
        found = search(random.random(800) < 0.2, columns)
        named += any(part["p_adjusted"] <= 0.05 for part in found["slices"])
    # 5 % of 100 searches, and three standard errors.
    assert named <= 11


@pytest.mark.parametrize(
    ("column", "searched"),
    [
        (["a"] * 200, 0),
        ([f"{k}" for k in range(200)], 0),
        (list(range(200)), 0),
        ([[k % 2] for k in range(200)], 0),
        (["a"] * 170 + ["b"] * 30, 0),
        (["a"] * 120 + [None] * 80, 2),
        ([k % 3 for k in range(200)], 3),
        ([(k % 50) / 7 for k in range(200)], 4),
    ],
)
def test_what_makes_no_slices_is_passed_over(column: list[Any], searched: int) -> None:
    found = search(np.arange(200) % 5 == 0, {"k": pl.Series(column, strict=False)}, min_rows=40)
    assert found["searched"] == searched


def test_a_column_that_is_left_out_is_not_searched() -> None:
    random, columns = shops()
    assert search(random.random(1200) < 0.2, columns, leave_out=["shop", "age"])["searched"] == 2
    assert search(random.random(1200) < 0.2, columns, leave_out=list(columns))["slices"] == []


def test_rows_without_answer_do_not_count() -> None:
    wrong = np.arange(400) < 100
    model = Model(model_of(wrong).sample, np.arange(400) < 100)
    frame = pl.DataFrame({"k": ["a", "b"] * 200})
    found = weakest_slices(task=Task.BINARY, model=model, frame=frame)
    assert (found["searched"], found["slices"]) == (2, [])


def test_the_same_rows_under_two_names_are_one_slice() -> None:
    random, columns = shops()
    columns = {"shop": columns["shop"], "copy": columns["shop"]}
    wrong = random.random(1200) < np.where(columns["shop"] == "north", 0.4, 0.1)
    assert [part["rows"] for part in search(wrong, columns, most=1)["slices"]] == [{"shop": "north"}]
    assert len({part["n"] for part in search(wrong, columns)["slices"]}) == len(
        search(wrong, columns)["slices"]
    )


def test_no_more_than_asked_for_are_named() -> None:
    random, columns = shops()
    assert len(search(random.random(1200) < 0.2, columns, most=2)["slices"]) <= 2
    assert search(random.random(1200) < 0.2, columns, most=0)["slices"] == []


def test_many_rows_are_sampled_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weakest, "_WORK", 0)
    monkeypatch.setattr(weakest, "_LEAST_ROWS", 600)
    random, columns = shops()
    wrong = random.random(1200) < np.where(columns["shop"] == "north", 0.4, 0.1)
    one, again, other = (search(wrong, columns, seed=seed)["slices"][0] for seed in (1, 1, 2))
    assert one == again != other
    assert one["rows"] == {"shop": "north"}
    assert one["n"] < 300


@pytest.mark.parametrize(
    ("task", "sample", "expected", "name"),
    [
        (
            Task.BINARY,
            Sample(np.array([0, 1]), np.array([1, 1]), np.array([0.75, 0.5])),
            [-np.log(0.25), -np.log(0.5)],
            "log loss",
        ),
        (Task.BINARY, Sample(np.array([0]), np.array([1]), np.array([1.0])), [36.04365338911715], "log loss"),
        (Task.BINARY, Sample(np.array([0, 1]), np.array([1, 1])), [1.0, 0.0], "share of wrong labels"),
        (Task.MULTICLASS, Sample(np.array([2, 1]), np.array([0, 1])), [1.0, 0.0], "share of wrong labels"),
        (Task.REGRESSION, Sample(np.array([2.0, 1.0]), np.array([0.5, 3.0])), [1.5, 2.0], "absolute error"),
    ],
)
def test_the_loss_fits_the_task(task: Task, sample: Sample, expected: list[float], name: str) -> None:
    loss, found = losses(task, sample)
    assert (loss.tolist(), found) == (pytest.approx(expected), name)
