"""The distance is SciPy's; its limits err as often as they say, and not more."""

import math

import numpy as np
import pytest
from scipy.stats import binomtest, ks_2samp

from monitoring.profiles.compare import compare_categories, compare_numbers, compare_sets, number_margin


def _above(rate: float, runs: int) -> float:
    """What a rate stays below in 99 of 100 simulations of so many runs."""
    return rate + 2.33 * math.sqrt(rate * (1 - rate) / runs)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (np.arange(50.0), np.arange(30.0) + 7),
        (np.tile([1.0, 2.0, 2.0, 3.0], 20), np.tile([1.0, 3.0], 25)),
        (np.zeros(20), np.zeros(30)),
        (np.zeros(20), np.ones(30)),
        (np.array([-np.inf, 0.0, 1.0, np.inf]), np.array([0.0, 0.0, np.inf])),
        (np.random.default_rng(1).normal(size=500), np.random.default_rng(2).lognormal(size=77)),
    ],
)
def test_the_distance_of_numbers_is_that_of_scipy(old, new):
    found = compare_numbers(old, new, error=0.05)
    assert found.value == pytest.approx(ks_2samp(old, new, method="asymp").statistic, abs=1e-12)
    assert found.low <= found.value <= found.high


@pytest.mark.parametrize(("n", "m"), [(200, 200), (200, 6000), (2000, 6000), (50, 20_000)])
@pytest.mark.parametrize("error", [0.05, 1e-3, 1e-6])
def test_a_distance_beyond_the_margin_has_a_smaller_p_value_than_the_error(n, m, error):
    gap = math.ceil(number_margin(n, m, error) * n) / n
    old = np.arange(m) / m
    new = np.concatenate([np.full(round(gap * n), -1.0), np.linspace(0, 1, n - round(gap * n))])
    found = ks_2samp(old, new, method="asymp")
    assert found.statistic >= number_margin(n, m, error) - 1e-9
    assert found.pvalue <= error


def test_missing_numbers_are_compared_like_any_other_value():
    old = np.arange(1000.0)
    new = np.where(np.arange(1000) % 2 == 0, np.nan, old)
    found = compare_numbers(old, new, error=1e-6)
    assert (found.value, found.event) == (0.5, "is missing")
    assert (found.reference_share, found.current_share) == (0.0, 0.5)
    assert found.low > 0.35
    assert compare_numbers(new, new, error=1e-6).value == 0.0


def test_the_event_says_where_and_how_much():
    found = compare_numbers(np.arange(100.0), np.append(np.arange(80.0), np.full(20, np.nan)), error=0.05)
    assert found.event == "is missing"
    found = compare_numbers(np.append(np.arange(99.0), np.nan), np.arange(200.0), error=0.05)
    assert found.event == "is missing or at most 98"
    assert (found.reference_share, found.current_share) == (1.0, 0.495)


def test_the_lower_limit_of_categories_is_the_gap_of_two_exact_intervals():
    old, new = ["a"] * 600 + ["b"] * 400, ["a"] * 300 + ["b"] * 150 + ["c"] * 50
    found = compare_categories(old, new, error=0.01)
    # Events: a, b, c, not seen before; two tails of two samples each.
    level = 1 - 2 * 0.01 / (4 * 4)
    b_old = binomtest(400, 1000).proportion_ci(level, "exact")
    b_new = binomtest(150, 500).proportion_ci(level, "exact")
    c_old = binomtest(0, 1000).proportion_ci(level, "exact")
    c_new = binomtest(50, 500).proportion_ci(level, "exact")
    assert found.low == pytest.approx(max(b_old.low - b_new.high, c_new.low - c_old.high), rel=1e-9)
    assert found.value == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("old", "new", "event"),
    [
        (["a", "b"], ["a", "a", "a", "b"], "is 'a'"),
        (["a", None], ["a", "a", "a", None], "is 'a'"),
        (["a", "b"], ["a", None], "is 'b'"),
        (["a", "b"], ["c"], "is 'c'"),
    ],
)
def test_the_largest_change_is_named(old, new, event):
    assert compare_categories(old * 500, new * 500, error=1e-6).event == event


def test_a_vocabulary_that_is_replaced_alarms_though_no_single_category_has_a_large_share():
    names = [f"product {number}" for number in range(400)]
    renamed = [f"article {number}" for number in range(400)]
    found = compare_categories(names * 10, renamed * 5, error=1e-6)
    assert found.event == "was not seen before"
    assert found.low > 0.9


def test_ids_that_are_new_in_every_row_do_not_alarm():
    found = compare_categories([f"r{n}" for n in range(4000)], [f"c{n}" for n in range(2000)], error=0.05)
    assert found.low == 0.0


_DRAWS = {
    "normal": lambda random, n: random.normal(size=n),
    "whole numbers": lambda random, n: random.integers(0, 4, n).astype(float),
    "half missing": lambda random, n: np.where(random.random(n) < 0.5, np.nan, random.normal(size=n)),
}


@pytest.mark.parametrize("draw", _DRAWS.values(), ids=_DRAWS.keys())
def test_without_drift_the_lower_limit_of_numbers_is_above_0_at_the_stated_rate_at_most(draw):
    random, runs, error = np.random.default_rng(20261121), 3000, 0.05
    alarms = sum(
        compare_numbers(draw(random, 1000), draw(random, 200), error=error).low > 0 for _ in range(runs)
    )
    assert alarms / runs <= _above(error, runs)


@pytest.mark.parametrize(
    "shares", [(0.5, 0.5), (0.9, 0.09, 0.01), tuple([0.002] * 500)], ids=["2", "3", "500"]
)
def test_without_drift_the_lower_limit_of_categories_is_above_0_at_the_stated_rate_at_most(shares):
    random, runs, error = np.random.default_rng(20261121), 300, 0.2
    names = [str(name) for name in range(len(shares))]
    alarms = sum(
        compare_categories(
            random.choice(names, 1000, p=shares).tolist(),
            random.choice(names, 300, p=shares).tolist(),
            error=error,
        ).low
        > 0
        for _ in range(runs)
    )
    assert alarms / runs <= _above(error, runs)


def test_a_true_distance_at_the_bound_is_cleared_in_5_of_100_windows_at_most():
    random, runs, bound = np.random.default_rng(20261121), 1500, 0.1
    # Two values are the hardest case: no other event can take the place of the one that is 0.1 apart.
    numbers = sum(
        compare_numbers(
            (random.random(1500) < 0.45).astype(float), (random.random(500) < 0.55).astype(float), error=0.01
        ).high
        <= bound
        for _ in range(runs)
    )
    classes = sum(
        compare_categories(
            np.where(random.random(1500) < 0.45, "a", "b").tolist(),
            np.where(random.random(500) < 0.55, "a", "b").tolist(),
            error=0.01,
        ).high
        <= bound
        for _ in range(runs)
    )
    assert numbers / runs <= _above(0.05, runs)
    assert classes / runs <= _above(0.05, runs)


class TestSets:
    def test_a_name_counts_once_a_set_and_none_is_an_event(self):
        found = compare_sets([["a", "b", "b"], ["a"]] * 50, [["a"], []] * 50, error=0.05)
        assert (found.event, found.value) == ("has 'a'", 0.5)
        found = compare_sets([["a"], ["b"]] * 50, [[], []] * 50, error=0.05)
        assert (found.event, found.value, found.current_share) == ("has none", 1.0, 1.0)
        assert found.low > 0.8

    def test_sets_of_one_name_are_categories_but_for_what_was_not_seen(self):
        rng = np.random.default_rng(3)
        old, new = rng.choice(list("abcd"), 500), rng.choice(list("abcd"), 300, p=[0.4, 0.3, 0.2, 0.1])
        sets = compare_sets([[name] for name in old], [[name] for name in new], error=1e-3)
        kinds = compare_categories(old.tolist(), new.tolist(), error=1e-3)
        assert (sets.value, sets.event) == (kinds.value, kinds.event.replace("is", "has"))
        assert sets.low == pytest.approx(kinds.low)

    def test_empty_sets_on_both_sides_have_not_moved(self):
        found = compare_sets([[]] * 40, [[]] * 40, error=0.05)
        assert (found.value, found.low) == (0.0, 0.0)

    @pytest.mark.parametrize("names", [3, 200])
    def test_without_drift_it_errs_as_rarely_as_it_says(self, names):
        def draw(rows):
            return [rng.choice(names, 3, replace=False).astype(str).tolist() for _ in range(rows)]

        rng, runs, error = np.random.default_rng(names), 300, 0.05
        alarms = sum(compare_sets(draw(200), draw(100), error=error).low > 0 for _ in range(runs))
        assert alarms / runs <= _above(error, runs)
