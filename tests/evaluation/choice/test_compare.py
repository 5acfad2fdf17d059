"""From answers to a comparison: nothing is dropped, nothing is guessed, and what was timed or paid counts."""

import numpy as np
import polars as pl
import pytest

from evaluation.choice.best import Place
from evaluation.choice.compare import Answered, compare
from evaluation.metrics.builtin import find_metric
from evaluation.stats.estimate import Settings
from evaluation.text.declare import mean_of
from evaluation.text.rows import score_rows
from evaluation.types import Outputs, Task

N = 60


def quality(rows):
    """How good a text is."""
    return np.array([float(answer) for answer in rows.answers])


def price(rows):
    """What a text costs."""
    return rows.fact("cost")


QUALITY, PRICE = mean_of(quality, range=(-9.0, 9.0)), mean_of(price, higher_is_better=False, range=(0.0, 9.0))
LATENCY = find_metric("latency_p50_ms")
TARGET = np.full(N, "a text", dtype=object)


def said(mean, cost=1.0, *, seed=0, gone=()):
    """Texts that are numbers around a mean."""
    values = np.random.default_rng(seed).normal(mean, 1.0, N)
    labels = np.array([None if row in gone else str(value) for row, value in enumerate(values)], dtype=object)
    problems = ["timed out after 60 s" if row in gone else None for row in range(N)]
    facts = pl.DataFrame(
        {"problem": problems, "cost": [cost] * N}, schema={"problem": pl.String, "cost": pl.Float64}
    )
    outputs = Outputs(labels, facts=facts)
    return score_rows(outputs, [QUALITY, PRICE], target=TARGET, inputs=pl.DataFrame({"case": range(N)}))


def found(*answered, show=(PRICE, LATENCY), **others):
    return compare(
        answered,
        task=Task.GENERATION,
        target=TARGET,
        by=QUALITY,
        show=show,
        weigh=("price", "latency_p50_ms"),
        settings=Settings(min_rows=30),
        **others,
    )


def timed(ms):
    return np.full(N, ms) + np.arange(N) / 10


def test_quality_price_and_time_make_the_front():
    comparison = found(
        Answered("dear", said(3.0, 5.0, seed=1), timed(100.0)),
        Answered("quick", said(1.0, 2.0, seed=2), timed(10.0)),
        Answered("cheap", said(1.1, 1.0, seed=3), timed(50.0)),
        Answered("poor", said(0.0, 5.0, seed=4), timed(100.0)),
    )
    assert comparison.choice.best == "dear"
    assert comparison.axes == ("quality", "price", "latency_p50_ms")
    assert set(comparison.front) == {"dear", "quick", "cheap"}
    assert comparison.shown["quick"]["latency_p50_ms"].value == pytest.approx(12.95, abs=0.1)


def test_a_case_without_answer_takes_the_candidate_out_and_the_others_keep_every_case():
    comparison = found(
        Answered("a", said(3.0)), Answered("b", said(0.0, seed=1)), Answered("c", said(9.0, gone=(5,)))
    )
    assert comparison.choice.best == "a"
    last = comparison.choice.standings[-1]
    assert (last.name, last.place) == ("c", Place.NOT_COMPARED)
    assert last.estimate.problem == "no answer for 1 of 60 rows: timed out after 60 s"
    assert [one.estimate.n for one in comparison.choice.standings[:2]] == [N, N]
    assert "c" not in comparison.front
    assert comparison.shown["c"]["price"].problem == last.estimate.problem


def test_an_answer_without_value_takes_the_candidate_out():
    odd = said(9.0)
    odd.row_scores["quality"][7] = np.nan
    comparison = found(Answered("a", said(3.0)), Answered("b", said(0.0, seed=1)), Answered("c", odd))
    assert comparison.choice.standings[-1].estimate.problem == "no value for 1 of 60 answers"


def test_a_candidate_without_a_price_takes_the_price_out_of_the_front_and_nobody_out_of_the_choice():
    comparison = found(
        Answered("a", said(3.0), timed(10.0)), Answered("b", said(0.0, None, seed=1), timed(5.0))
    )
    assert comparison.choice.best == "a"
    assert comparison.axes == ("quality", "latency_p50_ms")
    assert set(comparison.front) == {"a", "b"}
    assert comparison.shown["b"]["price"].problem == "no value for 60 of 60 answers"


def test_one_that_could_not_be_asked_is_told_with_its_problem():
    comparison = found(
        Answered("a", said(3.0)), Answered("b", said(0.0)), Answered("c", None, problem="no endpoint")
    )
    assert comparison.choice.standings[-1].estimate.problem == "no endpoint"
    assert comparison.shown["c"]["latency_p50_ms"].value is None


def test_answers_of_another_form_are_that_candidate_s_problem():
    classes = np.tile([0, 1], 30)
    right = Outputs(classes, np.where(classes == 1, 0.9, 0.1))
    comparison = compare(
        [Answered("a", right), Answered("b", Outputs(np.array(["x", "y"] * 30, dtype=object)))],
        task=Task.BINARY,
        target=classes,
        by=find_metric("accuracy"),
        settings=Settings(),
    )
    assert comparison.choice.best is None
    assert "labels" in comparison.choice.standings[-1].estimate.problem


def test_repeats_of_a_case_are_one_unit():
    comparison = found(
        Answered("a", said(3.0)), Answered("b", said(0.0, seed=1)), units=np.repeat(np.arange(30), 2), show=()
    )
    assert comparison.choice.standings[0].estimate.n == 30
