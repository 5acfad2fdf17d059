"""One number across groups: limits that hold its value, and errors that keep what they state."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binomtest
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint

from evaluation.metrics.base import Across, across_groups
from evaluation.stats.comparisons import Groups
from evaluation.stats.group_value import group_value, least_share

# 5 %, and three standard errors of a share of 300 runs.
RUNS, MOST = 300, 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)


def shares(rates: np.ndarray, n: int, b: int = 4000, seed: int = 1, *, rows: bool = True) -> Groups:
    """These rates of n rows a group, or of n units, and what resampling them gives."""
    draws = np.random.default_rng(seed).binomial(n, rates, size=(b, *rates.shape)) / n
    return Groups(rates, draws, np.full(rates.shape, float(n)), binomial=rows)


by_rows_and_units = pytest.mark.parametrize("rows", [True, False], ids=["rows", "units"])


@by_rows_and_units
@pytest.mark.parametrize("across", list(Across))
@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(0.2, 0.8), min_size=2, max_size=6), st.integers(60, 1000))
def test_limits_hold_the_value_and_widen_with_confidence(
    across: Across, rows: bool, found: list[float], n: int
) -> None:
    rates = np.round(np.array([found]) * n) / n
    interval = group_value(shares(rates, n, b=200, rows=rows), across)
    limits = [interval.limits(level) for level in (0.5, 0.2, 0.05, 0.01)]
    assert all(0 <= low <= float(across_groups(across, rates)) <= high <= 1 for low, high in limits)
    assert all(a[0] >= b[0] and a[1] <= b[1] for a, b in pairwise(limits))
    assert interval.problem_at(0.05) is None
    if interval.resamples is not None:
        assert "200 resamples can't show" in interval.problem_at(0.001)


@pytest.mark.parametrize(
    ("hits", "rows"), [((35, 25), (100, 100)), ((3, 0), (40, 500)), ((20, 1), (20, 60)), ((7, 7), (9, 900))]
)
def test_two_shares_of_rows_are_close_by_newcombes_limit(
    hits: tuple[int, int], rows: tuple[int, int]
) -> None:
    base = np.array([rows], dtype=float)
    rates = np.array([hits]) / base
    draws = np.random.default_rng(1).binomial(rows, rates, size=(99, 1, 2)) / base
    _, high = group_value(Groups(rates, draws, base, binomial=True), Across.DIFFERENCE).limits(0.05)
    expected = [
        confint_proportions_2indep(hits[a], rows[a], hits[b], rows[b], method="newcomb", alpha=0.1)[1]
        for a, b in ((0, 1), (1, 0))
    ]
    assert high == pytest.approx(max(expected))


def test_a_ratio_of_shares_of_rows_adds_wilsons_limits_on_logarithms() -> None:
    hits, rows = (40, 30), (80, 100)
    base = np.array([rows], dtype=float)
    draws = np.random.default_rng(1).binomial(rows, (0.5, 0.3), size=(99, 1, 2)) / base
    low, _ = group_value(Groups(np.array([hits]) / base, draws, base, binomial=True), Across.RATIO).limits(
        0.05
    )
    (_, most), (least, _) = (
        proportion_confint(hit, n, alpha=0.1, method="wilson") for hit, n in zip(hits, rows, strict=True)
    )
    assert low == pytest.approx(0.6 / math.exp(math.hypot(math.log(most / 0.5), math.log(0.3 / least))))


@by_rows_and_units
def test_limits_of_two_groups_are_the_normal_ones(rows: bool) -> None:
    rates, n = np.array([[0.5, 0.3]]), 2000
    low, high = group_value(shares(rates, n, b=20_000, rows=rows), Across.DIFFERENCE).limits(0.05)
    spread = math.sqrt((0.25 + 0.21) / n)
    # Above, the one pair on its own; below, either of the two groups may be the greater one.
    assert (low, high) == pytest.approx((0.2 - 1.96 * spread, 0.2 + 1.645 * spread), abs=0.002)


@by_rows_and_units
def test_the_least_ratio_is_taken_on_logarithms(rows: bool) -> None:
    rates, n = np.array([[0.5, 0.3]]), 2000
    low, high = group_value(shares(rates, n, b=20_000, rows=rows), Across.RATIO).limits(0.05)
    spread = math.sqrt(0.5 / 0.5 / n + 0.7 / 0.3 / n)
    assert math.log(low) == pytest.approx(math.log(0.6) - 1.645 * spread, abs=0.006)
    assert math.log(high) == pytest.approx(math.log(0.6) + 1.96 * spread, abs=0.006)


def test_the_largest_size_has_no_sign() -> None:
    rates = np.array([[-0.3, 0.2]])
    draws = rates + np.random.default_rng(1).normal(0, 0.02, (4000, 1, 2))
    found = group_value(Groups(rates, draws), Across.LARGEST, math.inf)
    assert group_value(Groups(-rates, -draws), Across.LARGEST, math.inf).limits(0.05) == found.limits(0.05)
    low, high = found.limits(0.05)
    assert high == pytest.approx(0.3 + 1.645 * 0.02, abs=0.002)
    # Four comparisons may stray: the quantile of the largest of two normal sizes.
    assert low == pytest.approx(0.3 - 2.236 * 0.02, abs=0.002)


def test_ten_equal_groups_are_not_failed() -> None:
    """A plain bootstrap of the largest difference never holds its true value 0; these limits do."""
    random = np.random.default_rng(2)
    failed = plain_failed = 0
    for run in range(100):
        rates = random.binomial(100, 0.3, size=(1, 10)) / 100
        model = shares(rates, 100, b=300, seed=run)
        failed += group_value(model, Across.DIFFERENCE).limits(0.05)[0] > 0
        plain_failed += np.quantile(across_groups(Across.DIFFERENCE, model.draws), 0.05) > 0
    assert failed <= 10
    assert plain_failed == 100


@by_rows_and_units
@pytest.mark.parametrize(
    ("n", "true", "across", "bound"),
    [
        (200, [0.3, 0.4], Across.DIFFERENCE, 0.1),
        (200, [0.3, 0.3, 0.3, 0.3, 0.4], Across.DIFFERENCE, 0.1),
        (200, [0.3, 0.4, 0.3, 0.4], Across.DIFFERENCE, 0.1),
        (100, [0.98, 0.99], Across.DIFFERENCE, 0.01),
        (400, [0.4, 0.5], Across.RATIO, 0.8),
        (200, [0.5, 0.25], Across.LARGEST, 0.5),
    ],
)
def test_a_value_that_is_exactly_the_bound_is_rarely_passed_or_failed(
    n: int, true: list[float], across: Across, bound: float, rows: bool
) -> None:
    random = np.random.default_rng(3)
    above = below = 0
    for run in range(RUNS):
        rates = random.binomial(n, true)[None] / n
        low, high = group_value(shares(rates, n, b=399, seed=run, rows=rows), across).limits(0.05)
        above, below = above + (low > bound), below + (high < bound)
    assert max(above, below) / RUNS <= MOST


def test_means_of_long_tailed_values_get_higher_limits() -> None:
    """Johnson's limit of a mean of exponential values, whose draws have skewness 2 / sqrt(n)."""
    random, n = np.random.default_rng(5), 400
    draws = random.gamma(n, 1 / n, (20_000, 1, 1))
    _, high = group_value(Groups(np.array([[1.0]]), draws), Across.LARGEST, math.inf).limits(0.05)
    z = 1.645
    assert high == pytest.approx(1 + (z + 2 / math.sqrt(n) * (2 * z * z + 1) / 6) / math.sqrt(n), abs=0.001)


def test_groups_in_which_all_rows_are_alike_have_width() -> None:
    rates = np.array([[1.0, 1.0]])
    low, high = group_value(shares(rates, 100, b=999), Across.DIFFERENCE).limits(0.05)
    assert (low, high) == (0.0, pytest.approx(0.03, abs=0.011))
    sure = Groups(rates, shares(rates, 100, b=999).draws)
    assert "no width" in group_value(sure, Across.DIFFERENCE).problem_at(0.05)


def test_a_ratio_to_a_rate_of_zero_has_no_limits() -> None:
    found = group_value(shares(np.array([[0.0, 0.4]]), 100), Across.RATIO)
    assert found.limits(0.05) == (-math.inf, math.inf)
    assert "rate is 0" in (found.problem or "")


@pytest.mark.parametrize(
    ("gone", "problem"),
    [(1, None), (3, "1.5% of the resamples have no value"), (200, "no resample has a value")],
)
def test_draws_without_value_are_left_out_and_told(gone: int, problem: str | None) -> None:
    model = shares(np.array([[0.3, 0.4]]), 100, b=200)
    draws = model.draws.copy()
    draws[:gone, 0, 1] = np.nan
    assert group_value(Groups(model.rates, draws, model.base), Across.DIFFERENCE).problem == problem


@pytest.mark.parametrize(("hits", "rows"), [(90, 100), (20, 20), (0, 15), (7, 50)])
def test_the_least_of_one_share_is_scipys_exact_interval(hits: int, rows: int) -> None:
    low, high = least_share(np.array([[hits / rows]]), np.array([[float(rows)]])).limits(0.05)
    expected = binomtest(hits, rows).proportion_ci(0.9, method="exact")
    assert (low, high) == (pytest.approx(expected.low), pytest.approx(expected.high))


def test_any_of_several_shares_may_prove_the_least_too_low_so_they_divide_the_error() -> None:
    rates, base = np.array([[0.8, 0.9], [0.95, 0.85]]), np.full((2, 2), 60.0)
    low, high = least_share(rates, base).limits(0.08)
    assert low == pytest.approx(binomtest(48, 60).proportion_ci(0.84, method="exact").low)
    assert high == pytest.approx(binomtest(48, 60).proportion_ci(0.96, method="exact").high)


@pytest.mark.parametrize(
    ("rows", "true"), [([20, 500, 500], [0.8, 0.95, 0.95]), ([50, 50, 50], [0.9, 0.9, 0.9])]
)
def test_a_least_share_that_is_exactly_the_bound_is_rarely_passed_or_failed(
    rows: list[int], true: list[float]
) -> None:
    random = np.random.default_rng(4)
    base, bound, passed, failed = np.array([rows], dtype=float), min(true), 0, 0
    for _ in range(RUNS):
        low, high = least_share(random.binomial(rows, true)[None] / base, base).limits(0.05)
        passed, failed = passed + (low > bound), failed + (high < bound)
    assert max(passed, failed) / RUNS <= MOST
