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
    CheckKind,
    CheckResult,
    Direction,
    Estimate,
    GateOutcome,
    Measurement,
    Measurements,
    Verdict,
)

numbers = st.floats(allow_nan=False, allow_infinity=False)
maybe = st.none() | numbers
texts = st.text(max_size=12)
estimates = st.builds(Estimate, maybe, maybe, maybe, st.integers(0, 10**9), numbers, texts, st.none() | texts)
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
}
pairs = st.lists(st.tuples(texts, texts), max_size=2).map(tuple)
measured = st.builds(
    Measurements,
    st.lists(st.builds(Measurement, **parts), max_size=2).map(tuple),
    pairs,
    st.dictionaries(texts, estimates, max_size=2),
    st.integers(0, 10**9),
)
judged = st.builds(CheckResult, **parts, verdict=st.sampled_from(Verdict), reason=texts)
outcomes = st.builds(GateOutcome, st.sampled_from(Verdict), st.lists(judged, max_size=2).map(tuple), pairs)


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
)


def test_a_check_is_flat() -> None:
    assert outcome_to_json(GateOutcome(Verdict.PASS, (CHECK,), (("f1.vs_champion", "no champion yet"),))) == {
        "verdict": "pass",
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
                },
                "challenger": None,
                "champion": None,
                "rows": {"a": "b"},
                "groups": [],
                "detail": {},
                "verdict": "pass",
                "reason": "Because.",
            }
        ],
        "not_compared": [["f1.vs_champion", "no champion yet"]],
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
