"""Releases of an equally good model: drawn from the pilot, and true to its differences and units."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.forecast.pilot import both_ways, identical_release
from evaluation.run import measure
from evaluation.types import CheckKind, Outputs, Task

MakePilot = Callable[..., Answers]


def generator(seed: int = 5) -> np.random.Generator:
    return np.random.Generator(np.random.PCG64(seed))


def pairs(answers: Answers) -> list[tuple[object, ...]]:
    """Every row with both models' answers, whoever gave which."""
    both = zip(answers.challenger.scores.tolist(), answers.champion.scores.tolist(), strict=True)
    return [(age, *sorted(pair)) for age, pair in zip(answers.frame["age"].to_list(), both, strict=True)]


def test_rows_are_the_pilots_and_half_of_them_change_places(pilot: MakePilot) -> None:
    given = pilot(1500)
    made = identical_release(given, 3000, None, generator())
    known = dict(zip(given.frame["age"].to_list(), given.challenger.scores.tolist(), strict=True))
    assert set(pairs(made)) <= set(pairs(given))
    assert len(made.target) == made.frame.height == 3000
    kept = np.mean(
        [known[age] == score for age, score in zip(made.frame["age"], made.challenger.scores, strict=True)]
    )
    assert kept == pytest.approx(0.5, abs=0.03)
    differ = [(each.challenger.labels != each.champion.labels).mean() for each in (given, made)]
    assert differ[1] == pytest.approx(differ[0], abs=0.02)


def test_a_policy_without_slices_needs_no_columns(pilot: MakePilot) -> None:
    made = identical_release(replace(pilot(100), frame=pl.DataFrame()), 300, None, generator())
    assert (len(made.target), made.frame.shape) == (300, (0, 0))
    assert len(both_ways(made).target) == 600


def test_one_model_keeps_its_answers(pilot: MakePilot) -> None:
    given = replace(pilot(500), champion=None)
    made = identical_release(given, 500, None, generator())
    known = dict(zip(given.frame["age"].to_list(), given.challenger.scores.tolist(), strict=True))
    assert [known[age] for age in made.frame["age"]] == made.challenger.scores.tolist()
    assert made.champion is None


def test_rows_of_a_unit_stay_together_and_change_places_together(pilot: MakePilot) -> None:
    given = pilot(900)
    sizes = dict(given.frame["customer"].value_counts().iter_rows())
    of_age = dict(zip(given.frame["age"].to_list(), given.frame["customer"].to_list(), strict=True))
    known = dict(zip(given.frame["age"].to_list(), given.challenger.scores.tolist(), strict=True))
    made = identical_release(given, 400, "customer", generator())
    table = made.frame.with_columns(
        was=pl.Series([of_age[age] for age in made.frame["age"]]),
        kept=pl.Series(
            [known[age] == s for age, s in zip(made.frame["age"], made.challenger.scores, strict=True)]
        ),
    )
    by_unit = table.group_by("customer").agg(
        pl.len(),
        pl.col("was").n_unique().alias("origins"),
        pl.col("was", "kept").first(),
        pl.col("kept").n_unique().alias("sides"),
    )
    assert by_unit.height == 400
    assert by_unit["origins"].max() == 1
    assert by_unit["sides"].max() == 1
    assert [sizes[was] for was in by_unit["was"]] == by_unit["len"].to_list()
    assert by_unit["kept"].mean() == pytest.approx(0.5, abs=0.1)


def test_the_seed_decides(pilot: MakePilot) -> None:
    made = [
        identical_release(pilot(300), 300, None, generator(seed)).challenger.scores.tolist()
        for seed in (1, 1, 2)
    ]
    assert made[0] == made[1] != made[2]


def test_requests_are_shared_by_models_that_are_equally_fast(pilot: MakePilot) -> None:
    given = pilot(200, timed=True)
    made = identical_release(given, 200, None, generator())
    pool = {*given.latency_ms.tolist(), *given.champion_latency_ms.tolist()}
    for times in (made.latency_ms, made.champion_latency_ms):
        assert len(times) == 400
        assert set(times.tolist()) <= pool
        assert not set(times.tolist()) <= set(given.latency_ms.tolist())
    alone = identical_release(replace(given, champion_latency_ms=None), 200, None, generator())
    assert set(alone.latency_ms.tolist()) <= set(given.latency_ms.tolist())


def test_both_ways_the_truth_is_no_difference(pilot: MakePilot) -> None:
    both = both_ways(pilot(800))
    checks = tuple(
        {"metric": name, "no_worse_than_champion_by": 0.1} for name in ("accuracy", "roc_auc", "f1", "brier")
    )
    found = measure(
        both,
        task=Task.BINARY,
        gate=GateConfig(resamples=200, checks=checks),
        overview=(),
    )
    assert [item.kind for item in found.items] == [CheckKind.CHAMPION] * 4
    assert [item.estimate.value for item in found.items] == pytest.approx([0.0] * 4, abs=1e-12)
    single = replace(pilot(50), champion=None)
    assert both_ways(single) is single


def test_scores_of_several_classes_change_places_too() -> None:
    scores = [np.tile([[0.2, 0.3, 0.5]], (60, 1)), np.tile([[0.6, 0.3, 0.1]], (60, 1))]
    given = Answers(
        np.zeros(60), pl.DataFrame({"i": range(60)}), *(Outputs(s.argmax(axis=1), s) for s in scores)
    )
    made = identical_release(given, 500, None, generator())
    assert set(map(tuple, made.challenger.scores.tolist())) == {(0.2, 0.3, 0.5), (0.6, 0.3, 0.1)}
    assert (made.challenger.scores.argmax(axis=1) == made.challenger.labels).all()
    assert (made.challenger.labels != made.champion.labels).all()


LABELS, SCORES = np.array([0, 1]), np.array([0.2, 0.8])


@pytest.mark.parametrize(
    ("challenger", "champion", "told"),
    [
        (Outputs(LABELS, SCORES), None, False),
        (Outputs(LABELS, SCORES), Outputs(LABELS, SCORES.copy()), False),
        (Outputs(LABELS, SCORES), Outputs(LABELS, SCORES / 2), True),
        (Outputs(LABELS), Outputs(LABELS), False),
        (Outputs(LABELS), Outputs(1 - LABELS), True),
        (Outputs(LABELS, SCORES), Outputs(1 - LABELS), False),
        (Outputs(LABELS, SCORES), Outputs(LABELS, np.ones((2, 3))), False),
    ],
    ids=[
        "one model",
        "the same",
        "other scores",
        "the same labels",
        "other labels",
        "no scores",
        "another form",
    ],
)
def test_two_models_tell_a_difference(challenger: Outputs, champion: Outputs | None, told: bool) -> None:
    assert Answers(LABELS, pl.DataFrame(), challenger, champion).tells_difference is told
