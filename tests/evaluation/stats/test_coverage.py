"""How often limits miss a truth that is known: a large pool's, of which rows or units are drawn."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import METRICS
from evaluation.stats.delong import area, placements
from evaluation.stats.estimate import Question, Settings, estimate

RUNS = 300
POOL = 20_000
# 15 misses are expected at 5 %, give or take 3.8.
LEAST, MOST = 4, 28


def pools() -> tuple[Sample, Sample]:
    random = np.random.default_rng(20261122)
    target = (random.random(POOL) < 0.35).astype(np.int64)
    common = random.normal(size=POOL) + 1.4 * target

    def model(noise: float) -> Sample:
        score = 1 / (1 + np.exp(-(common + noise * random.normal(size=POOL) - 0.7)))
        return Sample(target, (score > 0.5).astype(np.int64), score)

    return model(0.4), model(0.7)


POOLS = pools()


def misses(name: str, *, compared: bool, units: bool = False) -> tuple[int, int]:
    """Runs whose low limit is above the truth, and whose high limit is below it."""
    metric, random = METRICS[name], np.random.default_rng(7)
    one, two = POOLS
    truth = metric.point(one) - (metric.point(two) if compared else 0.0)
    low = high = 0
    for run in range(RUNS):
        rows = random.integers(0, POOL, 300)
        labels = None
        if units:
            # Every row is met two to four times, which is no more evidence than once.
            times = random.integers(2, 5, 300)
            rows, labels = np.repeat(rows, times), np.repeat(np.arange(300), times)
        drawn = [replace(pool.take(rows), units=labels) for pool in POOLS]
        question = Question(metric, drawn[0], drawn[1] if compared else None)
        found = estimate([question], Settings(resamples=200, seed=run))[0].estimate
        assert found.usable
        low += found.low > truth
        high += found.high < truth
    return low, high


@pytest.mark.parametrize(
    ("name", "compared"),
    [
        ("accuracy", False),
        ("accuracy", True),
        ("roc_auc", False),
        ("roc_auc", True),
        ("brier", False),
        ("brier", True),
        ("f1", False),
        ("precision", True),
        ("average_precision", True),
    ],
)
def test_either_limit_misses_in_about_five_percent(name: str, compared: bool) -> None:
    assert all(LEAST <= found <= MOST for found in misses(name, compared=compared))


@pytest.mark.parametrize("name", ["accuracy", "roc_auc", "f1"])
def test_repeated_rows_do_not_make_it_surer(name: str) -> None:
    assert all(LEAST <= found <= MOST for found in misses(name, compared=True, units=True))


def test_an_area_near_one_is_seldom_overrated() -> None:
    """60 of 200 rows positive, area .96: on its own scale DeLong's low limit is above the truth in 12 % of runs."""
    random = np.random.default_rng(5)
    target = (np.arange(200) < 60).astype(np.int64)
    truth = stats.norm.cdf(2.5 / 2**0.5)
    overrated = 0
    for _ in range(2000):
        sample = Sample(target, target, random.normal(size=200) + 2.5 * target)
        overrated += area(*placements(sample)).limits(0.05)[0] > truth
    assert overrated <= 130
