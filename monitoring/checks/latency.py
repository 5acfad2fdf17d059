"""Whether answers come in time."""

from dataclasses import dataclass

import numpy as np

from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import find_metric
from evaluation.stats.intervals import order_statistics
from evaluation.types import Estimate, FloatArray, Verdict
from monitoring.checks.base import WatchContext, estimated, inconclusive, judge
from monitoring.columns import as_numbers
from monitoring.types import Finding, Severity

NAME = "latency"
_METRIC, _QUANTILE = "latency_p95_ms", 0.95


@dataclass(frozen=True)
class Latency:
    """Compares the window's 95th percentile of latency with `latency.p95_ms`; nothing without that bound.

    FAIL when the lower limit is above the bound, taken at error false_alarms_per_month / passes per month:
    a service whose true p95 is the bound itself raises at most that many alarms in 30 days, a faster one
    fewer. PASS when the upper limit (95 %, one-sided) is at most the bound. Both are order statistics,
    exact for independent requests; 400 are needed. A record without a finite time might be the slowest:
    then it is INCONCLUSIVE.
    """

    name: str = NAME

    def look(self, context: WatchContext) -> tuple[Finding, ...]:
        """One finding, `p95`, or none."""
        if context.config.latency is None:
            return ()
        times = as_numbers(context.current["latency_ms"])
        if len(times) == 0 or not np.isfinite(times).all():
            lost = int((~np.isfinite(times)).sum())
            problem = f"{lost} of {len(times)} records hold no time" if lost else "no record"
            return (inconclusive(NAME, "p95", problem, n=len(times)),)
        estimate = _estimate(times, context.alarm_error)
        return (_finding(estimate, context.config.latency.p95_ms),)


def _estimate(times: FloatArray, alarm_error: float) -> Estimate:
    interval = order_statistics(times, _QUANTILE)
    value = find_metric(_METRIC).point(Sample.of_latency(times))
    return estimated(value, interval, len(times), alarm_error)


def _finding(estimate: Estimate, bound: float) -> Finding:
    verdict = judge(estimate, at_most=bound)
    limits = f"the bound is {bound:g} ms"
    if estimate.problem:
        limits = estimate.problem
    elif estimate.low is not None and estimate.high is not None:
        limits = f"between {estimate.low:.1f} and {estimate.high:.1f} ms, {limits}"
    says = {
        Verdict.FAIL: "too slow",
        Verdict.PASS: "in time",
        Verdict.INCONCLUSIVE: "may or may not be in time",
    }
    return Finding(
        check=NAME,
        subject="p95",
        verdict=verdict,
        severity=Severity.WARNING if verdict is Verdict.FAIL else Severity.INFO,
        message=f"answers are {says[verdict]}: 95 % take at most {estimate.value:.1f} ms ({limits})",
        estimate=estimate,
        bound=bound,
    )
