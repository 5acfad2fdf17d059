"""Decision records as the gate writes them, of every verdict."""

from collections.abc import Callable
from typing import Any

import pytest

Check = dict[str, Any]
MakeDecision = Callable[..., dict[str, Any]]


def check(verdict: str, **more: Any) -> Check:
    """One judged check, as flat JSON."""
    given: Check = {
        "id": "roc_auc",
        "metric": "roc_auc",
        "kind": "absolute",
        "direction": "higher",
        "comparison": "at_least",
        "bound": 0.72,
        "estimate": {
            "value": 0.78,
            "low": 0.77,
            "high": 0.79,
            "n": 9000,
            "confidence": 0.95,
            "method": "percentile bootstrap",
            "problem": None,
            "unit": "row",
        },
        "challenger": 0.78,
        "champion": None,
        "rows": {},
        "groups": [],
        "detail": {},
        "tier": "critical",
        "family": None,
        "p_pass": None,
        "p_fail": None,
        "p_fail_adjusted": None,
        "needed": None,
        "resolvable": None,
        "waiver": None,
        "verdict": verdict,
        "reason": "roc_auc is 0.7800 (95 % limits 0.7700 to 0.7900, 9,000 rows).",
    }
    estimate = {**given["estimate"], **more.pop("estimate", {})}
    return {**given, **more, "estimate": estimate}


PASSED = check("pass")
BIASED = check(
    "fail",
    id="equalized_odds_difference(sex)",
    metric="equalized_odds_difference",
    direction="lower",
    comparison="at_most",
    bound=0.1,
    groups=["sex"],
    estimate={"value": 0.15, "low": 0.12, "high": 0.18},
    detail={
        "groups": [
            {"group": "sex=female", "n": 5400, "rates": {"true positive rate": 0.41}},
            {"group": "sex=male", "n": 3600, "rates": {"true positive rate": None}},
        ]
    },
    reason="equalized_odds_difference between groups of sex is 0.1500, the whole interval breaks it.",
)
OPEN = check(
    "inconclusive",
    id="recall[education=other].vs_champion",
    metric="recall",
    kind="champion",
    comparison="no_worse_than_champion_by",
    bound=0.03,
    rows={"education": "other"},
    champion=0.5,
    estimate={"value": -0.01, "low": -0.05, "high": 0.03, "n": 400},
    needed=1600,
    reason="recall where education is other: the interval lies on both sides.",
)
UNMEASURED = check(
    "inconclusive",
    id="latency_p99_ms",
    metric="latency_p99_ms",
    comparison="at_most",
    bound=50,
    estimate={"value": None, "low": None, "high": None, "n": 400, "problem": "too few requests"},
    reason="latency_p99_ms can't be judged: too few requests.",
)


@pytest.fixture
def make_decision(allowance_json: dict[str, Any]) -> MakeDecision:
    """A decision record of these checks."""

    def make(verdict: str, *checks: Check, **more: Any) -> dict[str, Any]:
        data = {"sha256": "c0ffee" * 10 + "beef", "rows": 9000, "columns": 27, "bytes": 1}
        decision: dict[str, Any] = {
            "schema_version": 1,
            "kind": "decision",
            "release": {
                "id": "20261121-230512-1a2b3c4d",
                "model": "lending",
                "task": "binary",
                "commit": "4e96abdd1c3f3b3a",
                "branch": "main",
                "dirty": False,
                "created_at": "2026-11-21T23:05:12Z",
            },
            "policy": {"digest": "ab" * 32, "gate": {"confidence": 0.95, "checks": [{"metric": "roc_auc"}]}},
            "data": {
                "train": {**data, "path": "data/train.parquet"},
                "evaluate": {**data, "path": "data/holdout.parquet"},
            },
            "training": {
                "entrypoint": "train:train",
                "seed": 7,
                "params": {"iterations": 120},
                "packages": {"scikit-learn": "1.9.1"},
                "run_id": "f0e1d2",
                "model_digest": "12" * 32,
            },
            "champion": {"version": "3", "release_id": "20261114-101112-aabbccdd", "problem": None},
            "validation": {
                "verdict": "pass",
                "checks": [{"name": "schema", "verdict": "pass", "message": "27 columns", "detail": {}}],
            },
            "checks": list(checks),
            "consequence": "promote" if verdict == "pass" else "stop",
            "decided_at": "2026-11-21T23:06:00+00:00",
            "allowance": allowance_json,
            "notes": [],
            "advice": {},
            "judges": [],
            "evidence": {},
            "not_compared": [],
            "verdict": verdict,
            "software": {"weighbridge": "0.1.0"},
        }
        return {**decision, **more}

    return make
