"""Resampling against SciPy's, and what it promises: seeded, paired, bounded, undisturbed by a failing metric."""

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import roc_auc_score

from evaluation.errors import Undefined
from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import METRICS
from evaluation.stats import bootstrap
from evaluation.stats.bootstrap import Plan, complaint, draw, multiplicities, statistic


def make(n: int = 250, seed: int = 1) -> Sample:
    random = np.random.default_rng(seed)
    target = random.integers(0, 2, n)
    score = np.clip(0.3 * target + 0.7 * random.random(n), 0, 1)
    return Sample(target, (score > 0.5).astype(np.int64), score)


def test_an_interval_is_scipys() -> None:
    sample = make()
    metric = METRICS["roc_auc"]
    draws = draw(sample.n, {"auc": statistic(metric, sample)}, Plan(4000, seed=(1,))).values["auc"]
    expected = stats.bootstrap(
        (sample.target, sample.score),
        roc_auc_score,
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
    wanted = {"auc": statistic(METRICS["roc_auc"], sample)}
    first, again, other = (
        draw(sample.n, wanted, Plan(50, seed=seed)).values["auc"] for seed in ((7, 1), (7, 1), (7, 2))
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
    assert max(sizes) <= 1000
    assert shares == sorted(shares)
    assert shares[-1] == 1.0


def test_rows_are_drawn_evenly() -> None:
    weights = multiplicities(np.random.default_rng(1), n=40, b=5000)
    assert (weights.sum(axis=1) == 40).all()
    assert weights.mean(axis=0) == pytest.approx(np.ones(40), abs=0.08)
    assert weights.var() == pytest.approx(1 - 1 / 40, abs=0.05)


def test_rows_of_a_block_are_drawn_together() -> None:
    weights = multiplicities(np.random.default_rng(1), n=25, b=200, block=10)
    assert weights.shape == (200, 25)
    for start, end in ((0, 10), (10, 20), (20, 25)):
        assert (weights[:, start:end] == weights[:, [start]]).all()
    assert (weights[:, [0, 10, 20]].sum(axis=1) == 3).all()


def test_a_metric_without_weights_gets_the_same_resamples() -> None:
    from dataclasses import replace

    sample = make(60)
    metric = METRICS["f1"]
    plain = replace(metric, weighted=None)
    found = draw(
        60, {"fast": statistic(metric, sample), "plain": statistic(plain, sample)}, Plan(80, seed=(2,))
    ).values
    assert found["plain"] == pytest.approx(found["fast"], nan_ok=True)


def test_undefined_resamples_are_nan_in_a_metric_without_weights() -> None:
    from dataclasses import replace

    sample = make(5)
    plain = replace(METRICS["roc_auc"], weighted=None)
    assert np.isnan(draw(5, {"auc": statistic(plain, sample)}, Plan(200, seed=(1,))).values["auc"]).any()


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
