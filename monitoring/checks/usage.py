"""What texts take of the language model that writes them."""

from dataclasses import dataclass

import numpy as np

from evaluation.stats.means import linear
from evaluation.types import Estimate, FloatArray, Verdict
from monitoring.checks.base import WatchContext, estimated, inconclusive, judge
from monitoring.columns import as_numbers
from monitoring.types import Finding, Severity

NAME = "usage"
TOKENS, COST = "tokens", "cost"
_METHOD = "Student t"


@dataclass(frozen=True)
class Usage:
    """Compares the mean tokens of an answer, and the mean cost of 1,000 answers, with the bounds under `usage`.

    Nothing without bounds. FAIL when the lower limit is above the bound, taken at error false_alarms_per_month /
    passes per month, as for latency; PASS when the upper limit (95 %, one-sided) is at most the bound. An answer
    whose endpoint did not tell what it took might be the dearest: then it is INCONCLUSIVE.
    """

    name: str = NAME

    def look(self, context: WatchContext) -> tuple[Finding, ...]:
        """One finding a bound: `tokens`, `cost`."""
        usage = context.config.usage
        if usage is None:
            return ()
        bounds = {TOKENS: usage.tokens_at_most, COST: usage.cost_per_1000_at_most}
        return tuple(_look(context, subject, bound) for subject, bound in bounds.items() if bound is not None)


def _look(context: WatchContext, subject: str, bound: float) -> Finding:
    taken = _taken(context, subject)
    if len(taken) == 0 or not np.isfinite(taken).all():
        lost = int((~np.isfinite(taken)).sum())
        problem = f"{lost} of {len(taken)} records do not tell it" if lost else "no record"
        return inconclusive(NAME, subject, problem, n=len(taken))
    return _finding(subject, _estimate(taken, context.alarm_error), bound)


def _taken(context: WatchContext, subject: str) -> FloatArray:
    columns = ("prompt_tokens", "completion_tokens") if subject == TOKENS else ("cost",)
    frame = context.current
    if not set(columns) <= set(frame.columns):
        return np.full(frame.height, np.nan)
    total = sum((as_numbers(frame[name]) for name in columns), np.zeros(frame.height))
    return total if subject == TOKENS else 1000 * total


def _estimate(taken: FloatArray, alarm_error: float) -> Estimate:
    mean = float(taken.mean())
    interval = linear(mean, (taken - mean) / len(taken), _METHOD)
    return estimated(mean, interval, len(taken), alarm_error)


def _finding(subject: str, estimate: Estimate, bound: float) -> Finding:
    verdict = judge(estimate, at_most=bound)
    limits = f"the bound is {bound:g}"
    if estimate.problem:
        limits = estimate.problem
    elif estimate.low is not None and estimate.high is not None:
        limits = f"between {estimate.low:.4g} and {estimate.high:.4g}, {limits}"
    says = {
        Verdict.FAIL: "more than they may",
        Verdict.PASS: "no more than they may",
        Verdict.INCONCLUSIVE: "perhaps more than they may",
    }
    unit = f"{estimate.value:.4g} tokens each" if subject == TOKENS else f"{estimate.value:.4g} per 1,000"
    return Finding(
        check=NAME,
        subject=subject,
        verdict=verdict,
        severity=Severity.WARNING if verdict is Verdict.FAIL else Severity.INFO,
        message=f"answers take {says[verdict]}: {unit} on average ({limits})",
        estimate=estimate,
        bound=bound,
    )
