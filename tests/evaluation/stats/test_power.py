"""Power against closed forms with known variance, statsmodels, and simulation."""

import math
from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.power import zt_ind_solve_power

from evaluation.stats.power import chance_to_pass, needed_units, resolvable

Z = NormalDist().inv_cdf
LEVELS = st.floats(0.001, 0.2)


def limits(value: float, se: float, level: float) -> tuple[float, float]:
    return value - Z(1 - level) * se, value + Z(1 - level) * se


@pytest.mark.parametrize(("discordance", "rows"), [(0.03, 1855), (0.08, 4946), (0.16, 9892)])
def test_rows_for_paired_accuracy(discordance: float, rows: int) -> None:
    """n = (z.95 + z.80)^2 psi / t^2 for two equally good models, from whatever pilot."""
    for pilot in (300, 2000, 40_000):
        low, high = limits(0.0, math.sqrt(discordance / pilot), 0.05)
        assert needed_units(0.0, low, high, pilot, 0.05, -0.01) == pytest.approx(rows, abs=1)


@pytest.mark.parametrize("effect", [0.05, 0.2, 0.5])
@pytest.mark.parametrize("level", [0.005, 0.05])
@pytest.mark.parametrize("power", [0.8, 0.9])
def test_units_are_statsmodels(effect: float, level: float, power: float) -> None:
    low, high = limits(effect, 1 / math.sqrt(100), level)
    expected = zt_ind_solve_power(effect, alpha=level, power=power, ratio=0, alternative="larger")
    assert needed_units(effect, low, high, 100, level, 0.0, power) == math.ceil(expected)


@given(st.floats(0.001, 10), LEVELS, st.floats(0.5, 0.95))
def test_what_is_resolvable_is_passed_with_that_power(se: float, level: float, power: float) -> None:
    found = resolvable(*limits(3.0, se, level), level, power)
    assert found is not None
    assert chance_to_pass(se, found, level) == pytest.approx(power)


@given(st.floats(0.01, 1), LEVELS)
def test_units_and_chance_agree(distance: float, level: float) -> None:
    low, high = limits(distance, 1 / math.sqrt(1000), level)
    needed = needed_units(distance, low, high, 1000, level, 0.0)
    assert needed is not None
    assert chance_to_pass(1 / math.sqrt(needed), distance, level) >= 0.8 - 1e-9
    assert chance_to_pass(1 / math.sqrt(needed - 1), distance, level) <= 0.8 if needed > 1 else True


def test_the_half_towards_the_bound_counts() -> None:
    near = needed_units(0.5, 0.4, 0.9, 100, 0.05, 0.3)
    far = needed_units(0.5, 0.1, 0.6, 100, 0.05, 0.7)
    assert near == far
    assert near < needed_units(0.5, 0.4, 0.9, 100, 0.05, 0.7)


def test_out_of_reach_is_none() -> None:
    assert needed_units(0.5, 0.4, 0.6, 100, 0.05, 0.5) is None
    assert needed_units(0.5, 0.4, 0.6, 100, 0.05, 0.5001) is None
    assert needed_units(0.5, 0.5, 0.5, 100, 0.05, 0.4) is None
    assert resolvable(0.5, 0.5, 0.05) is None
    assert chance_to_pass(0.0, 1.0, 0.05) == 0.0


def test_the_chance_is_what_happens() -> None:
    random = np.random.Generator(np.random.PCG64(20261121))
    runs, n, psi, tolerance = 20_000, 2000, 0.08, 0.01
    counts = random.multinomial(n, [psi / 2, psi / 2, 1 - psi], size=runs)
    difference = (counts[:, 0] - counts[:, 1]) / n
    spread = np.sqrt(((counts[:, 0] + counts[:, 1]) / n - difference**2) / n)
    seen = float((difference - Z(0.95) * spread > -tolerance).mean())
    assert chance_to_pass(math.sqrt(psi / n), tolerance, 0.05) == pytest.approx(seen, abs=0.015)
