"""Resampling against SciPy's, and what it promises: seeded, paired, bounded, undisturbed by a failing metric."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import average_precision_score

from evaluation.errors import Undefined
from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import METRICS
from evaluation.stats import bootstrap
from evaluation.stats.bootstrap import Plan, complaint, draw
from evaluation.stats.multiplicities import _poisson, _thresholds, multiplicities
from evaluation.stats.statistic import statistic


def make(n: int = 250, seed: int = 1) -> Sample:
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, n)
    score = np.clip(0.3 * target + 0.7 * random.random(n), 0, 1)
    return Sample(target, (score > 0.5).astype(np.int64), score)


def test_an_interval_is_scipys() -> None:
    sample = make()
    metric = METRICS["average_precision"]
    draws = draw(sample.n, {"ap": statistic(metric, sample)}, Plan(4000, seed=(1,))).values["ap"]
    expected = stats.bootstrap(
        (sample.target, sample.score),
        average_precision_score,
        paired=True,
        vectorized=False,
        n_resamples=800,
        method="percentile",
        confidence_level=0.9,
        rng=np.random.default_rng(1),
    )
    low, high = np.quantile(draws, [0.05, 0.95])
    # Monte Carlo error of a 5 % quantile at these counts is about 0.002.
    assert (low, high) == pytest.approx(tuple(expected.confidence_interval), abs=0.01)
    assert draws.std() == pytest.approx(expected.standard_error, rel=0.1)


def test_the_seed_decides() -> None:
    sample = make()
    wanted = {"ap": statistic(METRICS["average_precision"], sample)}
    first, again, other = (
        draw(sample.n, wanted, Plan(50, seed=seed)).values["ap"] for seed in ((7, 1), (7, 1), (7, 2))
    )
    assert (first == again).all()
    assert (first != other).any()


def test_every_statistic_sees_the_same_resamples() -> None:
    seen: dict[str, list[np.ndarray]] = {"one": [], "two": []}

    def look(name: str):
        def keep(weights: np.ndarray) -> np.ndarray:
            seen[name].append(weights.copy())
            return weights.sum(axis=1)

        return keep

    found = draw(30, {"one": look("one"), "two": look("two")}, Plan(100, seed=(3,)))
    assert (np.concatenate(seen["one"]) == np.concatenate(seen["two"])).all()
    assert (found.values["one"] == 30).all()


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_CHUNK", 1000)
    sizes: list[int] = []
    shares: list[float] = []

    def watch(weights: np.ndarray) -> np.ndarray:
        sizes.append(weights.size)
        return weights[:, 0].astype(np.float64)

    found = draw(300, {"first": watch}, Plan(25, seed=(1,)), progress=shares.append)
    assert len(found.values["first"]) == 25
    assert max(sizes) <= 300 * bootstrap._LEAST_AT_ONCE
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_the_number_of_threads_changes_nothing(threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_CHUNK", 2000)
    sample = make()
    wanted = {"ap": statistic(METRICS["average_precision"], sample)}
    plan = Plan(50, seed=(1,))
    found = draw(sample.n, wanted, plan, threads=threads).values["ap"]
    assert (found == draw(sample.n, wanted, plan).values["ap"]).all()


@pytest.mark.parametrize("n", [1, 2, 40, 99, 101, 1000])
def test_rows_are_drawn_as_often_as_a_binomial_says(n: int) -> None:
    """Each row's count is binomial(n, 1 / n), and two rows' counts are negatively correlated."""
    b = 400_000 // n
    weights = multiplicities(np.random.Generator(np.random.PCG64(n)), n, b)
    assert weights.shape == (b, n)
    assert (weights.sum(axis=1) == n).all()
    seen = np.bincount(weights.astype(np.int64).ravel(), minlength=8)[:8] / weights.size
    expected = stats.binom.pmf(np.arange(8), n, 1 / n)
    assert seen == pytest.approx(expected, abs=5 * np.sqrt(0.25 / weights.size))
    if 1 < n <= 40:
        assert np.cov(weights[:, 0], weights[:, -1])[0, 1] == pytest.approx(-1 / n, abs=0.02)


def test_rows_of_a_block_are_drawn_together() -> None:
    weights = multiplicities(np.random.Generator(np.random.PCG64(1)), n=25, b=200, block=10)
    assert weights.shape == (200, 25)
    for start, end in ((0, 10), (10, 20), (20, 25)):
        assert (weights[:, start:end] == weights[:, [start]]).all()
    assert (weights[:, [0, 10, 20]].sum(axis=1) == 3).all()


def test_a_metric_without_weights_gets_the_same_resamples() -> None:
    from dataclasses import replace

    sample = make(60)
    metric = METRICS["f1"]
    plain = replace(metric, design=None)
    found = draw(
        60, {"fast": statistic(metric, sample), "plain": statistic(plain, sample)}, Plan(80, seed=(2,))
    ).values
    assert found["plain"] == pytest.approx(found["fast"], nan_ok=True)


def test_undefined_resamples_are_nan_in_a_metric_without_weights() -> None:
    from dataclasses import replace

    sample = make(5)
    plain = replace(METRICS["roc_auc"], design=None)
    assert np.isnan(draw(5, {"ap": statistic(plain, sample)}, Plan(200, seed=(1,))).values["ap"]).any()


def test_a_statistic_that_raises_leaves_the_others_alone() -> None:
    def broken(weights: np.ndarray) -> np.ndarray:
        raise ZeroDivisionError("division by zero")

    def misshapen(weights: np.ndarray) -> np.ndarray:
        return np.zeros(3)

    found = draw(
        20,
        {"broken": broken, "misshapen": misshapen, "sum": lambda weights: weights.sum(axis=1)},
        Plan(100, seed=(1,)),
    )
    assert set(found.values) == {"sum"}
    assert found.problems["broken"] == "ZeroDivisionError: division by zero"
    assert "gave shape (3,)" in found.problems["misshapen"]


def test_nothing_asked_is_nothing_drawn() -> None:
    assert draw(0, {}, Plan(100, seed=(1,))).values == {}


def test_a_complaint_is_one_line() -> None:
    assert complaint(ValueError("a\n  b")) == "ValueError: a b"
    assert complaint(Undefined("one class only")) == "one class only"
    assert len(complaint(ValueError("x" * 1000))) == 300


def test_counts_have_poissons_chances_to_the_last_digit() -> None:
    """Each 16-bit number once, and what they leave to be drawn anew, must add up to every count's chance."""
    every = np.arange(2**16, dtype=np.uint16).view(np.uint64)
    most = SimpleNamespace(
        bit_generator=SimpleNamespace(random_raw=lambda n: every[:n]), random=lambda n: np.full(n, 1 - 1e-16)
    )
    settled = np.bincount(_poisson(most, 0.9, 2**16, 1).astype(np.int64).ravel(), minlength=30)[:10]
    rest = np.diff(_thresholds(0.9).rest, prepend=0.0)[:10]
    chances = settled / 2**16 + rest * (1 - settled.sum() / 2**16)
    assert chances == pytest.approx(stats.poisson.pmf(np.arange(10), 0.9), rel=1e-9)
