"""From what was simulated to the units that are needed: by the square root near by, by probes far away."""

import math
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import pytest

from evaluation.forecast.needed import distance, needed, reach
from evaluation.forecast.simulate import Seen
from evaluation.metrics.builtin import METRICS
from evaluation.plan import AT_MOST, NO_WORSE, Line

LINE = Line("", METRICS["accuracy"], NO_WORSE, 0.05)
Z_POWER = NormalDist().inv_cdf(0.8)


def seen(n: float, half: float, spread: float = 0.0, truth: float = 0.0, usable: float = 1.0) -> Seen:
    """Two runs on n units, whose limits lie `half` from values that spread by `spread` around the truth."""
    values = truth + spread / math.sqrt(2) * np.array([-1.0, 1.0])
    return Seen(truth, n, usable, values, values - half, values + half, 0.5, None)


def slow(n: float) -> float:
    """A half-width with a part that shrinks with the units, not with their root, as score limits on few rows have."""
    return 0.5 / math.sqrt(n) + 10 / n


def test_a_limit_and_the_spread_make_the_reach() -> None:
    assert reach(LINE, seen(100, 0.03, 0.01)) == pytest.approx(0.03 + Z_POWER * 0.01)
    assert reach(LINE, replace(seen(100, 0.03), values=np.empty(0))) is None
    assert reach(LINE, replace(seen(100, 0.03), truth=None)) is None


@pytest.mark.parametrize(("comparison", "above"), [(AT_MOST, False), ("at_least", True)])
def test_a_largest_difference_lies_beyond_the_truth(comparison: str, above: bool) -> None:
    line = Line("", METRICS["demographic_parity_difference"], comparison, 0.1)
    found = replace(seen(100, 0.03, 0.01), truth=-0.02)
    assert reach(line, found) == pytest.approx(0.03 + Z_POWER * 0.01 + (-0.02 if above else 0.02))


def test_the_bound_is_on_the_side_that_the_line_says() -> None:
    assert distance(LINE, 0.0) == 0.05
    assert distance(Line("", METRICS["accuracy"], AT_MOST, 0.9), 0.8) == pytest.approx(0.1)


def test_near_by_the_square_root_tells() -> None:
    def unasked(_: float) -> Seen:
        raise AssertionError("no probe is due")

    assert needed(LINE, seen(1000, 0.055), unasked) == 1210


@pytest.mark.parametrize("start", [400, 5000, 40_000])
def test_far_away_a_probe_tells(start: int) -> None:
    """The same number from whatever pilot: where the half-width is the distance."""
    solution = (0.5 + math.sqrt(0.25 + 4 * 0.05 * 10)) ** 2 / (4 * 0.05**2)
    assert slow(solution) == pytest.approx(0.05)
    found = needed(LINE, seen(start, slow(start)), lambda units: seen(units, slow(units)))
    assert found == pytest.approx(solution, rel=0.03)


def test_too_few_units_for_an_interval_are_doubled() -> None:
    asked: list[float] = []

    def probe(units: float) -> Seen:
        asked.append(units)
        return seen(units, 1 / math.sqrt(units), usable=1.0 if units > 600 else 0.5)

    assert needed(LINE, seen(40_000, 1 / math.sqrt(40_000)), probe) == 800
    assert asked == pytest.approx([400, 800, 400])


def test_without_a_probe_the_square_root_stands() -> None:
    assert needed(LINE, seen(100, 0.5), lambda _: None) == 10_000


@pytest.mark.parametrize(
    "found",
    [seen(100, 0.05, truth=-0.05), seen(100, 0.05, truth=-0.0499), replace(seen(100, 0.05), truth=None)],
)
def test_out_of_reach_is_none(found: Seen) -> None:
    assert needed(LINE, found, lambda _: None) is None
