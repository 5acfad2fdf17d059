"""Missing, NaN, one class, too few, broken: a table of inputs, none of which is ever a pass.

The bounds are so lax that any number would keep them: what holds them back is only that there is no evidence.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.gate.decide import decide
from evaluation.metrics.base import Metric, Sample
from evaluation.metrics.builtin import METRICS
from evaluation.run import measure
from evaluation.types import CheckResult, FloatArray, IntArray, Outputs, Task, Verdict

AUC = {"metric": "roc_auc", "at_least": 0.0, "no_worse_than_champion_by": 0.9}
EVERY = [
    AUC,
    {"metric": "average_precision", "at_least": 0.0, "no_worse_than_champion_by": 0.9},
    {"metric": "accuracy", "at_least": 0.0, "no_worse_than_champion_by": 0.9},
    {"metric": "recall", "at_least": 0.0, "no_worse_than_champion_by": 0.9},
    {"metric": "precision", "at_least": 0.0, "no_worse_than_champion_by": 0.9},
    {"metric": "f1", "at_least": 0.0, "no_worse_than_champion_by": 0.9},
    {"metric": "brier", "at_most": 1.0, "no_worse_than_champion_by": 0.9},
    {"metric": "expected_calibration_error", "at_most": 1.0, "no_worse_than_champion_by": 0.9},
    {"metric": "equalized_odds_difference", "groups": ["sex"], "at_most": 1.0},
    {"metric": "demographic_parity_ratio", "groups": ["sex"], "at_least": 0.0},
    {"metric": "worst_group_recall", "groups": ["sex"], "at_least": 0.0},
]


@dataclass(frozen=True)
class Case:
    """What is weighed; scores above one half are positive, `gone` are rows without a finite score."""

    target: IntArray
    score: FloatArray
    champion: FloatArray
    checks: list[dict[str, Any]] = field(default_factory=lambda: EVERY)
    columns: dict[str, list[str]] = field(default_factory=dict)
    unit: str | None = None
    broken: Metric | None = None


def good(n: int = 400, seed: int = 1) -> Case:
    """Rows on which two decent models differ, half of them of each sex."""
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, n)
    score = np.clip(0.3 + 0.4 * target + random.normal(0, 0.2, n), 0, 1)
    champion = np.clip(score + random.normal(0, 0.1, n), 0, 1)
    return Case(target, score, champion, columns={"sex": [("f", "m")[row % 2] for row in range(n)]})


def some_nan(case: Case) -> Case:
    return replace(case, score=np.where(np.arange(len(case.score)) % 7 == 0, np.nan, case.score))


def raising(sample: Sample) -> float:
    """Fails on any rows.

    >>> raising(Sample(np.array([1]), np.array([1])))
    Traceback (most recent call last):
    ZeroDivisionError: no luck
    """
    raise ZeroDivisionError("no luck")


def not_a_number(sample: Sample) -> float:
    """Gives NaN for any rows.

    >>> not_a_number(Sample(np.array([1]), np.array([1])))
    nan
    """
    return float("nan")


def plugged(point: Callable[[Sample], float]) -> Case:
    metric = Metric(point.__name__, METRICS["mae"].direction, (0.0, 1.0), frozenset({Task.BINARY}), point)
    checks = [{"metric": point.__name__, "at_most": 1.0, "no_worse_than_champion_by": 0.9}]
    return replace(good(), checks=checks, broken=metric)


CASES: dict[str, Case] = {
    "0 rows": good(0),
    "3 rows": good(3),
    "49 rows, one below the policy's least": good(49),
    "every score NaN": replace(good(), score=np.full(400, np.nan)),
    "some scores NaN": some_nan(good()),
    "one class": replace(
        good(), target=np.ones(400, dtype=np.int64), checks=[AUC, EVERY[1], EVERY[5], EVERY[8]]
    ),
    "a slice of one class": replace(
        good(),
        checks=[{**AUC, "slices": ["region"]}],
        columns={"region": [str(label) for label in good().target]},
    ),
    "nine positive rows": replace(
        good(),
        target=(np.arange(400) < 9).astype(np.int64),
        checks=[AUC, EVERY[1], EVERY[3], EVERY[5], EVERY[8]],
    ),
    "all predictions equal": replace(
        good(),
        score=np.full(400, 0.4),
        champion=np.full(400, 0.4),
        checks=[AUC, EVERY[1], EVERY[4], EVERY[5]],
    ),
    "400 rows of five units": replace(
        good(), columns={**good().columns, "id": [str(row % 5) for row in range(400)]}, unit="id"
    ),
    "a group of two rows": replace(good(), checks=EVERY[8:], columns={"sex": ["x", "x", *["f", "m"] * 199]}),
    "one group only": replace(good(), checks=EVERY[8:], columns={"sex": ["f"] * 400}),
    "a metric that raises": plugged(raising),
    "a metric that gives NaN": plugged(not_a_number),
    "latency that was not measured": replace(good(), checks=[{"metric": "latency_p95_ms", "at_most": 1e9}]),
}


def judged(case: Case) -> tuple[CheckResult, ...]:
    gate = GateConfig(checks=case.checks, unit=case.unit, resamples=200)  # type: ignore[arg-type]
    metrics = METRICS if case.broken is None else {**METRICS, case.broken.name: case.broken}
    found = measure(
        answers(case),
        task=Task.BINARY,
        gate=gate,
        metrics=metrics,
    )
    outcome = decide(found, gate)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    return outcome.checks


def answers(case: Case) -> Answers:
    frame = pl.DataFrame(case.columns, schema=dict.fromkeys(case.columns, pl.String))
    return Answers(case.target, frame, outputs(case.score), outputs(case.champion))


def outputs(score: FloatArray) -> Outputs:
    return Outputs((score > 0.5).astype(np.int64), score)


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_no_evidence_is_never_a_pass(case: Case) -> None:
    for check in judged(case):
        assert check.verdict is Verdict.INCONCLUSIVE, check.reason
        assert check.estimate.problem, check.reason
        assert check.estimate.problem in check.reason


def test_the_same_bounds_pass_where_there_is_evidence() -> None:
    gate = GateConfig(checks=EVERY, resamples=200)  # type: ignore[arg-type]
    found = measure(answers(good(2000)), task=Task.BINARY, gate=gate)
    assert decide(found, gate).verdict is Verdict.PASS
