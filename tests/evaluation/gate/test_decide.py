"""How checks add up, and that a line of policy can't get lost."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from evaluation.config import GateConfig
from evaluation.gate.decide import decide
from evaluation.types import CheckKind, Direction, Estimate, Measurement, Measurements, Verdict

MakeGate = Callable[..., GateConfig]
AT_LEAST = {"metric": "roc_auc", "at_least": 0.7}
NO_WORSE = {"metric": "roc_auc", "no_worse_than_champion_by": 0.01}


def item(low: float, high: float, bound: float = 0.7, **more: object) -> Measurement:
    given: dict[str, object] = {
        "id": "roc_auc",
        "metric": "roc_auc",
        "kind": CheckKind.ABSOLUTE,
        "direction": Direction.HIGHER_IS_BETTER,
        "comparison": "at_least",
        "bound": bound,
        "estimate": Estimate((low + high) / 2, low, high, 900, 0.95, "by hand"),
    }
    return Measurement(**{**given, **more})  # type: ignore[arg-type]


PASSING, OPEN, FAILING = item(0.75, 0.85), item(0.65, 0.75), item(0.5, 0.6)


@pytest.mark.parametrize(
    ("items", "verdict"),
    [
        ((PASSING,), Verdict.PASS),
        ((PASSING, OPEN), Verdict.INCONCLUSIVE),
        ((PASSING, OPEN, FAILING), Verdict.FAIL),
        ((FAILING, PASSING), Verdict.FAIL),
    ],
)
def test_the_worst_check_decides(
    items: tuple[Measurement, ...], verdict: Verdict, make_gate: MakeGate
) -> None:
    outcome = decide(Measurements(items), make_gate(AT_LEAST))
    assert outcome.verdict is verdict
    assert len(outcome.checks) == len(items)


def test_a_line_that_was_not_measured_is_inconclusive(make_gate: MakeGate) -> None:
    gate = make_gate(AT_LEAST, {"metric": "rmse", "at_most": 3.0})
    outcome = decide(Measurements((PASSING,)), gate)
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.checks[1].reason == "rmse at_most 3 was not measured."
    assert outcome.checks[1].direction is Direction.LOWER_IS_BETTER


@pytest.mark.parametrize(
    "check",
    [
        {"metric": "roc_auc", "at_least": 0.8},
        {"metric": "roc_auc", "at_most": 0.7},
        {"metric": "equalized_odds_difference", "groups": ["age"], "at_most": 0.7},
        NO_WORSE,
    ],
)
def test_a_policy_that_changed_since_is_not_passed(check: dict[str, object], make_gate: MakeGate) -> None:
    assert decide(Measurements((PASSING,)), make_gate(check)).verdict is Verdict.INCONCLUSIVE


def test_another_confidence_is_not_passed(make_gate: MakeGate) -> None:
    outcome = decide(Measurements((PASSING,)), make_gate(AT_LEAST, confidence=0.99))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert "measured at 95 %, the policy asks for 99 %" in outcome.checks[0].reason


def test_comparisons_without_champion_are_carried_and_not_counted(make_gate: MakeGate) -> None:
    left = (("roc_auc.vs_champion", "no champion yet"),)
    outcome = decide(Measurements((PASSING,), not_compared=left), make_gate(AT_LEAST, NO_WORSE))
    assert outcome.verdict is Verdict.PASS
    assert outcome.not_compared == left
    assert decide(Measurements((), not_compared=left), make_gate(NO_WORSE)).verdict is Verdict.INCONCLUSIVE


def test_a_check_keeps_what_was_measured(make_gate: MakeGate) -> None:
    measured = replace(PASSING, rows={"a": "b"}, detail={"counted_rows": 3}, challenger=0.8)
    [check] = decide(Measurements((measured,)), make_gate(AT_LEAST)).checks
    assert (check.rows, check.detail, check.challenger) == ({"a": "b"}, {"counted_rows": 3}, 0.8)
    assert check.estimate is measured.estimate
