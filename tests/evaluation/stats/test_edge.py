"""Means of values that all lie at one end of their range: no width, but a bound on what was not seen."""

import numpy as np
import pytest
from scipy.stats import binomtest

from evaluation.metrics.base import Mean, Metric, Sample
from evaluation.metrics.builtin import find_metric
from evaluation.stats.estimate import Bound, Question, Settings, estimate
from evaluation.types import Direction, Task


def mean(low: float, high: float) -> Metric:
    return Metric(
        name="echo",
        direction=Direction.LOWER_IS_BETTER,
        range=(low, high),
        tasks=frozenset(Task),
        point=lambda sample: float(np.mean(sample.label)),
        design=Mean(lambda sample: sample.label),
    )


def ask(values, metric, *, units=None, bound=None):
    values = np.asarray(values, dtype=float)
    sample = Sample(values, values, units=units)
    [answer] = estimate([Question(metric, sample, None, bound)], Settings(0.95))
    return answer


@pytest.mark.parametrize(("value", "low", "high"), [(0.0, 0.0, 1.0), (5.0, 1.0, 5.0), (-1.0, -1.0, 1.0)])
def test_the_limit_is_that_of_a_share_of_which_nothing_was_seen(
    value: float, low: float, high: float
) -> None:
    found = ask([value] * 100, mean(low, high)).estimate
    unseen = binomtest(0, 100).proportion_ci(0.9, "exact").high * (high - low)
    assert found.problem is None
    assert found.value == value
    assert (found.low, found.high) == pytest.approx(
        (value, value + unseen) if value == low else (value - unseen, value), abs=1e-9
    )


def test_evidence_for_a_bound_is_that_of_the_limits() -> None:
    few = ask([0.0] * 100, mean(0.0, 1.0), bound=Bound(0.1, False))
    assert few.p_pass == pytest.approx(0.9**100, rel=1e-6)


def test_repeats_of_a_case_count_once() -> None:
    found = ask([0.0] * 300, mean(0.0, 1.0), units=np.repeat(np.arange(100), 3)).estimate
    assert found.high == pytest.approx(1 - 0.05**0.01)
    sizes = np.array([1] * 50 + [3] * 50)
    uneven = ask([0.0] * 200, mean(0.0, 1.0), units=np.repeat(np.arange(100), sizes)).estimate
    assert uneven.high == pytest.approx(1.5 * (1 - 0.05**0.01))


def test_a_share_that_no_unit_has_is_bounded_too() -> None:
    units, codes = np.repeat(np.arange(100), 2), np.tile([0, 1], 100)
    metric = find_metric("recall")
    [answer] = estimate(
        [Question(metric, Sample(codes, np.zeros(200, dtype=int), units=units))], Settings(0.95)
    )
    assert answer.estimate.problem is None
    assert (answer.estimate.value, answer.estimate.low) == (0.0, 0.0)
    assert answer.estimate.high == pytest.approx(1 - 0.05**0.01)


@pytest.mark.parametrize(("value", "range_"), [(0.5, (0.0, 1.0)), (0.0, (0.0, np.inf)), (0.0, (-1.0, 1.0))])
def test_elsewhere_values_without_spread_tell_nothing(value: float, range_: tuple[float, float]) -> None:
    found = ask([value] * 100, mean(*range_)).estimate
    assert "every row gives the same value" in (found.problem or "")


def test_a_mean_on_the_bound_passes_no_more_often_than_stated() -> None:
    """Just as rare that 60 rows show none of them in hardly 5 of 100 samples."""
    draws = np.random.Generator(np.random.PCG64(7))
    truth, passed, runs = 0.0488, 0, 2000
    for _ in range(runs):
        values = (draws.random(60) < truth).astype(float)
        if values.any():
            continue
        found = ask(values, mean(0.0, 1.0)).estimate
        assert found.high is not None
        passed += found.high <= truth
    assert 0.035 < passed / runs < 0.065


@pytest.mark.parametrize("name", ["retrieval_recall_at_5", "retrieval_mrr", "retrieval_ndcg_at_5"])
def test_retrieval_that_finds_all_is_bounded_by_the_rows_that_count(name: str) -> None:
    scores = np.column_stack([np.r_[np.ones(100), np.zeros(20)], np.r_[np.ones(100), np.zeros(20)]])
    sample = Sample(np.zeros(120), np.zeros(120), row_scores={name: scores})
    [answer] = estimate([Question(find_metric(name), sample)], Settings(0.95))
    assert answer.estimate.problem is None
    assert (answer.estimate.value, answer.estimate.high) == (1.0, 1.0)
    assert answer.estimate.low == pytest.approx(0.05**0.01)
