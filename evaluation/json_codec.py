"""Measurements and outcomes as JSON, and back; flat, without NaN."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from evaluation.errors import UserError
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


def measurements_to_json(measurements: Measurements) -> dict[str, Any]:
    """JSON values: `items`, `not_compared`, `overview`, `rows`, `allowance`, `advice`.

    Raises ValueError for a number that is not finite.
    """
    return _plain(
        {
            "items": [asdict(item) for item in measurements.items],
            "not_compared": [list(pair) for pair in measurements.not_compared],
            "overview": {name: asdict(estimate) for name, estimate in measurements.overview.items()},
            "rows": measurements.rows,
            "allowance": _or_none(measurements.allowance),
            "advice": dict(measurements.advice),
        }
    )


def measurements_from_json(content: Mapping[str, Any]) -> Measurements:
    """What `measurements_to_json` gave.

    Raises UserError where it is something else.
    """
    try:
        return Measurements(
            items=tuple(Measurement(**_measurement(item)) for item in content["items"]),
            not_compared=tuple((str(name), str(why)) for name, why in content["not_compared"]),
            overview={name: Estimate(**estimate) for name, estimate in content["overview"].items()},
            rows=int(content["rows"]),
            allowance=_allowance(content["allowance"]),
            advice=dict(content["advice"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("measurements", error) from error


def outcome_to_json(outcome: GateOutcome) -> dict[str, Any]:
    """JSON values: `verdict`, `consequence`, `checks`, `not_compared`, `allowance`, `notes`.

    Raises ValueError for a number that is not finite.
    """
    return _plain(
        {
            "verdict": outcome.verdict,
            "consequence": outcome.consequence,
            "checks": [asdict(check) for check in outcome.checks],
            "not_compared": [list(pair) for pair in outcome.not_compared],
            "allowance": _or_none(outcome.allowance),
            "notes": list(outcome.notes),
        }
    )


def outcome_from_json(content: Mapping[str, Any]) -> GateOutcome:
    """What `outcome_to_json` gave; other keys, as of a decision record, are left aside.

    Raises UserError where it is something else.
    """
    try:
        return GateOutcome(
            verdict=Verdict(content["verdict"]),
            consequence=Consequence(content["consequence"]),
            checks=tuple(check_from_json(check) for check in content["checks"]),
            not_compared=tuple((str(name), str(why)) for name, why in content["not_compared"]),
            allowance=_allowance(content["allowance"]),
            notes=tuple(content["notes"]),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise _unreadable("outcome", error) from error


def check_from_json(content: Mapping[str, Any]) -> CheckResult:
    """One judged check of a decision record."""
    waiver = None if content["waiver"] is None else Waiver(**content["waiver"])
    return CheckResult(**_measurement(content) | {"verdict": Verdict(content["verdict"]), "waiver": waiver})


def _measurement(content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        **content,
        "kind": CheckKind(content["kind"]),
        "direction": Direction(content["direction"]),
        "estimate": Estimate(**content["estimate"]),
        "groups": tuple(content["groups"]),
        "tier": Tier(content["tier"]),
    }


def _or_none(allowance: Allowance | None) -> dict[str, Any] | None:
    return None if allowance is None else asdict(allowance)


def _allowance(content: Mapping[str, Any] | None) -> Allowance | None:
    return None if content is None else Allowance(**{**content, "looks": tuple(content["looks"])})


def _plain(content: dict[str, Any]) -> dict[str, Any]:
    """Through text and back: enums become their values, tuples lists, and a NaN is refused."""
    plain: dict[str, Any] = json.loads(json.dumps(content, allow_nan=False))
    return plain


def _unreadable(what: str, error: Exception) -> UserError:
    return UserError(
        f"the file holds no {what}: {type(error).__name__}: {error}",
        expected=f"{what} as this version of weighbridge writes them",
        next_step="evaluate again: weighbridge evaluate",
    )
