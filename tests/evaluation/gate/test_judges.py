"""The three verdicts at every position of an interval, in both directions."""

import math
from dataclasses import replace
from typing import Any

import pytest

from evaluation.gate import absolute, champion
from evaluation.types import CheckKind, Direction, Estimate, Measurement, Verdict

HIGHER, LOWER = Direction.HIGHER_IS_BETTER, Direction.LOWER_IS_BETTER


def measurement(low: float | None, high: float | None, **more: Any) -> Measurement:
    value = None if low is None or high is None else (low + high) / 2
    given: dict[str, Any] = {
        "id": "recall",
        "metric": "recall",
        "kind": CheckKind.ABSOLUTE,
        "direction": HIGHER,
        "comparison": "at_least",
        "bound": 0.5,
        "challenger": value,
        "champion": 0.6,
        "estimate": Estimate(value, low, high, 900, 0.95, "by hand", more.pop("problem", None)),
    }
    return Measurement(**{**given, **more})


@pytest.mark.parametrize(
    ("comparison", "low", "high", "verdict"),
    [
        ("at_least", 0.50, 0.60, Verdict.PASS),
        ("at_least", 0.49, 0.60, Verdict.INCONCLUSIVE),
        ("at_least", 0.40, 0.50, Verdict.INCONCLUSIVE),
        ("at_least", 0.40, 0.49, Verdict.FAIL),
        ("at_most", 0.40, 0.50, Verdict.PASS),
        ("at_most", 0.40, 0.51, Verdict.INCONCLUSIVE),
        ("at_most", 0.50, 0.60, Verdict.INCONCLUSIVE),
        ("at_most", 0.51, 0.60, Verdict.FAIL),
    ],
)
@pytest.mark.parametrize("direction", list(Direction))
def test_a_bound_means_what_it_says(
    comparison: str, low: float, high: float, verdict: Verdict, direction: Direction
) -> None:
    """`at_least` and `at_most` are literal, whichever way the metric gets better."""
    found, reason = absolute.judge(measurement(low, high, comparison=comparison, direction=direction))
    assert found is verdict
    for part in ("recall is", f"{low:.4f} to {high:.4f}", "95 %", "900 rows", "0.5"):
        assert part in reason


@pytest.mark.parametrize(
    ("direction", "low", "high", "verdict"),
    [
        (HIGHER, -0.019, 0.03, Verdict.PASS),
        (HIGHER, -0.02, 0.03, Verdict.INCONCLUSIVE),
        (HIGHER, -0.05, -0.02, Verdict.INCONCLUSIVE),
        (HIGHER, -0.05, -0.021, Verdict.FAIL),
        (LOWER, -0.03, 0.019, Verdict.PASS),
        (LOWER, -0.03, 0.02, Verdict.INCONCLUSIVE),
        (LOWER, 0.02, 0.05, Verdict.INCONCLUSIVE),
        (LOWER, 0.021, 0.05, Verdict.FAIL),
    ],
)
def test_a_loss_is_turned_by_the_declared_direction(
    direction: Direction, low: float, high: float, verdict: Verdict
) -> None:
    check = measurement(
        low,
        high,
        kind=CheckKind.CHAMPION,
        comparison="no_worse_than_champion_by",
        bound=0.02,
        direction=direction,
    )
    found, reason = champion.judge(check)
    assert found is verdict
    for part in (
        "for the challenger and 0.6000 for the champion",
        f"{low:+.4f} to {high:+.4f}",
        "less than 0.02",
    ):
        assert part in reason


def test_tolerance_zero_asks_for_a_gain() -> None:
    given = {"kind": CheckKind.CHAMPION, "comparison": "no_worse_than_champion_by", "bound": 0.0}
    assert champion.judge(measurement(0.0, 0.1, **given))[0] is Verdict.INCONCLUSIVE
    assert champion.judge(measurement(0.001, 0.1, **given))[0] is Verdict.PASS
    assert champion.judge(measurement(-0.1, -0.001, **given))[0] is Verdict.FAIL


@pytest.mark.parametrize("judge", [absolute.judge, champion.judge])
@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"low": None, "high": None, "problem": "one class only"}, "one class only"),
        ({"low": 0.9, "high": 0.95, "problem": "7 rows, at least 50 are needed"}, "7 rows, at least 50"),
        ({"low": None, "high": None}, "it has no interval"),
        ({"low": math.nan, "high": 0.9}, "it has no interval"),
        ({"low": 0.9, "high": math.inf}, "it has no interval"),
    ],
)
def test_what_can_not_be_judged_is_inconclusive(judge: Any, change: dict[str, Any], words: str) -> None:
    found, reason = judge(measurement(**change))
    assert found is Verdict.INCONCLUSIVE
    assert words in reason


def test_a_reason_names_slice_and_groups_with_their_rates() -> None:
    detail = {
        "groups": [
            {"group": "sex=f", "n": 10, "rates": {"true positive rate": 0.4, "false positive rate": 0.1}},
            {"group": "sex=m", "n": 10, "rates": {"true positive rate": 0.55, "false positive rate": 0.2}},
            {"group": "sex=x", "n": 1, "rates": {"true positive rate": None, "false positive rate": 0.15}},
        ]
    }
    check = measurement(0.1, 0.2, groups=("sex", "age"), rows={"education": "school"}, detail=detail)
    reason = absolute.judge(check)[1]
    assert "recall between groups of sex and age where education is school is 0.1500" in reason
    assert "True positive rate: sex=f 0.4000, sex=m 0.5500." in reason


def test_a_reason_counts_what_was_sampled() -> None:
    timed = measurement(3.0, 4.0, metric="latency_p95_ms", comparison="at_most", bound=50)
    reason = absolute.judge(replace(timed, estimate=replace(timed.estimate, unit="request")))[1]
    assert "900 requests" in reason
