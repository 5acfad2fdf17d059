"""How checks add up, and that a line of policy can't get lost."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from evaluation.config import GateConfig
from evaluation.gate.decide import decide
from evaluation.types import (
    Allowance,
    CheckKind,
    Consequence,
    Direction,
    Estimate,
    Measurement,
    Measurements,
    Tier,
    Verdict,
)

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


def tiered(measurement: Measurement, tier: Tier, **more: object) -> Measurement:
    return replace(measurement, id=f"{tier}", tier=tier, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("critical", "tier", "other", "verdict"),
    [
        (PASSING, Tier.SUPPORTING, PASSING, Verdict.PASS),
        (PASSING, Tier.SUPPORTING, OPEN, Verdict.PASS),
        (PASSING, Tier.SUPPORTING, FAILING, Verdict.FAIL),
        (PASSING, Tier.ADVISORY, FAILING, Verdict.PASS),
        (OPEN, Tier.SUPPORTING, PASSING, Verdict.INCONCLUSIVE),
        (OPEN, Tier.SUPPORTING, FAILING, Verdict.FAIL),
        (FAILING, Tier.ADVISORY, PASSING, Verdict.FAIL),
    ],
)
def test_a_tier_says_how_much_hangs_on_a_check(
    critical: Measurement, tier: Tier, other: Measurement, verdict: Verdict, make_gate: MakeGate
) -> None:
    gate = make_gate(AT_LEAST, {**AT_LEAST, "tier": tier})
    outcome = decide(Measurements((critical, tiered(other, tier))), gate)
    assert outcome.verdict is verdict
    assert outcome.checks[1].tier is tier


def test_a_check_measured_at_another_tier_is_a_gap(make_gate: MakeGate) -> None:
    outcome = decide(Measurements((tiered(PASSING, Tier.ADVISORY),)), make_gate(AT_LEAST))
    assert outcome.verdict is Verdict.INCONCLUSIVE
    assert outcome.checks[1].reason == "roc_auc at_least 0.7 was not measured."


@pytest.mark.parametrize(
    ("measured", "choice", "consequence"),
    [
        (PASSING, "block", Consequence.PROMOTE),
        (FAILING, "warn", Consequence.STOP),
        (FAILING, "hold", Consequence.STOP),
        (OPEN, "block", Consequence.STOP),
        (OPEN, "hold", Consequence.HOLD),
        (OPEN, "warn", Consequence.PROMOTE),
    ],
)
def test_the_policy_says_what_becomes_of_an_open_release(
    measured: Measurement, choice: str, consequence: Consequence, make_gate: MakeGate
) -> None:
    outcome = decide(Measurements((measured,)), make_gate(AT_LEAST, on_inconclusive=choice))
    assert outcome.consequence is consequence
    assert outcome.verdict is decide(Measurements((measured,)), make_gate(AT_LEAST)).verdict


WAIVER = {"check": "roc_auc", "owner": "ana", "reason": "known", "until": "2026-12-31"}


@pytest.mark.parametrize(
    ("today", "verdict", "waived"),
    [(date(2026, 12, 31), Verdict.PASS, True), (date(2027, 1, 1), Verdict.FAIL, False)],
)
def test_a_waived_check_keeps_its_verdict_and_does_not_decide(
    today: date, verdict: Verdict, waived: bool, make_gate: MakeGate
) -> None:
    other = replace(PASSING, id="accuracy", metric="accuracy")
    gate = make_gate(AT_LEAST, {"metric": "accuracy", "at_least": 0.7}, waivers=[WAIVER])
    outcome = decide(Measurements((FAILING, other)), gate, today=today)
    assert outcome.verdict is verdict
    assert outcome.checks[0].verdict is Verdict.FAIL
    assert (outcome.checks[0].waiver is not None) is waived
    assert bool(outcome.notes) is not waived


def test_a_gate_with_every_critical_check_waived_decides_nothing(make_gate: MakeGate) -> None:
    outcome = decide(
        Measurements((PASSING,)), make_gate(AT_LEAST, waivers=[WAIVER]), today=date(2026, 11, 22)
    )
    assert outcome.verdict is Verdict.INCONCLUSIVE


def family(*p_values: float) -> Measurements:
    return Measurements(
        tuple(
            replace(
                FAILING if p <= 0.05 else OPEN, id=f"slice {index}", family="roc_auc", p_pass=1.0, p_fail=p
            )
            for index, p in enumerate(p_values)
        )
    )


@pytest.mark.parametrize(
    ("p_values", "failing", "adjusted"),
    [
        ((0.04,), [0], (0.04,)),
        ((0.04, 0.5), [], (0.08, 0.5)),
        ((0.02, 0.5), [0], (0.04, 0.5)),
        ((0.02, 0.04), [0, 1], (0.04, 0.04)),
        ((0.001, 0.02, 0.03), [0, 1, 2], (0.003, 0.04, 0.04)),
    ],
)
def test_slices_fail_only_by_holms_correction(
    p_values: tuple[float, ...], failing: list[int], adjusted: tuple[float, ...], make_gate: MakeGate
) -> None:
    checks = decide(family(*p_values), make_gate(AT_LEAST)).checks
    assert [index for index, check in enumerate(checks) if check.verdict is Verdict.FAIL] == failing
    assert [check.p_fail_adjusted for check in checks] == pytest.approx(list(adjusted))
    assert [check.p_fail for check in checks] == list(p_values)
    taken_back = [c for c in checks if (c.p_fail or 1) <= 0.05 and c.verdict is not Verdict.FAIL]
    assert all("after Holm's correction" in check.reason for check in taken_back)


def test_families_do_not_share_their_error(make_gate: MakeGate) -> None:
    first, second = family(0.04).items[0], replace(family(0.04).items[0], family="recall")
    checks = decide(Measurements((first, second)), make_gate(AT_LEAST)).checks
    assert [check.verdict for check in checks] == [Verdict.FAIL, Verdict.FAIL]


SHARE = Allowance(0.05, 0.005, candidate=2, candidates=10)


def at(measurement: Measurement, level: float) -> Measurement:
    return replace(measurement, estimate=replace(measurement.estimate, confidence=1 - level))


def test_limits_are_judged_at_the_level_that_is_left(make_gate: MakeGate) -> None:
    outcome = decide(Measurements((at(PASSING, 0.005),), allowance=SHARE), make_gate(AT_LEAST))
    assert (outcome.verdict, outcome.allowance) == (Verdict.PASS, SHARE)
    stale = decide(Measurements((PASSING,), allowance=SHARE), make_gate(AT_LEAST))
    assert stale.verdict is Verdict.INCONCLUSIVE
    assert "measured at 95 %, the policy asks for 99.5 %" in stale.checks[0].reason


def test_without_error_left_nothing_is_decided(make_gate: MakeGate) -> None:
    spent = replace(SHARE, problem="this holdout has judged all the challengers that it was planned for")
    for measured in (PASSING, FAILING):
        outcome = decide(Measurements((at(measured, 0.005),), allowance=spent), make_gate(AT_LEAST))
        assert outcome.verdict is Verdict.INCONCLUSIVE
        assert outcome.checks[0].reason.endswith(f"But {spent.problem}.")


def test_an_open_check_says_what_would_decide_it(make_gate: MakeGate) -> None:
    near = item(0.69, 0.75)
    [check] = decide(Measurements((near,)), make_gate(AT_LEAST)).checks
    assert check.needed is not None
    assert check.resolvable is not None
    assert check.needed > near.estimate.n
    assert f"About {check.needed:,} rows would decide it" in check.reason
