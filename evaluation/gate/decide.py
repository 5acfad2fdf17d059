"""From measurements to the decision about a release."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import fields, replace
from datetime import UTC, date, datetime

from evaluation.config import CheckConfig, GateConfig, column_of
from evaluation.gate import absolute, champion
from evaluation.gate.outlook import with_outlook
from evaluation.gate.waivers import notes, waiver_for
from evaluation.metrics.base import Need
from evaluation.metrics.named import named_by
from evaluation.plan import NO_WORSE, bounds
from evaluation.reports.numbers import percent
from evaluation.stats.corrections import holm
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
    OnInconclusive,
    Tier,
    Verdict,
)

_JUDGES = {CheckKind.ABSOLUTE: absolute.judge, CheckKind.CHAMPION: champion.judge}
_OPEN = {
    OnInconclusive.BLOCK: Consequence.STOP,
    OnInconclusive.HOLD: Consequence.HOLD,
    OnInconclusive.WARN: Consequence.PROMOTE,
}


def decide(measurements: Measurements, gate: GateConfig, *, today: date | None = None) -> GateOutcome:
    """Judge every measurement, and see that every line of the policy was measured as it asks.

    The verdict is pass only if all critical checks pass, so that a model which is truly worse in any of them
    passes in at most the stated share of samples (an intersection-union test, Berger 1982: no correction is
    due). It is fail where a critical or supporting check fails. The slices of one line fail only by Holm's
    correction over that line. A line that was not measured, or at another error than the policy names, is
    inconclusive, and so is a policy of which nothing critical could be compared.

    today: the day that waivers are read on, in UTC now where None.

    >>> decide(Measurements(items=()), GateConfig(checks=({"metric": "roc_auc", "at_least": 0.7},))).checks[0].reason
    'roc_auc at_least 0.7 was not measured.'
    """
    day = today or datetime.now(UTC).date()
    allowance = measurements.allowance or Allowance.whole(_alpha(gate))
    checks = _adjusted([_judge(item, allowance, gate) for item in measurements.items], allowance)
    checks += [_unmeasured(gate, *gap, allowance) for gap in _gaps(measurements, gate)]
    checks = [
        with_outlook(replace(check, waiver=waiver_for(check.id, gate.waivers, day)), allowance)
        for check in checks
    ]
    verdict = _verdict(checks)
    known = [check.id for check in checks] + [name for name, _ in measurements.not_compared]
    return GateOutcome(
        verdict=verdict,
        consequence=_consequence(verdict, gate.on_inconclusive),
        checks=tuple(checks),
        not_compared=measurements.not_compared,
        allowance=allowance,
        notes=tuple(notes(known, gate.waivers, day)),
    )


def _alpha(gate: GateConfig) -> float:
    """The error on one side that a policy allows; rounded, as 1 - 0.95 is not quite 0.05."""
    return round(1 - gate.confidence, 12)


def _verdict(checks: Sequence[CheckResult]) -> Verdict:
    judged = [check for check in checks if check.waiver is None]
    critical = [check.verdict for check in judged if check.tier is Tier.CRITICAL]
    harmed = any(check.tier is Tier.SUPPORTING and check.verdict is Verdict.FAIL for check in judged)
    return Verdict.FAIL if harmed else Verdict.worst(critical)


def _consequence(verdict: Verdict, on_inconclusive: OnInconclusive) -> Consequence:
    if verdict is Verdict.PASS:
        return Consequence.PROMOTE
    return Consequence.STOP if verdict is Verdict.FAIL else _OPEN[on_inconclusive]


def _judge(measurement: Measurement, allowance: Allowance, gate: GateConfig) -> CheckResult:
    verdict, reason = _JUDGES[measurement.kind](measurement)
    confidence = 1 - allowance.level
    if abs(allowance.alpha - _alpha(gate)) > 1e-9 or abs(measurement.estimate.confidence - confidence) > 1e-9:
        verdict = Verdict.INCONCLUSIVE
        found, wanted = (
            percent(measurement.estimate.confidence),
            percent(1 - min(allowance.level, _alpha(gate))),
        )
        reason = f"{measurement.id} was measured at {found}, the policy asks for {wanted}: evaluate again."
    elif allowance.problem is not None:
        verdict, reason = Verdict.INCONCLUSIVE, f"{reason} But {allowance.problem}."
    content = {field.name: getattr(measurement, field.name) for field in fields(Measurement)}
    return CheckResult(**content, verdict=verdict, reason=reason, p_fail_adjusted=measurement.p_fail)


def _adjusted(checks: list[CheckResult], allowance: Allowance) -> list[CheckResult]:
    """Correct the evidence of every family, and take back a failure that only its number of slices explains."""
    families: dict[str, list[int]] = defaultdict(list)
    for index, check in enumerate(checks):
        if check.family is not None and check.p_fail is not None:
            families[check.family].append(index)
    for members in families.values():
        adjusted = holm([checks[index].p_fail or 0.0 for index in members])
        for index, p in zip(members, adjusted, strict=True):
            checks[index] = _among(replace(checks[index], p_fail_adjusted=p), len(members), allowance.level)
    return checks


def _among(check: CheckResult, slices: int, level: float) -> CheckResult:
    if check.verdict is not Verdict.FAIL or check.p_fail_adjusted is None or check.p_fail_adjusted <= level:
        return check
    reason = (
        f"{check.reason} By itself that would be a failure (p = {check.p_fail:.2g}); as the worst of {slices} slices "
        f"it may be chance (p = {check.p_fail_adjusted:.2g} after Holm's correction)."
    )
    return replace(check, verdict=Verdict.INCONCLUSIVE, reason=reason)


def _gaps(measurements: Measurements, gate: GateConfig) -> list[tuple[CheckConfig, str, float]]:
    """Lines of policy that no measurement answers; without a champion, comparisons with it are no gap."""
    measured = {
        (item.metric, item.comparison, item.bound, tuple(item.groups), item.tier)
        for item in measurements.items
    }
    alone = bool(measurements.not_compared)
    return [
        (check, comparison, bound)
        for check in gate.checks
        for comparison, bound in bounds(check)
        if not (alone and (comparison == NO_WORSE or _compares(check, gate)))
        and (check.metric, comparison, bound, tuple(map(column_of, check.groups)), check.tier) not in measured
    ]


def _compares(check: CheckConfig, gate: GateConfig) -> bool:
    metric = named_by(gate).get(check.metric)
    return metric is not None and Need.CHAMPION in metric.needs


def _unmeasured(
    gate: GateConfig, check: CheckConfig, comparison: str, bound: float, allowance: Allowance
) -> CheckResult:
    metric = named_by(gate).get(check.metric)
    return CheckResult(
        id=f"{check.metric}.{comparison}",
        metric=check.metric,
        kind=CheckKind.CHAMPION if comparison == NO_WORSE else CheckKind.ABSOLUTE,
        direction=metric.direction if metric else Direction.HIGHER_IS_BETTER,
        comparison=comparison,
        bound=bound,
        estimate=Estimate.missing("not measured", n=0, confidence=1 - allowance.level),
        groups=tuple(map(column_of, check.groups)),
        tier=check.tier,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{check.metric} {comparison} {bound:g} was not measured.",
    )
