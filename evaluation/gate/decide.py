"""From measurements to the decision about a release."""

from dataclasses import fields

from evaluation.config import CheckConfig, GateConfig
from evaluation.gate import absolute, champion
from evaluation.metrics.builtin import METRICS
from evaluation.plan import NO_WORSE, bounds
from evaluation.reports.numbers import percent
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

_JUDGES = {CheckKind.ABSOLUTE: absolute.judge, CheckKind.CHAMPION: champion.judge}


def decide(measurements: Measurements, gate: GateConfig) -> GateOutcome:
    """Judge every measurement, and see that every line of the policy was measured as it asks.

    The outcome passes only if all checks pass. A line that was not measured, or at another confidence than
    the policy names, is inconclusive, and so is a policy of which nothing could be compared.

    >>> decide(Measurements(items=()), GateConfig(checks=({"metric": "roc_auc", "at_least": 0.7},))).checks[0].reason
    'roc_auc at_least 0.7 was not measured.'
    """
    checks = [_judge(item, gate) for item in measurements.items]
    checks += [_unmeasured(*gap, gate) for gap in _gaps(measurements, gate)]
    return GateOutcome(
        verdict=Verdict.worst([check.verdict for check in checks]),
        checks=tuple(checks),
        not_compared=measurements.not_compared,
    )


def _judge(measurement: Measurement, gate: GateConfig) -> CheckResult:
    verdict, reason = _JUDGES[measurement.kind](measurement)
    if measurement.estimate.confidence != gate.confidence:
        verdict = Verdict.INCONCLUSIVE
        found, wanted = percent(measurement.estimate.confidence), percent(gate.confidence)
        reason = f"{measurement.id} was measured at {found}, the policy asks for {wanted}: evaluate again."
    content = {field.name: getattr(measurement, field.name) for field in fields(Measurement)}
    return CheckResult(**content, verdict=verdict, reason=reason)


def _gaps(measurements: Measurements, gate: GateConfig) -> list[tuple[CheckConfig, str, float]]:
    """Lines of policy that no measurement answers; without a champion, comparisons with it are no gap."""
    measured = {(item.metric, item.comparison, item.bound, tuple(item.groups)) for item in measurements.items}
    waived = {NO_WORSE} if measurements.not_compared else set()
    return [
        (check, comparison, bound)
        for check in gate.checks
        for comparison, bound in bounds(check)
        if comparison not in waived and (check.metric, comparison, bound, check.groups) not in measured
    ]


def _unmeasured(check: CheckConfig, comparison: str, bound: float, gate: GateConfig) -> CheckResult:
    metric = METRICS.get(check.metric)
    return CheckResult(
        id=f"{check.metric}.{comparison}",
        metric=check.metric,
        kind=CheckKind.CHAMPION if comparison == NO_WORSE else CheckKind.ABSOLUTE,
        direction=metric.direction if metric else Direction.HIGHER_IS_BETTER,
        comparison=comparison,
        bound=bound,
        estimate=Estimate.missing("not measured", n=0, confidence=gate.confidence),
        groups=check.groups,
        verdict=Verdict.INCONCLUSIVE,
        reason=f"{check.metric} {comparison} {bound:g} was not measured.",
    )
