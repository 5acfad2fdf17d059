"""What an open check would take: rows that would decide it, and what the rows at hand can tell apart."""

import math
from dataclasses import replace

from evaluation.gate.words import limits, unit
from evaluation.plan import bound_line
from evaluation.reports.numbers import count, number
from evaluation.stats.power import needed_units, resolvable
from evaluation.types import Allowance, CheckResult, Verdict


def with_outlook(check: CheckResult, allowance: Allowance) -> CheckResult:
    """The check with `needed` and `resolvable`, and both in the reason where it is inconclusive."""
    found, value = limits(check.estimate), check.estimate.value
    if found is None or value is None:
        return check
    low, high = found
    bound, _ = bound_line(check.kind, check.comparison, check.direction, check.bound)
    reach = resolvable(low, high, allowance.level)
    needed = needed_units(value, low, high, check.estimate.n, allowance.level, bound)
    needed = None if needed is None else two_digits(needed)
    if check.verdict is not Verdict.INCONCLUSIVE or allowance.problem is not None:
        return replace(check, needed=needed, resolvable=reach)
    there = f"{count(check.estimate.n, unit(check))} {'resolves' if check.estimate.n == 1 else 'resolve'}"
    settle = (
        f" About {count(needed, unit(check))} would decide it, were the value to stay."
        if needed is not None
        else " The value lies almost on the bound: no realistic number of rows will tell."
    )
    resolved = "" if reach is None else f" {there} a distance of {number(reach)} from the bound."
    return replace(check, needed=needed, resolvable=reach, reason=check.reason + settle + resolved)


def two_digits(needed: float) -> int:
    """Rounded up to two digits: the number is rough, and must not look exact.

    >>> two_digits(12345.6), two_digits(7)
    (13000, 7)
    """
    step = int(10 ** max(0, math.floor(math.log10(max(needed, 1))) - 1))
    return math.ceil(needed / step - 1e-6) * step
