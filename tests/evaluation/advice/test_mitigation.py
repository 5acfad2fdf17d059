"""Mitigation: what is measured is what fairlearn's thresholds do to rows that they were not fitted on."""

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evaluation.advice import mitigation as module
from evaluation.advice.mitigation import mitigation
from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import find_metric
from evaluation.samples import Model
from evaluation.types import Task

NAMES = ("sex=f", "sex=m")
NUMBERS = ("before", "after", "metric", "metric_before", "metric_after", "cost", "n")


@pytest.fixture
def biased() -> Callable[..., Model]:
    """Answers whose scores are lower for the first group, at the same truth; thresholds of its own mend that."""

    def make(n: int = 4000, seed: int = 1) -> Model:
        random = np.random.default_rng(seed)
        groups, target = random.integers(0, 2, n), random.integers(0, 2, n)
        score = np.clip(0.35 + 0.3 * target - 0.2 * (groups == 0) + random.normal(0, 0.15, n), 0, 1)
        sample = Sample(target, (score >= 0.5).astype(np.int64), score, groups, NAMES)
        return Model(sample, np.zeros(n, dtype=np.bool_))

    return make


def ask(model: Model, metric: str, task: Task = Task.BINARY, **settings: Any) -> dict[str, Any]:
    found = mitigation(check="check", task=task, metric=find_metric(metric), model=model, **settings)
    json.dumps(found, allow_nan=False)
    return found


@pytest.mark.parametrize(
    ("metric", "constraint"),
    [
        ("demographic_parity_difference", "demographic parity"),
        ("equalized_odds_difference", "equalized odds"),
        ("equal_opportunity_difference", "true positive rate parity"),
    ],
)
def test_bias_falls_on_rows_that_were_not_fitted(
    metric: str, constraint: str, biased: Callable[..., Model]
) -> None:
    found = ask(biased(), metric)
    assert found["constraint"] == constraint
    assert found["method"] == "fairlearn ThresholdOptimizer"
    assert found["before"] > 0.25
    assert found["after"] < 0.1
    assert found["metric"] == "balanced_accuracy"
    assert found["cost"] == pytest.approx(found["metric_before"] - found["metric_after"])
    assert found["n"] == pytest.approx(2000, abs=2)
    assert found["problem"] is None
    assert "group when it predicts" in found["note"]


def test_the_worst_group_gets_better(biased: Callable[..., Model]) -> None:
    found = ask(biased(), "worst_group_recall")
    assert found["after"] > found["before"] + 0.2


def test_it_is_told_that_lots_are_drawn(biased: Callable[..., Model]) -> None:
    assert "draws lots" in ask(biased(), "equalized_odds_difference")["note"]


def test_values_are_those_of_the_rows_measured_on(biased: Callable[..., Model]) -> None:
    sample = biased().sample
    fitted, measured = module._halves(sample, 0)
    assert sorted([*fitted, *measured]) == list(range(sample.n))
    found = ask(biased(), "equal_opportunity_difference", main=find_metric("accuracy"))
    assert found["before"] == find_metric("equal_opportunity_difference").point(sample.take(measured))
    assert found["metric"] == "accuracy"
    assert "the best accuracy under it" in found["note"]
    assert found["metric_before"] == find_metric("accuracy").point(sample.take(measured))


def test_halves_are_equal_in_every_group_and_class(biased: Callable[..., Model]) -> None:
    sample = biased(401).sample
    for rows in (halves := module._halves(sample, 3)):
        counts = np.bincount(sample.groups[rows] * 2 + sample.target[rows], minlength=4)
        every = np.bincount(sample.groups * 2 + sample.target, minlength=4)
        assert np.abs(2 * counts - every).max() <= 1
    assert halves[0].tolist() != module._halves(sample, 4)[0].tolist()


def test_the_same_seed_gives_the_same(biased: Callable[..., Model]) -> None:
    one, again, other = (ask(biased(), "equalized_odds_difference", seed=seed) for seed in (5, 5, 6))
    assert one == again != other


@pytest.mark.parametrize("main", ["roc_auc", "selection_rate", "rmse"])
def test_the_cost_is_counted_in_a_metric_of_labels(main: str, biased: Callable[..., Model]) -> None:
    assert ask(biased(), "equalized_odds_difference", main=find_metric(main))["metric"] == "balanced_accuracy"


@pytest.mark.parametrize(
    ("task", "metric", "word"),
    [
        (Task.BINARY, "worst_group_accuracy", "ZeroOneLoss"),
        (Task.MULTICLASS, "worst_group_accuracy", "two classes only"),
    ],
)
def test_in_other_cases_the_method_is_named(
    task: Task, metric: str, word: str, biased: Callable[..., Model]
) -> None:
    found = ask(biased(), metric, task)
    assert [found[name] for name in NUMBERS] == [None] * 7
    assert word in found["note"]
    assert found["problem"] is None


def test_without_scores_the_training_constraint_is_named(biased: Callable[..., Model]) -> None:
    model = biased()
    labels = Model(
        Sample(model.sample.target, model.sample.label, None, model.sample.groups, NAMES), model.unanswered
    )
    found = ask(labels, "equalized_odds_difference")
    assert (found["method"], found["after"]) == ("training", None)
    assert "ExponentiatedGradient under EqualizedOdds" in found["note"]


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"groups": None}, "no groups were named."),
        ({"target": np.zeros(40, dtype=np.int64)}, "fewer than two rows of a class in group sex=f, sex=m."),
        ({"groups": np.zeros(40, dtype=np.int64)}, "fewer than two rows of a class in group sex=m."),
    ],
)
def test_what_can_not_be_measured_is_a_problem(
    change: dict[str, Any], problem: str, biased: Callable[..., Model]
) -> None:
    model = biased(40)
    found = ask(Model(module.replace(model.sample, **change), model.unanswered), "equalized_odds_difference")
    assert (found["problem"], found["after"]) == (problem, None)


def test_rows_without_answer_are_left_out(biased: Callable[..., Model]) -> None:
    model = biased()
    found = ask(Model(model.sample, np.arange(4000) < 3000), "demographic_parity_difference")
    assert found["n"] == pytest.approx(500, abs=2)
