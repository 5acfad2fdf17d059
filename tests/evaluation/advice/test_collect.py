"""What is looked for beside the checks, and for which of them a remedy is sought."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from evaluation.advice.collect import remedies, weaknesses
from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.gate.decide import decide
from evaluation.run import measure
from evaluation.types import GateOutcome, Outputs, Task, Verdict

RANDOM = np.random.default_rng(3)
N = 3000
SEX = np.where(np.arange(N) % 2 == 0, "f", "m")
TARGET = RANDOM.integers(0, 2, N)
# The model sees half of the positive rows of f and nearly all of m.
SCORE = np.clip(0.25 + 0.5 * TARGET * np.where(SEX == "f", 0.4, 1.0) + RANDOM.normal(0, 0.12, N), 0, 1)
OUTPUTS = Outputs((SCORE > 0.5).astype(np.int64), SCORE)
FRAME = pl.DataFrame(
    {"sex": SEX, "title": np.where(SEX == "f", "Ms", "Mr"), "age": np.arange(N) % 70 + 18, "late": TARGET}
)
BIAS = {"metric": "equal_opportunity_difference", "groups": ["sex"], "at_most": 0.1}
GATE = GateConfig(resamples=300, checks=({"metric": "roc_auc", "at_least": 0.6}, BIAS))


def outcome(gate: GateConfig = GATE) -> GateOutcome:
    found = measure(Answers(TARGET, FRAME, OUTPUTS), task=Task.BINARY, gate=gate, overview=())
    return decide(found, gate)


def test_weak_slices_and_proxies_are_found() -> None:
    found = weaknesses(
        task=Task.BINARY, frame=FRAME, target="late", features=["title", "age"], outputs=OUTPUTS, gate=GATE
    )
    assert [(item["feature"], item["group"]) for item in found["proxies"]] == [("title", "sex")]
    assert found["weakest_slices"]["slices"][0]["rows"] in ({"sex": "f"}, {"title": "Ms"})


def test_nothing_is_searched_that_nobody_asked_for() -> None:
    gate = GateConfig(weakest_slices=0, checks=({"metric": "roc_auc", "at_least": 0.6},))
    assert weaknesses(
        task=Task.BINARY, frame=FRAME, target="late", features=["title"], outputs=OUTPUTS, gate=gate
    ) == {"proxies": []}


def test_a_failed_bias_check_gets_a_remedy_with_its_cost() -> None:
    decided = outcome()
    assert decided.checks[1].verdict is Verdict.FAIL
    [found] = remedies(decided, task=Task.BINARY, frame=FRAME, target=TARGET, outputs=OUTPUTS, gate=GATE)
    assert found["check"] == decided.checks[1].id
    assert found["problem"] is None
    assert found["after"] < 0.1 < found["before"]
    assert found["metric"] == "balanced_accuracy"


@pytest.mark.parametrize("verdict", [Verdict.PASS, Verdict.INCONCLUSIVE])
def test_no_remedy_is_sought_where_nothing_failed(verdict: Verdict) -> None:
    decided = outcome()
    open_ = replace(decided, checks=tuple(replace(check, verdict=verdict) for check in decided.checks))
    assert not remedies(open_, task=Task.BINARY, frame=FRAME, target=TARGET, outputs=OUTPUTS, gate=GATE)


def test_a_failed_check_on_a_slice_or_on_no_groups_gets_none() -> None:
    decided = outcome()
    auc, bias = (replace(check, verdict=Verdict.FAIL) for check in decided.checks)
    sliced = replace(decided, checks=(auc, replace(bias, rows={"age": "30"})))
    assert not remedies(sliced, task=Task.BINARY, frame=FRAME, target=TARGET, outputs=OUTPUTS, gate=GATE)
