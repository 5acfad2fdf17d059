"""There and back without loss, and nothing that is not JSON."""

import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.errors import UserError
from evaluation.json_codec import (
    measurements_from_json,
    measurements_to_json,
    outcome_from_json,
    outcome_to_json,
)
from evaluation.types import (
    Allowance,
    CheckKind,
    CheckResult,
    Consequence,
    Direction,
    Estimate,
    GateOutcome,
    Measurement,
    Measurements,
    Tier,
    Verdict,
    Waiver,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | numbers
texts = st.text(max_size=12)
estimates = st.builds(
    Estimate, maybe, maybe, maybe, st.integers(0, 10**9), numbers, texts, st.none() | texts, texts
)
allowances = st.builds(
    Allowance,
    numbers,
    numbers,
    st.integers(1, 99),
    st.integers(1, 99),
    st.lists(st.integers(1, 10**6), max_size=3).map(tuple),
    st.none() | st.integers(1, 10**6),
    numbers,
    st.none() | texts,
)
parts: dict[str, Any] = {
    "id": texts,
    "metric": texts,
    "kind": st.sampled_from(CheckKind),
    "direction": st.sampled_from(Direction),
    "comparison": texts,
    "bound": numbers,
    "estimate": estimates,
    "challenger": maybe,
    "champion": maybe,
    "rows": st.dictionaries(texts, texts, max_size=2),
    "groups": st.lists(texts, max_size=2).map(tuple),
    "detail": st.dictionaries(texts, st.integers() | texts | st.lists(numbers, max_size=2), max_size=2),
    "tier": st.sampled_from(Tier),
    "family": st.none() | texts,
    "p_pass": maybe,
    "p_fail": maybe,
}
pairs = st.lists(st.tuples(texts, texts), max_size=2).map(tuple)
measured = st.builds(
    Measurements,
    st.lists(st.builds(Measurement, **parts), max_size=2).map(tuple),
    pairs,
    st.dictionaries(texts, estimates, max_size=2),
    st.integers(0, 10**9),
    st.none() | allowances,
    st.dictionaries(texts, st.lists(st.dictionaries(texts, texts, max_size=2), max_size=2), max_size=2),
)
judged = st.builds(
    CheckResult,
    **parts,
    verdict=st.sampled_from(Verdict),
    reason=texts,
    p_fail_adjusted=maybe,
    needed=st.none() | st.integers(1, 10**9),
    resolvable=maybe,
    waiver=st.none() | st.builds(Waiver, texts, texts, texts, texts),
)
outcomes = st.builds(
    GateOutcome,
    st.sampled_from(Verdict),
    st.sampled_from(Consequence),
    st.lists(judged, max_size=2).map(tuple),
    pairs,
    st.none() | allowances,
    st.lists(texts, max_size=2).map(tuple),
)


@given(measured)
def test_measurements_come_back(found: Measurements) -> None:
    text = json.dumps(measurements_to_json(found), allow_nan=False)
    assert measurements_from_json(json.loads(text)) == found


@given(outcomes)
def test_outcomes_come_back(found: GateOutcome) -> None:
    text = json.dumps(outcome_to_json(found), allow_nan=False)
    assert outcome_from_json(json.loads(text)) == found


ESTIMATE = Estimate(0.5, 0.4, 0.6, 9, 0.95, "by hand")
CHECK = CheckResult(
    id="recall[a=b].vs_champion",
    metric="recall",
    kind=CheckKind.CHAMPION,
    direction=Direction.HIGHER_IS_BETTER,
    comparison="no_worse_than_champion_by",
    bound=0.01,
    estimate=ESTIMATE,
    rows={"a": "b"},
    verdict=Verdict.PASS,
    reason="Because.",
    waiver=Waiver("recall*", "ana", "late labels", "2026-12-31"),
)


def test_a_check_is_flat(allowance_json: dict[str, Any]) -> None:
    left = (("f1.vs_champion", "no champion yet"),)
    outcome = GateOutcome(
        Verdict.PASS, Consequence.PROMOTE, (CHECK,), left, Allowance.whole(0.05), ("A waiver has expired.",)
    )
    assert outcome_to_json(outcome) == {
        "verdict": "pass",
        "consequence": "promote",
        "checks": [
            {
                "id": "recall[a=b].vs_champion",
                "metric": "recall",
                "kind": "champion",
                "direction": "higher",
                "comparison": "no_worse_than_champion_by",
                "bound": 0.01,
                "estimate": {
                    "value": 0.5,
                    "low": 0.4,
                    "high": 0.6,
                    "n": 9,
                    "confidence": 0.95,
                    "method": "by hand",
                    "problem": None,
                    "unit": "row",
                },
                "challenger": None,
                "champion": None,
                "rows": {"a": "b"},
                "groups": [],
                "detail": {},
                "tier": "critical",
                "family": None,
                "p_pass": None,
                "p_fail": None,
                "verdict": "pass",
                "reason": "Because.",
                "p_fail_adjusted": None,
                "needed": None,
                "resolvable": None,
                "waiver": {
                    "check": "recall*",
                    "owner": "ana",
                    "reason": "late labels",
                    "until": "2026-12-31",
                },
            }
        ],
        "not_compared": [["f1.vs_champion", "no champion yet"]],
        "allowance": allowance_json,
        "notes": ["A waiver has expired."],
    }


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused(value: float) -> None:
    broken = Measurements((), overview={"roc_auc": Estimate(value, 0.1, 0.2, 9, 0.95, "by hand")})
    with pytest.raises(ValueError, match="not JSON compliant"):
        measurements_to_json(broken)


@pytest.mark.parametrize(
    "content", [{}, {"items": [{}]}, {"items": 3}, [], {"verdict": "maybe", "checks": []}]
)
def test_something_else_is_told(content: Any) -> None:
    for read in (measurements_from_json, outcome_from_json):
        with pytest.raises(UserError, match="the file holds no"):
            read(content)
