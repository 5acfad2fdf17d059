"""Changes of what lies between groups: limits that hold whichever groups are the extreme ones."""

import math
from itertools import pairwise, permutations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.metrics.base import Across, across_groups
from evaluation.stats.comparisons import Groups
from evaluation.stats.group_change import group_change

each_across = pytest.mark.parametrize("across", list(Across))


def drawn(seed: int, rates: int = 2, groups: int = 3, b: int = 99) -> tuple[Groups, Groups]:
    random = np.random.default_rng(seed)
    mine, theirs = random.uniform(0.2, 0.8, (2, rates, groups))
    shared = random.normal(0, 0.03, (b, rates, groups))
    return (
        Groups(mine, mine + shared + random.normal(0, 0.01, shared.shape)),
        Groups(theirs, theirs + shared + random.normal(0, 0.01, shared.shape)),
    )


def by_hand(mine: Groups, theirs: Groups, across: Across, rank: int) -> float:
    """The upper limit of the largest comparison's excess, comparison by comparison."""

    def comparisons(rates: np.ndarray) -> np.ndarray:
        found = []
        for rate in rates:
            if across is Across.WORST:
                found += [-share for share in rate]
            elif across is Across.LARGEST:
                found += [sign * share for share in rate for sign in (1, -1)]
            elif across is Across.DIFFERENCE:
                found += [a - b for a, b in permutations(rate, 2)]
            else:
                found += [-a / b for a, b in permutations(rate, 2)]
        return np.array(found)

    my, other = comparisons(mine.rates), comparisons(theirs.rates)
    my_draws = np.array([comparisons(rates) for rates in mine.draws])
    other_draws = np.array([comparisons(rates) for rates in theirs.draws])
    limits = []
    for k in range(len(my)):
        paired = my[k] - other[k] - (my_draws[:, k] - other_draws[:, k])
        unpaired = my[k] - my_draws[:, k] + (other_draws - other).max(axis=1)
        limits.append(
            min(
                my[k] - other[k] + np.sort(paired)[-rank],
                my[k] - other.max() + np.sort(unpaired)[-rank],
            )
        )
    return max(limits)


@each_across
@pytest.mark.parametrize("seed", range(4))
def test_limits_are_those_of_the_least_favourable_comparison(across: Across, seed: int) -> None:
    mine, theirs = drawn(seed)
    low, high = group_change(mine, theirs, across).limits(0.1)
    # Half of 10 % of 99 draws: the fifth farthest.
    above, below = by_hand(mine, theirs, across, 5), -by_hand(theirs, mine, across, 5)
    if across in (Across.WORST, Across.RATIO):
        above, below = -below, -above
    assert (low, high) == (pytest.approx(below), pytest.approx(above))


@each_across
@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 2), st.integers(2, 5))
def test_limits_hold_the_value_and_widen_with_confidence(
    across: Across, seed: int, rates: int, groups: int
) -> None:
    mine, theirs = drawn(seed, rates, groups)
    interval = group_change(mine, theirs, across)
    value = float(across_groups(across, mine.rates) - across_groups(across, theirs.rates))
    limits = [interval.limits(level) for level in (0.5, 0.2, 0.05, 0.03)]
    assert all(low <= value <= high for low, high in limits)
    assert all(a[0] >= b[0] and a[1] <= b[1] for a, b in pairwise(limits))


@each_across
@pytest.mark.parametrize("base", [None, np.full((2, 3), 50.0)])
def test_swapping_the_models_turns_the_limits_round(across: Across, base: np.ndarray | None) -> None:
    mine, theirs = (Groups(model.rates, model.draws, base) for model in drawn(3))
    low, high = group_change(mine, theirs, across).limits(0.1)
    assert group_change(theirs, mine, across).limits(0.1) == (pytest.approx(-high), pytest.approx(-low))


@each_across
def test_the_order_of_groups_does_not_matter(across: Across) -> None:
    mine, theirs = drawn(4)
    order = [2, 0, 1]
    turned = [Groups(model.rates[:, order], model.draws[:, :, order]) for model in (mine, theirs)]
    expected = group_change(mine, theirs, across).limits(0.1)
    assert group_change(turned[0], turned[1], across).limits(0.1) == pytest.approx(expected)


def test_many_groups_are_taken_in_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, theirs = drawn(5, groups=5)
    whole = group_change(mine, theirs, Across.DIFFERENCE).limits(0.1)
    monkeypatch.setattr("evaluation.stats.comparisons._BLOCK", 700)
    assert group_change(mine, theirs, Across.DIFFERENCE).limits(0.1) == whole


def test_too_few_draws_show_nothing() -> None:
    mine, theirs = drawn(6)
    interval = group_change(mine, theirs, Across.DIFFERENCE)
    assert interval.limits(0.01) == (-math.inf, math.inf)
    assert interval.problem_at(0.01) == "99 resamples can't show an error of 0.01; raise gate.resamples"


@pytest.mark.parametrize(
    ("gone", "problem"),
    [(0, None), (2, "2.0% of the resamples have no value"), (99, "no resample has a value")],
)
def test_draws_without_value_are_left_out_and_told(gone: int, problem: str | None) -> None:
    mine, theirs = drawn(7)
    draws = mine.draws.copy()
    draws[:gone, 0, 0] = np.nan
    interval = group_change(Groups(mine.rates, draws), theirs, Across.DIFFERENCE)
    assert interval.problem == problem


def test_a_group_in_which_no_row_differs_has_width() -> None:
    rates = np.array([[0.3, 0.3]])
    draws = np.broadcast_to(rates, (999, 1, 2))
    alike = Groups(rates, draws)
    assert group_change(alike, alike, Across.DIFFERENCE).limits(0.05) == (0.0, 0.0)
    shares = Groups(rates, draws, np.array([[100.0, 100.0]]))
    _, high = group_change(shares, shares, Across.DIFFERENCE).limits(0.05)
    assert 0.02 < high < 0.08


def test_a_ratio_to_a_rate_of_zero_has_no_limits() -> None:
    mine, theirs = drawn(9)
    rates = mine.rates.copy()
    rates[0, 0] = 0.0
    found = group_change(Groups(rates, mine.draws), theirs, Across.RATIO)
    assert found.limits(0.1) == (-math.inf, math.inf)
    assert "rate is 0" in (found.problem or "")
    draws = mine.draws.copy()
    draws[:5, 1, 2] = 0.0
    assert group_change(Groups(mine.rates, draws), theirs, Across.RATIO).resamples == 94


@pytest.mark.parametrize(
    ("rows", "champion", "challenger", "across"),
    [
        (200, [0.3, 0.3], [0.3, 0.35], Across.DIFFERENCE),
        (200, [0.25, 0.35], [0.2, 0.35], Across.DIFFERENCE),
        (300, [0.3, 0.3, 0.3], [0.3, 0.3, 0.4], Across.DIFFERENCE),
        (300, [0.3, 0.3, 0.4], [0.45, 0.3, 0.3], Across.DIFFERENCE),
        (200, [0.4, 0.4], [0.32, 0.4], Across.RATIO),
        (200, [0.4, 0.32], [0.4, 0.28], Across.RATIO),
        (200, [0.85, 0.85, 0.85], [0.8, 0.85, 0.85], Across.WORST),
    ],
)
def test_a_change_that_is_exactly_the_bound_is_rarely_passed_or_failed(
    rows: int, champion: list[float], challenger: list[float], across: Across
) -> None:
    theirs, mine = np.array(champion), np.array(challenger)
    bound = float(across_groups(across, mine[None]) - across_groups(across, theirs[None]))
    differing = 0.2
    # Both found, only the challenger, only the champion, neither.
    only_mine, only_theirs = (differing + mine - theirs) / 2, (differing - mine + theirs) / 2
    cells = np.stack([theirs - only_theirs, only_mine, only_theirs, 1 - theirs - only_mine], axis=1)
    random = np.random.default_rng(8)
    passed, failed, runs = 0, 0, 300
    for _ in range(runs):
        counts = random.multinomial(rows, cells)
        redrawn = random.multinomial(rows, counts / rows, size=(299, len(counts)))
        models = [
            Groups(
                (counts[:, 0] + counts[:, k])[None] / rows,
                (redrawn[:, :, 0] + redrawn[:, :, k])[:, None] / rows,
            )
            for k in (1, 2)
        ]
        low, high = group_change(*models, across).limits(0.05)
        passed, failed = passed + (high < bound), failed + (low > bound)
    # 5 %, and three standard errors of a share of 300 runs.
    assert max(passed, failed) / runs <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / runs)
