"""Alpha spending against published boundaries, SciPy's multivariate normal, and simulated releases that ask again."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import multivariate_normal, norm

from evaluation.stats.sequential import level_of_look, spent

SIX = [500, 1000, 2000, 4000, 8000, 16_000]
SCHEDULES = {
    "doubling": (SIX, 16_000),
    "equal steps": ([1000, 2000, 3000, 4000], 4000),
    "uneven steps": ([700, 800, 5000, 5100, 12_000], 12_000),
    "stopped early": ([1000, 1500, 2500], 10_000),
    "steps of almost nothing": ([1000, 1001, 1002, 9000, 9001, 16_000], 16_000),
    "past the plan": ([9000, 17_000], 16_000),
}
schedules = pytest.mark.parametrize(("looks", "planned"), SCHEDULES.values(), ids=SCHEDULES.keys())


def levels(alpha: float, looks: list[int], planned: int) -> list[float]:
    return [level_of_look(alpha, looks[:count], planned) for count in range(1, len(looks) + 1)]


def test_boundaries_are_the_published_ones() -> None:
    """Pocock-type spending of 2.5 % over five equal looks, as tables and group-sequential software print it."""
    found = norm.isf(levels(0.025, [1, 2, 3, 4, 5], 5))
    assert found == pytest.approx([2.438, 2.427, 2.410, 2.397, 2.386], abs=0.0006)


@schedules
@pytest.mark.parametrize("alpha", [0.05, 0.005])
def test_what_is_crossed_by_then_is_what_was_spent(looks: list[int], planned: int, alpha: float) -> None:
    at = np.array(looks)
    spread = np.sqrt(np.minimum.outer(at, at) / np.maximum.outer(at, at))
    random = np.random.default_rng(20261121)
    inside = multivariate_normal.cdf(
        norm.isf(levels(alpha, looks, planned)), cov=spread, abseps=1e-6, rng=random
    )
    bounded = any(after < before * 1.001 for before, after in pairwise(looks))
    assert 1 - inside <= spent(alpha, looks[-1], planned) + 2e-5
    assert 1 - inside == pytest.approx(spent(alpha, looks[-1], planned), rel=0.08 if bounded else 0.002)


@schedules
def test_asking_again_does_not_pass_more_often_than_allowed(looks: list[int], planned: int) -> None:
    """A challenger at the tolerance, asked at every look until it passes."""
    random = np.random.Generator(np.random.PCG64(20261121))
    runs = 200_000
    boundaries = norm.isf(levels(0.05, looks, planned))
    total, passed, before = np.zeros(runs), np.zeros(runs, dtype=bool), 0
    for units, boundary in zip(looks, boundaries, strict=True):
        total += random.normal(size=runs) * np.sqrt(units - before)
        passed |= total / np.sqrt(units) > boundary
        before = units
    allowed = spent(0.05, looks[-1], planned)
    assert passed.mean() <= allowed + 3 * np.sqrt(allowed * (1 - allowed) / runs)


def test_six_looks_at_answers_of_two_models() -> None:
    """Accuracy, 8 % of the rows discordant, truly worse by the tolerance: 17.9 % pass where nobody counts looks."""
    random = np.random.Generator(np.random.PCG64(20261121))
    runs, discordance, tolerance = 20_000, 0.08, 0.01
    chances = [(discordance - tolerance) / 2, (discordance + tolerance) / 2, 1 - discordance]
    counted, uncounted = np.zeros(runs, dtype=bool), np.zeros(runs, dtype=bool)
    better, worse, before = np.zeros(runs), np.zeros(runs), 0
    for units, boundary in zip(SIX, norm.isf(levels(0.05, SIX, 16_000)), strict=True):
        drawn = random.multinomial(units - before, chances, size=runs)
        better, worse, before = better + drawn[:, 0], worse + drawn[:, 1], units
        difference = (better - worse) / units
        error = np.sqrt(((better + worse) / units - difference**2) / units)
        statistic = (difference + tolerance) / error
        counted |= statistic > boundary
        uncounted |= statistic > norm.isf(0.05)
    assert counted.mean() <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / runs)
    assert uncounted.mean() > 0.15


@given(st.lists(st.integers(1, 20_000), min_size=1, max_size=6, unique=True), st.floats(0.001, 0.2))
@settings(max_examples=40, deadline=None)
def test_a_look_has_between_its_own_share_and_all(units: list[int], alpha: float) -> None:
    looks, planned = sorted(units), 20_000
    found = level_of_look(alpha, looks, planned)
    own = spent(alpha, looks[-1], planned) - (spent(alpha, looks[-2], planned) if len(looks) > 1 else 0)
    assert own * (1 - 1e-6) <= found < alpha + 1e-12


def test_after_the_plan_nothing_is_left() -> None:
    assert level_of_look(0.05, [16_000], 16_000) == pytest.approx(0.05)
    assert level_of_look(0.05, [20_000], 16_000) == pytest.approx(0.05)
    assert level_of_look(0.05, [16_000, 17_000], 16_000) == 0.0
    assert level_of_look(0.05, [8000, 16_500, 17_000], 16_000) == 0.0


@pytest.mark.parametrize("looks", [[], [0], [500, 500], [500, 400]])
def test_looks_must_rise(looks: list[int]) -> None:
    with pytest.raises(ValueError, match="looks must rise"):
        level_of_look(0.05, looks, 1000)


@pytest.mark.parametrize("alpha", [0.0, 0.5, float("nan")])
def test_alpha_is_a_small_share(alpha: float) -> None:
    with pytest.raises(ValueError, match="alpha lies in"):
        level_of_look(alpha, [500], 1000)
