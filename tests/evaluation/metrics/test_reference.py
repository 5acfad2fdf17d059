"""Weighted values against scikit-learn's own weights, and definitions against a plain loop."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from evaluation.metrics.base import Across, Cells, Mean, Metric, Proportion, Sample, Sums, across_groups
from evaluation.metrics.builtin import METRICS
from evaluation.stats.cells import table

# (target, score in hundredths, weight): few distinct scores, so that ties are common.
rows = st.lists(
    st.tuples(st.integers(0, 1), st.integers(0, 20), st.integers(0, 4)), min_size=2, max_size=60
).filter(lambda found: {(t, w > 0) for t, _, w in found} >= {(0, True), (1, True)})


def split(found: list[tuple[int, int, int]]) -> tuple[Sample, np.ndarray]:
    target, score, weight = np.array(found).T
    return Sample(target, (score > 10).astype(np.int64), score / 20), weight.astype(np.float32)


def weighted(metric: Metric, sample: Sample, weight: np.ndarray) -> float:
    """What a metric is made of, every row as often as its weight says."""
    match metric.design:
        case Mean(values=values):
            return float(np.average(values(sample), weights=weight))
        case Sums(columns=columns, value=value):
            return float(value((weight @ columns(sample))[None, :])[0])
        case Cells() | Proportion():
            cells = table(metric, sample)
            return float(cells.value(np.bincount(cells.codes, weight, cells.cells)[None, :])[0])
    raise TypeError(metric.name)


@settings(max_examples=150, deadline=None)
@given(rows)
def test_weighted_scores_are_scikit_learns(found: list[tuple[int, int, int]]) -> None:
    sample, weight = split(found)
    expected = reference.brier_score_loss(sample.target, sample.score, sample_weight=weight)
    assert weighted(METRICS["brier"], sample, weight) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(rows)
@pytest.mark.parametrize("classes", [2, 5])
def test_weighted_labels_are_scikit_learns(classes: int, found: list[tuple[int, int, int]]) -> None:
    sample, weight = split(found)
    drawn = weight > 0
    label = np.array([score for _, score, _ in found]) % classes
    target = np.where(sample.target == 1, label, (label + 1) % classes) if classes > 2 else sample.target
    sample = Sample(target, label)
    for name, expected in (
        ("accuracy", reference.accuracy_score(target[drawn], label[drawn], sample_weight=weight[drawn])),
        (
            "f1_macro",
            reference.f1_score(target[drawn], label[drawn], sample_weight=weight[drawn], average="macro"),
        ),
    ):
        assert weighted(METRICS[name], sample, weight) == pytest.approx(expected, abs=1e-6)


@settings(max_examples=100, deadline=None)
@given(
    st.lists(
        st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3), st.integers(0, 4)), min_size=3, max_size=40
    )
)
def test_weighted_regression_is_scikit_learns(found: list[tuple[float, float, int]]) -> None:
    target, label, weight = (np.array(column, dtype=np.float64) for column in zip(*found, strict=True))
    if weight.sum() < 2 or np.ptp(target[weight > 0]) < 1e-3:
        return
    sample = Sample(target, label)
    for name, expected in (
        ("mae", reference.mean_absolute_error),
        ("rmse", reference.root_mean_squared_error),
        ("r2", reference.r2_score),
    ):
        assert weighted(METRICS[name], sample, weight) == pytest.approx(
            expected(target, label, sample_weight=weight), rel=1e-5, abs=1e-6
        )


def test_calibration_error_by_its_definition() -> None:
    random = np.random.default_rng(5)
    score = random.random(400)
    score[:3] = (0.0, 0.1, 1.0)
    target = (random.random(400) < score**2).astype(np.int64)
    total = 0.0
    for k in range(10):
        inside = (score >= k / 10) & ((score < (k + 1) / 10) | (k == 9))
        if inside.any():
            total += inside.mean() * abs(target[inside].mean() - score[inside].mean())
    assert METRICS["expected_calibration_error"].point(Sample(target, target, score)) == pytest.approx(total)


def test_a_group_without_positive_rows_is_named() -> None:
    from evaluation.errors import Undefined

    sample = Sample(
        np.array([1, 0, 0, 0]), np.array([1, 0, 0, 1]), None, np.array([0, 0, 1, 1]), ("sex=f", "sex=m")
    )
    with pytest.raises(Undefined, match="no rows for the true positive rate of group sex=m"):
        METRICS["equal_opportunity_difference"].point(sample)


@pytest.mark.parametrize(
    ("across", "expected"), [(Across.DIFFERENCE, 0.4), (Across.RATIO, 0.2), (Across.WORST, 0.1)]
)
def test_the_worst_rate_speaks_for_all(across: Across, expected: float) -> None:
    rates = np.array([[0.5, 0.7, 0.6], [0.1, 0.5, 0.3]])
    assert float(across_groups(across, rates)) == pytest.approx(expected)


def test_a_drawn_target_that_is_constant_explains_nothing() -> None:
    """Rounding leaves a tiny variance behind, which must not become a huge negative share."""
    sample = Sample(np.array([1e6 + 0.1, 1e6 + 0.1, 5.0, 9.0]), np.array([1e6, 1e6, 6.0, 8.0]))
    drawn = np.array([[2, 1, 0, 0], [1, 1, 1, 1]])
    found = [weighted(METRICS["r2"], sample, weight) for weight in drawn]
    assert np.isnan(found).tolist() == [True, False]
