"""The parts of a reason: what was measured, where, and with which interval."""

import math
from collections.abc import Mapping
from typing import Any

from evaluation.reports.numbers import count, number, percent
from evaluation.types import Estimate, Measurement


def subject(measurement: Measurement) -> str:
    """The metric and the rows or groups that it was taken on.

    >>> from evaluation.types import CheckKind, Direction
    >>> nothing = Estimate.missing("not measured", n=0, confidence=0.95)
    >>> subject(Measurement(id="recall", metric="recall", kind=CheckKind.ABSOLUTE, comparison="at_least",
    ...     direction=Direction.HIGHER_IS_BETTER, bound=0.5, estimate=nothing, rows={"education": "school"}))
    'recall where education is school'
    """
    text = measurement.metric
    if measurement.groups:
        text += f" between groups of {' and '.join(measurement.groups)}"
    if measurement.rows:
        text += " where " + " and ".join(f"{column} is {value}" for column, value in measurement.rows.items())
    return text


def limits(estimate: Estimate) -> tuple[float, float] | None:
    """Both limits of an estimate that may be judged, else None."""
    low, high = estimate.low, estimate.high
    if not estimate.usable or low is None or high is None:
        return None
    return (low, high) if math.isfinite(low) and math.isfinite(high) else None


def unit(measurement: Measurement) -> str:
    """What an estimate counts: rows, requests, or values of the column that names what was sampled."""
    return measurement.estimate.unit


def problem(estimate: Estimate) -> str:
    """Why an estimate may not be judged."""
    return estimate.problem or "it has no interval"


def interval(estimate: Estimate, *, unit: str = "row", signed: bool = False) -> str:
    """Limits with confidence and number of rows: `95 % limits 0.7701 to 0.7920, 9,000 rows`."""
    found = limits(estimate)
    span = " to ".join(number(limit, signed=signed) for limit in found) if found else "none"
    return f"{percent(estimate.confidence)} limits {span}, {count(estimate.n, unit)}"


def extremes(detail: Mapping[str, Any]) -> str:
    """The groups that lie furthest apart, as ` True positive rate: sex=f 0.41, sex=m 0.55.`, or nothing."""
    found = []
    for rate in detail.get("groups", [{}])[0].get("rates", {}):
        values = [
            (entry["rates"][rate], entry["group"])
            for entry in detail["groups"]
            if entry["rates"][rate] is not None
        ]
        if len(values) > 1:
            least, most = min(values), max(values)
            ends = f"{least[1]} {number(least[0])}, {most[1]} {number(most[0])}"
            found.append((most[0] - least[0], f" {rate.capitalize()}: {ends}."))
    return max(found)[1] if found else ""
