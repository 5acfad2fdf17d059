"""Limits by Student's t, from a standard error and its degrees of freedom."""

from evaluation.stats.intervals import Interval

NO_SPREAD = "every row gives the same value, so the interval has no width"


def student(value: float, spread: float, freedom: float, method: str) -> Interval:
    """Limits value +- t * spread, Student's t with so many degrees of freedom.

    >>> low, high = student(1.0, 0.1, 9, "t").limits(0.05)
    >>> round(low, 3), round(high, 3)
    (0.817, 1.183)
    """
    from scipy.special import stdtrit

    def limits(level: float) -> tuple[float, float]:
        reach = -float(stdtrit(freedom, level)) * spread
        return value - reach, value + reach

    return Interval(method, limits, NO_SPREAD if spread == 0 else None)


def student_of_share(value: float, spread: float, freedom: float, method: str) -> Interval:
    """Student's t on the scale of log odds: for shares and areas, whose spread shrinks towards 0 and 1.

    >>> low, high = student_of_share(0.9, 0.03, 50, "t").limits(0.05)
    >>> round(low, 3), round(high, 3)
    (0.837, 0.94)
    """
    from scipy.special import expit, logit

    if spread == 0 or not 0 < value < 1:
        return student(value, spread, freedom, method)
    limits = student(float(logit(value)), spread / (value * (1 - value)), freedom, method).limits

    def shares(level: float) -> tuple[float, float]:
        low, high = limits(level)
        return float(expit(low)), float(expit(high))

    return Interval(method, shares)
