"""Limits against SciPy's, and against how often they miss the truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from evaluation.stats import intervals


@given(st.integers(1, 2000), st.floats(0.0, 1.0), st.sampled_from([0.9, 0.95, 0.99]))
def test_wilson_is_scipys(base: int, share: float, confidence: float) -> None:
    hits = round(base * share)
    found = intervals.wilson(hits, base).limits(1 - confidence)
    # SciPy's is two-sided: one-sided 95 % limits are the ends of its 90 % interval.
    expected = stats.binomtest(hits, base).proportion_ci(confidence_level=2 * confidence - 1, method="wilson")
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert found[0] < found[1]


@pytest.mark.parametrize("level", [0.05, 0.2])
def test_limits_of_draws_are_the_farther_of_scipys_percentile_and_basic(level: float) -> None:
    """Means of skewed values, so that either of the two is the farther one on one side."""
    values = np.random.default_rng(3).gamma(0.5, 2.0, 40)
    known = stats.bootstrap(
        (values,), np.mean, n_resamples=9999, method="basic", rng=np.random.default_rng(1)
    )
    ends = []
    for method in ("percentile", "basic"):
        again = stats.bootstrap(
            (values,),
            np.mean,
            n_resamples=0,
            bootstrap_result=known,
            method=method,
            confidence_level=1 - 2 * level,
        )
        ends.append(again.confidence_interval)
    found = intervals.outer(known.bootstrap_distribution, values.mean())
    low, high = min(end.low for end in ends), max(end.high for end in ends)
    assert found.limits(level) == pytest.approx((low, high), abs=1e-3)
    assert (found.method, found.resamples) == ("percentile and basic bootstrap", 9999)


def test_wilson_without_rows_has_no_limits() -> None:
    interval = intervals.wilson(0, 0)
    assert interval.problem_at(0.05) == "no rows count"
    assert interval.p_below(2.0) == interval.p_above(-2.0) == 1.0


@pytest.mark.parametrize("n", [400, 401, 999, 5000])
@pytest.mark.parametrize("q", [0.5, 0.95])
@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
def test_order_statistics_are_scipys(n: int, q: float, confidence: float) -> None:
    values = np.random.default_rng(n).gamma(2.0, 5.0, n)
    found = intervals.order_statistics(values, q).limits(1 - confidence)
    low = stats.quantile_test(values, p=q, alternative="greater").confidence_interval(confidence).low
    high = stats.quantile_test(values, p=q, alternative="less").confidence_interval(confidence).high
    assert found == (low, high)


@pytest.mark.parametrize(("q", "n"), [(0.5, 39), (0.95, 399), (0.99, 1999), (0.95, 0)])
def test_too_few_requests_have_no_limits(q: float, n: int) -> None:
    found = intervals.order_statistics(np.arange(float(n)), q)
    assert found.limits(0.05) == (-math.inf, math.inf)
    assert f"{n:,} requests, at least {n + 1 if n else 400:,}" in (found.problem or "")


def test_percentile_limits_of_known_draws() -> None:
    found = intervals.percentile(np.arange(1, 1000) / 1000, 0.5)
    assert found.limits(0.05) == (0.05, 0.95)
    assert found.limits(0.001) == (0.001, 0.999)
    assert found.limits(0.0009) == (-math.inf, math.inf)
    assert found.problem_at(0.001) is None
    assert found.problem_at(0.0009) == "999 resamples can't show an error of 0.0009; raise gate.resamples"


def test_percentile_limits_hold_the_value() -> None:
    assert intervals.percentile(np.linspace(0.2, 0.4, 100), 0.1).limits(0.05)[0] == 0.1


@given(st.lists(st.integers(-20, 20), min_size=2, max_size=300), st.integers(-21, 21))
def test_percentile_evidence_counts_the_draws_beyond_the_bound(found: list[int], bound: int) -> None:
    draws = np.array(found, dtype=np.float64)
    interval = intervals.percentile(draws, float(np.median(draws)))
    for p, beyond, strays in (
        (interval.p_above(bound), (draws <= bound).sum(), np.median(draws) <= bound),
        (interval.p_below(bound), (draws >= bound).sum(), np.median(draws) >= bound),
    ):
        expected = (1 + beyond) / (len(draws) + 1)
        assert p == (1.0 if strays or expected > 0.5 else pytest.approx(expected, rel=1e-6))


@given(st.integers(1, 400), st.floats(0, 1), st.floats(0.001, 0.999), st.floats(1e-6, 0.5))
def test_evidence_agrees_with_the_limits_at_every_level(
    base: int, share: float, bound: float, level: float
) -> None:
    interval = intervals.wilson(round(share * base), base)
    low, high = interval.limits(level)
    for p, decided in ((interval.p_above(bound), low > bound), (interval.p_below(bound), high < bound)):
        assert decided == (p <= level) or p == pytest.approx(level, rel=1e-9)


def test_evidence_has_a_floor() -> None:
    assert intervals.wilson(99_000, 100_000).p_above(0.1) == intervals.LEAST_LEVEL


@pytest.mark.parametrize(
    ("draws", "problem"),
    [
        (np.full(100, 0.25), "no width"),
        (np.full(100, np.nan), "no resample has a value"),
        (np.append(np.linspace(0, 1, 98), [np.nan] * 2), "2.0% of the resamples have no value"),
    ],
)
def test_percentile_guards(draws: np.ndarray, problem: str) -> None:
    assert problem in (intervals.percentile(draws, 0.25).problem_at(0.05) or "")


def test_one_percent_undefined_is_let_pass() -> None:
    found = intervals.percentile(np.append(np.linspace(0, 1, 99), np.nan), 0.5)
    assert found.problem_at(0.05) is None
    assert np.isfinite(found.limits(0.05)).all()


def test_a_calibrated_model_is_seldom_failed_for_its_distance() -> None:
    """True gaps 0: plain percentiles would call every such model miscalibrated."""
    random = np.random.default_rng(4)
    failed = plain_failed = 0
    for _ in range(200):
        gaps = random.normal(0.0, 0.01, 10)
        draws = gaps + random.normal(0.0, 0.01, (400, 10))
        low, high = intervals.distance(gaps, draws).limits(0.05)
        assert low <= np.abs(gaps).sum() <= high
        failed += low > 0
        plain_failed += np.quantile(np.abs(draws).sum(axis=1), 0.05) > 0
    assert failed <= 20
    assert plain_failed == 200
