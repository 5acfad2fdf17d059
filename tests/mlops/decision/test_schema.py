"""The schema of records: published, kept by real records, and strict."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from pydantic import ValidationError

from evaluation.json_codec import outcome_to_json
from evaluation.types import (
    Allowance,
    CheckKind,
    CheckResult,
    Consequence,
    Direction,
    Estimate,
    GateOutcome,
    Tier,
    Verdict,
    Waiver,
)
from mlops.cli.main import main
from mlops.decision.canonical import canonical_json
from mlops.decision.record import DecisionRecord
from mlops.decision.schema import SCHEMA_VERSION, Record, json_schema

PUBLISHED = Path(__file__).parents[3] / "docs" / "decision-record.schema.json"
Content = Callable[..., dict[str, Any]]


@pytest.fixture
def published() -> jsonschema.Draft202012Validator:
    schema = json.loads(PUBLISHED.read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(
        schema, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )


def test_what_is_published_is_what_is_checked(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        main(["schema", "--record"])
    assert not left.value.code
    assert capsys.readouterr().out == PUBLISHED.read_text(), (
        "weighbridge schema --record > docs/decision-record.schema.json"
    )
    assert json_schema()["properties"]["schema_version"]["const"] == SCHEMA_VERSION


def test_the_example_is_a_record(content: Content, published: jsonschema.Draft202012Validator) -> None:
    published.validate(content())
    Record.model_validate_json(canonical_json(content()))


def outcome(*, full: bool) -> GateOutcome:
    """What the gate can find, with everything that may be absent there or not."""
    missing = Estimate.missing("one class only", n=40, confidence=0.95)
    check = CheckResult(
        id="recall:sex=f",
        metric="recall",
        kind=CheckKind.CHAMPION,
        direction=Direction.HIGHER_IS_BETTER,
        comparison="no_worse_than_champion_by",
        bound=0.03,
        estimate=Estimate(0.1, 0.0, 0.2, 600, 0.95, "exact", unit="customer") if full else missing,
        challenger=0.8 if full else None,
        champion=0.7 if full else None,
        rows={"sex": "f"},
        groups=("sex",) if full else (),
        detail={"f": {"n": 12, "value": None}} if full else {},
        tier=Tier.SUPPORTING,
        family="recall:sex" if full else None,
        p_pass=0.01 if full else None,
        p_fail=0.9 if full else None,
        p_fail_adjusted=1.0 if full else None,
        needed=700 if full else None,
        resolvable=0.02 if full else None,
        waiver=Waiver("recall*", "Ada", "few positives", "2026-12-31") if full else None,
        verdict=Verdict.INCONCLUSIVE,
        reason="found so",
    )
    return GateOutcome(
        Verdict.INCONCLUSIVE,
        Consequence.HOLD,
        (check,),
        not_compared=(("recall.vs_champion", "there is no champion"),) if full else (),
        allowance=Allowance(0.05, 0.005, 2, 10, (500, 1000), 2000, 0.25, None) if full else None,
        notes=("the waiver of auc has expired",) if full else (),
    )


@pytest.mark.parametrize("full", [True, False])
def test_whatever_the_gate_finds_is_in_the_schema(
    content: Content, published: jsonschema.Draft202012Validator, full: bool
) -> None:
    found = content(**outcome_to_json(outcome(full=full)))
    if not full:
        found |= {"training": None, "champion": None, "judges": [], "evidence": {}, "advice": {}}
    published.validate(found)
    DecisionRecord.of(found)


def edited(content: dict[str, Any], place: str, value: object) -> dict[str, Any]:
    """A copy with one value changed, added, or (Ellipsis) left out."""
    changed: Any = json.loads(json.dumps(content))
    *way, last = place.split(".")
    part = changed
    for step in way:
        part = part[int(step) if step.isdigit() else step]
    if value is ...:
        del part[last]
    else:
        part[last] = value
    return changed  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("schema_version", 1),
        ("schema_version", "2"),
        ("kind", "watch"),
        ("verdict", "maybe"),
        ("verdict", ...),
        ("consequence", ...),
        ("consequence", "serve"),
        ("allowance", ...),
        ("comment", "approved"),
        ("release.approved_by", "me"),
        ("release.dirty", "false"),
        ("release.id", ""),
        ("decided_at", "yesterday"),
        ("policy.digest", "short"),
        ("policy.gate.bound", 1),
        ("data.train.rows", -1),
        ("data.train.rows", 1.5),
        ("training.model_digest", None),
        ("evidence", {"reference.parquet": "G" * 64}),
        ("checks.0.tier", ...),
        ("checks.0.tier", "optional"),
        ("checks.0.waived", True),
        ("checks.0.p_fail", 1.5),
        ("checks.0.needed", "12"),
        ("checks.0.estimate.n", "12"),
        ("checks.0.waiver", {"check": "x", "owner": "me", "reason": "", "until": "2026-01-01"}),
        ("not_compared", [["one"]]),
        ("validation.checks.0.detail", []),
    ],
)
def test_what_is_not_in_the_schema_is_refused_by_both(
    content: Content, published: jsonschema.Draft202012Validator, place: str, value: object
) -> None:
    changed = edited(content(), place, value)
    with pytest.raises(ValidationError):
        DecisionRecord.of(changed)
    if place != "decided_at":  # the format of a time is checked only with a further package
        assert not published.is_valid(changed)


def test_times_are_read_with_their_zone(content: Content) -> None:
    record = Record.model_validate_json(canonical_json(content(decided_at="2026-05-03T12:00:00+00:00")))
    assert record.decided_at == datetime(2026, 5, 3, 12, tzinfo=UTC)
