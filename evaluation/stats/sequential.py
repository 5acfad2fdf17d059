"""Asking again on more rows without spending more error than was allowed: alpha spending.

Source: Lan and DeMets 1983, "Discrete sequential boundaries for clinical trials", the spending function of Pocock's
type; Armitage, McPherson and Rowe 1969 for the recursion; Jennison and Turnbull 2000, chapter 19.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from evaluation.types import FloatArray

# The statistic lies below -8 standard errors with a chance of 6e-16.
_FAR = 8.0
# A step this short (as a share of the rows so far) has a kernel too narrow to integrate over; it is bounded instead.
_SHORT = 1e-3


def spent(alpha: float, units: int, planned: int) -> float:
    """Error that may be spent by the time that so many of the planned units are there; all of it from then on.

    >>> round(spent(0.05, 500, 16_000), 5), spent(0.05, 16_000, 16_000)
    (0.00262, 0.05)
    """
    return alpha * math.log1p((math.e - 1) * min(1.0, units / planned))


def level_of_look(alpha: float, looks: Sequence[int], planned: int) -> float:
    """The one-sided nominal level for the last of some looks, such that all looks together spend at most alpha.

    looks: numbers of units at every look so far, rising; planned: units at which all of alpha is spent, fixed before
    the first look. The decision at a look is final where it is taken. A look that reaches or passes `planned` spends
    what is left; 0.0 means that an earlier one did, and nothing is left.

    Raises ValueError for looks that do not rise, and for alpha outside 0..0.5.

    >>> round(level_of_look(0.05, [8000, 16_000], 16_000), 4)
    0.0297
    """
    if not looks or looks[0] < 1 or planned < 1 or any(b <= a for a, b in pairwise(looks)):
        raise ValueError(f"looks must rise from 1 on: {list(looks)} of {planned}")
    if not 0 < alpha < 0.5:
        raise ValueError(f"alpha lies in 0 to 0.5, not {alpha}")
    if len(looks) > 1 and looks[-2] >= planned:
        return 0.0
    totals = [spent(alpha, units, planned) for units in looks]
    level, base = totals[0], looks[0]
    path = _first(level, _step(looks[:2]))
    for index in range(1, len(looks)):
        allowed = totals[index] - totals[index - 1]
        if looks[index] < base * (1 + _SHORT):
            # Bonferroni: a boundary of level `allowed` is crossed with at most that chance, on whichever paths.
            level = allowed
            continue
        level, path = _next(path, looks[index] / base, allowed, _step(looks[index : index + 2]))
        base = looks[index]
    return level


@dataclass(frozen=True)
class _Path:
    """The statistic's density at a look on paths that crossed no boundary, as masses at the nodes of a quadrature."""

    nodes: FloatArray
    masses: FloatArray


def _step(looks: Sequence[int]) -> float:
    """The standard deviation of the step to the next look, in standard errors of this one."""
    return math.sqrt(max(_SHORT, looks[1] / looks[0] - 1)) if len(looks) > 1 else 1.0


def _first(level: float, step: float) -> _Path:
    from scipy.special import ndtri

    nodes, weights = _quadrature(float(-ndtri(level)), step)
    return _Path(nodes, weights * _normal(nodes))


def _next(path: _Path, growth: float, allowed: float, coming: float) -> tuple[float, _Path]:
    """The nominal level at `growth` times the units, and the paths that go on from there.

    A path's sum gains a normal step of variance growth - 1; what lies beyond boundary * sqrt(growth) has crossed.
    """
    from scipy.optimize import brentq
    from scipy.special import ndtr

    scale, step = math.sqrt(growth), math.sqrt(growth - 1)

    def excess(boundary: float) -> float:
        crossing = path.masses @ ndtr((path.nodes - boundary * scale) / step)
        return math.log(max(float(crossing), 1e-300) / allowed)

    boundary = float(brentq(excess, -_FAR, 4 * _FAR, xtol=1e-10))
    nodes, weights = _quadrature(boundary, min(step / scale, coming))
    density = _normal((nodes[:, None] * scale - path.nodes) / step) @ path.masses * (scale / step)
    return float(ndtr(-boundary)), _Path(nodes, weights * density)


def _quadrature(boundary: float, width: float) -> tuple[FloatArray, FloatArray]:
    """Gauss-Legendre over -8 .. boundary, dense enough for a normal density of this width."""
    from scipy.special import roots_legendre

    span = boundary + _FAR
    nodes, weights = roots_legendre(32 + math.ceil(1.8 * span / width))
    return span / 2 * (nodes + 1) - _FAR, weights * span / 2


def _normal(x: FloatArray) -> FloatArray:
    return np.exp(-0.5 * x * x) / math.sqrt(2 * math.pi)
