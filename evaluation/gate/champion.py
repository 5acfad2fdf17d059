"""A challenger against the champion on the same rows: non-inferiority with a tolerance."""

from evaluation.gate.words import interval, limits, problem, subject, unit
from evaluation.reports.numbers import bound_text, number
from evaluation.types import Direction, Measurement, Verdict


def judge(measurement: Measurement) -> tuple[Verdict, str]:
    """Pass where the challenger is surely not worse by the tolerance, fail where it surely is.

    The loss is the difference turned so that more is worse, by the metric's declared direction. With
    one-sided limits at 95 %, a challenger that truly is worse by just the tolerance passes in about 5 % of
    samples.
    """
    estimate, tolerance = measurement.estimate, measurement.bound
    allowed = f"it may be worse by less than {bound_text(tolerance)}"
    what = subject(measurement)
    found = limits(estimate)
    if (
        found is None
        or estimate.value is None
        or measurement.challenger is None
        or measurement.champion is None
    ):
        reason = f"{what} can't be compared with the champion: {problem(estimate)}; {allowed}."
        return Verdict.INCONCLUSIVE, reason
    least_loss, greatest_loss = _losses(measurement.direction, *found)
    span = interval(estimate, unit=unit(measurement), signed=True)
    said = (
        f"{what} is {number(measurement.challenger)} for the challenger and {number(measurement.champion)} for "
        f"the champion, difference {number(estimate.value, signed=True)} ({span}); {allowed}"
    )
    if greatest_loss < tolerance:
        return Verdict.PASS, f"{said}, and the whole interval keeps it."
    if least_loss > tolerance:
        return Verdict.FAIL, f"{said}, and the whole interval breaks it."
    return Verdict.INCONCLUSIVE, f"{said}, but the interval lies on both sides."


def _losses(direction: Direction, low: float, high: float) -> tuple[float, float]:
    """Least and greatest loss that the interval of challenger minus champion allows."""
    return (-high, -low) if direction is Direction.HIGHER_IS_BETTER else (low, high)
