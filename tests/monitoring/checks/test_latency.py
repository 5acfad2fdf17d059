"""The 95th percentile against its bound, by order statistics."""

import math

import numpy as np
import pytest
from scipy.stats import binom

from evaluation.types import Verdict
from monitoring.checks.latency import Latency
from monitoring.types import Severity


def _look(make_context, make_frame, times, p95_ms, **config):
    frame = make_frame(len(times), latency_ms=times)
    return Latency().look(make_context(frame, latency={"p95_ms": p95_ms}, **config))


def test_without_a_bound_nothing_is_looked_at(make_context):
    assert Latency().look(make_context()) == ()


@pytest.mark.parametrize(
    ("p95_ms", "verdict"), [(1500, Verdict.FAIL), (1900, Verdict.INCONCLUSIVE), (1950, Verdict.PASS)]
)
def test_the_interval_is_compared_with_the_bound(make_context, make_frame, p95_ms, verdict):
    (found,) = _look(make_context, make_frame, np.arange(1.0, 2001.0), p95_ms)
    assert (found.verdict, found.bound) == (verdict, p95_ms)
    assert found.severity is (Severity.WARNING if verdict is Verdict.FAIL else Severity.INFO)
    assert found.estimate.value == 1900


def test_the_limits_are_the_ranks_of_the_binomial(make_context, make_frame):
    (found,) = _look(make_context, make_frame, np.arange(1.0, 2001.0), 1, every="1h")
    low, high = int(found.estimate.low), int(found.estimate.high)
    # P(rank low is above the quantile) = P(at most low - 1 values are below it).
    assert binom.cdf(low - 1, 2000, 0.95) <= 1 / 720 < binom.cdf(low, 2000, 0.95)
    assert binom.cdf(high - 2, 2000, 0.95) < 0.95 <= binom.cdf(high - 1, 2000, 0.95)


@pytest.mark.parametrize(
    ("times", "problem"),
    [
        ([], "no record"),
        ([1.0] * 399, "at least 400 are needed"),
        ([1.0] * 999 + [float("nan")], "1 of 1000 records hold no time"),
        ([1.0] * 998 + [None] * 2, "2 of 1000 records hold no time"),
        ([1.0] * 999 + [float("inf")], "1 of 1000 records hold no time"),
    ],
)
def test_what_cannot_be_judged_never_passes(make_context, make_frame, times, problem):
    (found,) = _look(make_context, make_frame, times, 1e9)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert problem in found.message
    assert problem in found.estimate.problem


def test_a_service_at_its_bound_alarms_within_the_budget(make_context, make_frame):
    random, runs, error = np.random.default_rng(20261121), 800, 0.05
    frame, alarms = make_frame(500), 0
    for _ in range(runs):
        (found,) = Latency().look(
            make_context(
                frame.with_columns(latency_ms=random.exponential(size=500)),
                latency={"p95_ms": -math.log(0.05)},
                every="1d",
                drift={"false_alarms_per_month": 30 * error},
            )
        )
        alarms += found.verdict is Verdict.FAIL
    assert alarms / runs <= error + 2.33 * math.sqrt(error * (1 - error) / runs)
