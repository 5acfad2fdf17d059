"""Measuring a whole policy, on good data and on everything that must not pass."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.gate.decide import decide
from evaluation.metrics.builtin import METRICS
from evaluation.run import measure
from evaluation.types import CheckKind, Measurements, Outputs, Task, Verdict

MakeGate = Callable[..., GateConfig]


class Data:
    """A holdout and two models, the challenger a little better than the champion."""

    def __init__(self, n: int = 1200, seed: int = 1) -> None:
        random = np.random.default_rng(seed)
        self.target = random.integers(0, 2, n)
        self.frame = pl.DataFrame(
            {
                "sex": random.choice(["f", "m"], n),
                "education": random.choice(["school", "university"], n),
                "rare": np.where(np.arange(n) < 7, "few", "many"),
            }
        )
        noise = random.normal(size=n)
        self.challenger = self.outputs(2.4 * self.target + noise)
        self.champion = self.outputs(2.0 * self.target + noise + 0.4 * random.normal(size=n))
        self.latency = random.gamma(4.0, 1.0, 400)

    @staticmethod
    def outputs(z: np.ndarray) -> Outputs:
        score = 1 / (1 + np.exp(1.1 - z))
        return Outputs((score >= 0.5).astype(int), score)

    def measure(self, gate: GateConfig, **changes: Any) -> Measurements:
        """Of these answers; `changes` are other answers, or what `measure` takes besides."""
        given = Answers(self.target, self.frame, self.challenger, self.champion, self.latency)
        other = {name: changes.pop(name) for name in list(changes) if hasattr(given, name)}
        return measure(replace(given, **other), task=Task.BINARY, gate=gate, **changes)


@pytest.fixture(scope="module")
def data() -> Data:
    return Data()


POLICY: tuple[dict[str, Any], ...] = (
    {"metric": "roc_auc", "at_least": 0.7, "no_worse_than_champion_by": 0.02},
    {"metric": "recall", "slices": ["education"], "no_worse_than_champion_by": 0.05},
    {"metric": "equalized_odds_difference", "groups": ["sex"], "at_most": 0.25},
    {"metric": "expected_calibration_error", "at_most": 0.3},
    {"metric": "latency_p95_ms", "at_most": 50},
)


def test_a_whole_policy_passes(data: Data, make_gate: MakeGate) -> None:
    gate, shares = make_gate(*POLICY), []
    found = data.measure(gate, progress=shares.append)
    assert [item.id for item in found.items] == [
        "roc_auc",
        "roc_auc.vs_champion",
        "recall[education=school].vs_champion",
        "recall[education=university].vs_champion",
        "equalized_odds_difference(sex)",
        "expected_calibration_error",
        "latency_p95_ms",
    ]
    assert found.not_compared == ()
    assert found.rows == 1200
    assert shares[-1] == 1.0
    outcome = decide(found, gate)
    assert outcome.verdict is Verdict.PASS, [check.reason for check in outcome.checks]


def test_values_are_those_of_the_rows_named(data: Data, make_gate: MakeGate) -> None:
    from sklearn.metrics import recall_score, roc_auc_score

    items = {item.id: item for item in data.measure(make_gate(*POLICY)).items}
    auc = items["roc_auc.vs_champion"]
    assert auc.challenger == pytest.approx(roc_auc_score(data.target, data.challenger.scores))
    assert auc.champion == pytest.approx(roc_auc_score(data.target, data.champion.scores))
    assert auc.estimate.value == pytest.approx(auc.challenger - auc.champion)
    school = (data.frame["education"] == "school").to_numpy()
    recall = items["recall[education=school].vs_champion"]
    assert recall.rows == {"education": "school"}
    assert recall.estimate.n == school.sum()
    assert recall.challenger == pytest.approx(
        recall_score(data.target[school], data.challenger.labels[school])
    )
    bias = items["equalized_odds_difference(sex)"]
    assert bias.groups == ("sex",)
    assert [entry["group"] for entry in bias.detail["groups"]] == ["sex=f", "sex=m"]
    assert sum(entry["n"] for entry in bias.detail["groups"]) == 1200


def test_the_overview_is_there_whatever_the_policy_names(data: Data, make_gate: MakeGate) -> None:
    found = data.measure(make_gate({"metric": "latency_p95_ms", "at_most": 50}))
    assert {"roc_auc", "f1", "brier"} <= set(found.overview)
    assert all(estimate.usable for estimate in found.overview.values())


def test_the_same_seed_gives_the_same_measurements(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate(*POLICY)
    assert data.measure(gate) == data.measure(gate)
    found, other = (
        data.measure(make_gate(*POLICY, seed=seed)).overview["expected_calibration_error"] for seed in (0, 5)
    )
    assert other.value == found.value
    assert other.low != found.low


def test_without_champion_its_checks_are_not_compared(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate(*POLICY)
    found = data.measure(gate, champion=None)
    assert [name for name, _ in found.not_compared] == [
        "roc_auc.vs_champion",
        "recall[education=school].vs_champion",
        "recall[education=university].vs_champion",
    ]
    assert {why for _, why in found.not_compared} == {"no champion yet"}
    assert all(item.kind is CheckKind.ABSOLUTE for item in found.items)
    assert decide(found, gate).verdict is Verdict.PASS


def test_a_policy_of_comparisons_alone_is_inconclusive_without_champion(
    data: Data, make_gate: MakeGate
) -> None:
    gate = make_gate({"metric": "f1", "no_worse_than_champion_by": 0.1})
    outcome = decide(data.measure(gate, champion=None), gate)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.checks == ()


def test_a_champion_that_could_not_be_asked_is_inconclusive(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate(*POLICY)
    outcome = decide(data.measure(gate, champion=None, champion_problem="its bundle is gone"), gate)
    verdicts = {check.id: check.verdict for check in outcome.checks}
    assert verdicts["roc_auc"] is Verdict.PASS
    assert verdicts["roc_auc.vs_champion"] is Verdict.INCONCLUSIVE
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "its bundle is gone" in next(
        check.reason for check in outcome.checks if check.kind is CheckKind.CHAMPION
    )


def test_a_champion_of_other_labels_is_inconclusive(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate({"metric": "f1", "at_least": 0.1, "no_worse_than_champion_by": 0.1})
    alien = Outputs(np.array(["good", "bad"] * 600))
    outcome = decide(data.measure(gate, champion=alien), gate)
    assert [check.verdict for check in outcome.checks] == [Verdict.PASS, Verdict.INCONCLUSIVE]
    assert "champion: the model's labels are bad, good" in outcome.checks[1].reason


def test_an_identical_release_passes_where_the_rows_bound_the_difference(
    data: Data, make_gate: MakeGate
) -> None:
    """No formula bounds F1 by the rows on which nothing differs; for the others 1,200 rows are enough."""
    names = ("roc_auc", "accuracy", "brier", "f1")
    gate = make_gate(*({"metric": name, "no_worse_than_champion_by": 0.02} for name in names))
    outcome = decide(data.measure(gate, champion=data.challenger), gate)
    assert [check.verdict for check in outcome.checks] == [Verdict.PASS] * 3 + [Verdict.INCONCLUSIVE]
    assert "identical answers on all 1,200 rows" in outcome.checks[3].reason


def with_nan(outputs: Outputs, rows: Any) -> Outputs:
    scores = outputs.scores.copy()
    scores[rows] = np.nan
    return replace(outputs, scores=scores)


def test_nan_answers_are_counted_and_never_pass(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate(*POLICY)
    first_school = int((data.frame["education"] == "school").arg_max())
    found = data.measure(gate, challenger=with_nan(data.challenger, [first_school]))
    outcome = decide(found, gate)
    verdicts = {check.id: check.verdict for check in outcome.checks}
    assert verdicts.pop("latency_p95_ms") is Verdict.PASS
    # The slice without a NaN is measured as ever; no other check is.
    assert verdicts.pop("recall[education=university].vs_champion") is not None
    assert set(verdicts.values()) == {Verdict.INCONCLUSIVE}
    assert "gave no finite answer (NaN, infinite or null) for 1 of 1,200 rows" in outcome.checks[0].reason
    assert not any(estimate.usable for estimate in found.overview.values())


def test_nan_answers_of_the_champion_spoil_the_comparison_alone(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate(POLICY[0])
    outcome = decide(data.measure(gate, champion=with_nan(data.champion, slice(0, 9))), gate)
    assert [check.verdict for check in outcome.checks] == [Verdict.PASS, Verdict.INCONCLUSIVE]
    assert (
        "the champion gave no finite answer (NaN, infinite or null) for 9 of 1,200"
        in outcome.checks[1].reason
    )


def rows(data: Data, keep: np.ndarray) -> dict[str, Any]:
    def some(outputs: Outputs) -> Outputs:
        return Outputs(outputs.labels[keep], outputs.scores[keep])

    return {
        "frame": data.frame.filter(keep),
        "target": data.target[keep],
        "challenger": some(data.challenger),
        "champion": some(data.champion),
    }


LENIENT: tuple[dict[str, Any], ...] = (
    {"metric": "roc_auc", "at_least": 0.0, "no_worse_than_champion_by": 1.0},
    {"metric": "recall", "at_least": 0.0, "slices": ["education"], "no_worse_than_champion_by": 1.0},
    {"metric": "equalized_odds_difference", "groups": ["sex"], "at_most": 1.0},
    {"metric": "f1", "at_least": 0.0, "no_worse_than_champion_by": 1.0},
)


@pytest.mark.parametrize(
    "change",
    [
        lambda data: rows(data, np.zeros(1200, dtype=bool)),
        lambda data: rows(data, np.arange(1200) < 3),
        lambda data: rows(data, np.arange(1200) < 45),
        lambda data: rows(data, data.target == 0),
        lambda data: {"challenger": with_nan(data.challenger, slice(None))},
        lambda data: {"challenger": Outputs(np.zeros(1200, dtype=int), np.full(1200, 0.5))},
        lambda data: {
            "challenger": Outputs(np.zeros(1200, dtype=int), np.zeros(1200)),
            "champion": data.champion,
        },
    ],
    ids=["0 rows", "3 rows", "45 rows", "one class", "all NaN", "all equal", "all zero"],
)
def test_bad_input_never_passes_even_a_policy_that_asks_nothing(
    change: Callable[[Data], dict[str, Any]], data: Data, make_gate: MakeGate
) -> None:
    gate = make_gate(*LENIENT)
    outcome = decide(data.measure(gate, **change(data)), gate)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert all(check.reason for check in outcome.checks)


def test_a_slice_of_few_rows_is_inconclusive(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate({"metric": "accuracy", "at_least": 0.1, "slices": ["rare"]})
    few, many = decide(data.measure(gate), gate).checks
    assert (few.verdict, many.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    assert "accuracy where rare is few can't be judged: 7 rows, at least 50 are needed" in few.reason


def test_a_slice_of_one_class_is_inconclusive(data: Data, make_gate: MakeGate) -> None:
    frame = data.frame.with_columns(pl.Series("outcome", np.where(data.target == 1, "late", "early")))
    gate = make_gate({"metric": "roc_auc", "at_least": 0.0, "slices": ["outcome"]})
    outcome = decide(data.measure(gate, frame=frame), gate)
    assert {check.verdict for check in outcome.checks} == {Verdict.INCONCLUSIVE}
    assert "one class only" in outcome.checks[0].reason


def test_a_group_that_is_absent_from_a_slice_is_not_dropped(data: Data, make_gate: MakeGate) -> None:
    frame = data.frame.with_columns(
        sex=pl.when(pl.col("education") == "school").then(pl.lit("f")).otherwise(pl.col("sex"))
    )
    gate = make_gate(
        {
            "metric": "demographic_parity_difference",
            "groups": ["sex"],
            "slices": ["education"],
            "at_most": 1.0,
        }
    )
    school, university = decide(data.measure(gate, frame=frame), gate).checks
    assert (school.verdict, university.verdict) == (Verdict.INCONCLUSIVE, Verdict.PASS)
    assert "group sex=m" in school.reason


def test_a_metric_that_raises_is_inconclusive(data: Data, make_gate: MakeGate) -> None:
    def broken(sample: object) -> float:
        raise RuntimeError("out of cheese")

    metrics = {**METRICS, "broken": replace(METRICS["average_precision"], name="broken", point=broken)}
    gate = make_gate({"metric": "broken", "at_least": 0.0}, POLICY[0])
    outcome = decide(data.measure(gate, metrics=metrics), gate)
    assert [check.verdict for check in outcome.checks] == [Verdict.INCONCLUSIVE, Verdict.PASS, Verdict.PASS]
    assert "RuntimeError: out of cheese" in outcome.checks[0].reason


def test_latency_that_was_not_measured_is_inconclusive(data: Data, make_gate: MakeGate) -> None:
    gate = make_gate({"metric": "latency_p95_ms", "at_most": 50, "no_worse_than_champion_by": 5})
    outcome = decide(data.measure(gate, latency_ms=None), gate)
    assert {check.verdict for check in outcome.checks} == {Verdict.INCONCLUSIVE}
    outcome = decide(data.measure(gate), gate)
    assert "champion: latency was not measured" in outcome.checks[1].reason
    outcome = decide(data.measure(gate, champion_latency_ms=data.latency + 1), gate)
    assert {check.verdict for check in outcome.checks} == {Verdict.PASS}


def test_policy_mistakes_are_errors(data: Data, make_gate: MakeGate) -> None:
    with pytest.raises(UserError, match="column 'educaton'"):
        data.measure(make_gate({"metric": "recall", "at_least": 0.1, "slices": ["educaton"]}))
    with pytest.raises(UserError, match="3 answers for 1,200 rows"):
        data.measure(make_gate(POLICY[0]), challenger=Outputs(np.zeros(3)))


def test_regression_and_many_classes(make_gate: MakeGate) -> None:
    random = np.random.default_rng(1)
    target = random.normal(10, 3, 500)
    gate = make_gate({"metric": "rmse", "at_most": 2.0, "no_worse_than_champion_by": 0.2})
    found = measure(
        Answers(
            target,
            pl.DataFrame({"a": target}),
            Outputs(target + random.normal(0, 1, 500)),
            Outputs(target + random.normal(0, 1.5, 500)),
        ),
        task=Task.REGRESSION,
        gate=gate,
    )
    assert decide(found, gate).verdict is Verdict.PASS
    assert found.items[1].estimate.value < 0
    classes = random.choice(["a", "b", "c"], 500)
    label = np.where(random.random(500) < 0.8, classes, "a")
    gate = make_gate({"metric": "f1_macro", "at_least": 0.5})
    found = measure(
        Answers(classes, pl.DataFrame({"a": classes}), Outputs(label)), task=Task.MULTICLASS, gate=gate
    )
    assert decide(found, gate).verdict is Verdict.PASS


def test_a_unit_without_value_is_told(data: Data, make_gate: MakeGate) -> None:
    frame = data.frame.with_columns(patient=pl.when(pl.int_range(pl.len()) > 0).then(pl.lit("p")))
    gate = make_gate({"metric": "accuracy", "at_least": 0.1}, unit="patient")
    with pytest.raises(UserError, match="the unit column 'patient' has no value in 1 of"):
        data.measure(gate, frame=frame)
