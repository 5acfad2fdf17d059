"""A metric against a bound."""

from evaluation.gate.words import extremes, interval, limits, problem, subject, unit
from evaluation.plan import AT_LEAST
from evaluation.reports.numbers import bound_text, number
from evaluation.types import Measurement, Verdict


def judge(measurement: Measurement) -> tuple[Verdict, str]:
    """Pass where the whole interval keeps the bound, fail where none of it does, inconclusive between.

    With one-sided limits at 95 %, a model whose true value is the bound itself passes in at most 5 % of
    samples, and fails in at most 5 %.
    """
    estimate, bound = measurement.estimate, measurement.bound
    floor = measurement.comparison == AT_LEAST
    required = f"at {'least' if floor else 'most'} {bound_text(bound)} is required"
    what = subject(measurement)
    found = limits(estimate)
    if found is None or estimate.value is None:
        return Verdict.INCONCLUSIVE, f"{what} can't be judged: {problem(estimate)}; {required}."
    low, high = found
    said = f"{what} is {number(estimate.value)} ({interval(estimate, unit=unit(measurement))}); {required}"
    groups = extremes(measurement.detail)
    if low >= bound if floor else high <= bound:
        return Verdict.PASS, f"{said}, and the whole interval keeps it.{groups}"
    if high < bound if floor else low > bound:
        return Verdict.FAIL, f"{said}, and the whole interval breaks it.{groups}"
    return Verdict.INCONCLUSIVE, f"{said}, but the interval lies on both sides.{groups}"
