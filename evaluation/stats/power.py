"""How many rows decide, what these rows can decide, and how likely they do.

All three take the spread from an interval that was measured, and the normal distribution from there: a limit lies
z(level) standard errors from the value, a decision with a given power needs z(level) + z(power) of them between the
truth and the bound. Source: Julious 2004, "Sample sizes for clinical trials with normal data", section 3 (one-sided
non-inferiority).
"""

import math
from statistics import NormalDist

_NORMAL = NormalDist()
# Beyond this many times the units at hand, more of them are no advice.
OUT_OF_REACH = 1000


def needed_units(  # noqa: PLR0913, PLR0917 - an interval, what it was taken at, what is asked
    value: float, low: float, high: float, n: int, level: float, bound: float, power: float = 0.8
) -> int | None:
    """Units that decide between value and bound with the given power, were the truth what was seen.

    low, high: one-sided limits, each at error `level`, from n units. An interval shrinks with the square root of the
    units; the half that lies towards the bound counts. None where that is out of reach: the value lies (almost) on
    the bound, or the interval has no width.

    >>> needed_units(0.0, -0.0104, 0.0104, 2000, 0.05, -0.01)
    4944
    """
    distance = abs(value - bound)
    half = value - low if bound < value else high - value
    se = standard_error(half, level)
    if distance == 0 or se <= 0:
        return None
    factor = (_reach(level, power) * se / distance) ** 2
    return None if factor > OUT_OF_REACH else max(1, math.ceil(n * factor))


def resolvable(low: float, high: float, level: float, power: float = 0.8) -> float | None:
    """The least distance between truth and bound that these rows decide with the given power, None without width.

    >>> round(resolvable(-0.0104, 0.0104, 0.05), 4)
    0.0157
    """
    se = standard_error((high - low) / 2, level)
    return _reach(level, power) * se if se > 0 else None


def chance_to_pass(se: float, distance: float, level: float) -> float:
    """Chance that the limit towards the bound keeps it; distance is from truth to bound, positive on the good side.

    An interval without width (se 0) decides nothing, so its chance is 0. At distance 0 the chance is the level.

    >>> round(chance_to_pass(0.1, 0.0, 0.05), 3), round(chance_to_pass(0.00632, 0.01, 0.05), 3)
    (0.05, 0.475)
    """
    return _NORMAL.cdf(distance / se - _NORMAL.inv_cdf(1 - level)) if se > 0 else 0.0


def standard_error(half: float, level: float) -> float:
    """The standard error behind a one-sided limit that lies `half` from its value, 0 < level < 0.5."""
    return half / _NORMAL.inv_cdf(1 - level)


def _reach(level: float, power: float) -> float:
    return _NORMAL.inv_cdf(1 - level) + _NORMAL.inv_cdf(power)
