"""What every registered metric must do, found by discovery: a new one is tested by being listed."""

import doctest
import math
from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from evaluation.errors import Undefined
from evaluation.metrics import builtin
from evaluation.metrics.base import (
    Cells,
    Distance,
    GroupRates,
    LeftOut,
    Metric,
    Need,
    Proportion,
    Quantile,
    Sample,
    Sums,
    across_groups,
)
from evaluation.stats.jackknife import left_out
from evaluation.stats.point import point
from evaluation.stats.statistic import group_values, statistic
from evaluation.text.declare import TEXT_TASKS
from evaluation.types import Task

# Those of texts are measured before they are weighed: tests/evaluation/text/test_builtin.py has what they must do.
METRICS = tuple(metric for metric in builtin.all_metrics() if not metric.tasks <= TEXT_TASKS)
each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
MakeSample = Callable[..., Sample]


def ones(sample: Sample, b: int = 1) -> np.ndarray:
    return np.ones((b, sample.n), dtype=np.float32)


def drawn(metric: Metric, sample: Sample, weights: np.ndarray) -> np.ndarray:
    """The metric's value under multiplicities, whatever it is made of."""
    found = statistic(metric, sample)(weights)
    match metric.design:
        case GroupRates(across=across):
            return across_groups(across, found)
        case Distance():
            return np.abs(found).sum(axis=1)
    return found


def of_design(*designs: type) -> pytest.MarkDecorator:
    found = [metric for metric in METRICS if isinstance(metric.design, designs)]
    return pytest.mark.parametrize("metric", found, ids=lambda metric: metric.name)


resampled = of_design(Cells, Distance, GroupRates, Quantile)


@resampled
def test_ones_as_multiplicities_give_the_point(metric: Metric, make_sample: MakeSample) -> None:
    sample = make_sample(metric)
    assert drawn(metric, sample, ones(sample, 2)) == pytest.approx([metric.point(sample)] * 2, rel=1e-6)


@each_metric
def test_the_value_from_the_design_is_the_point(metric: Metric, make_sample: MakeSample) -> None:
    sample = make_sample(metric)
    assert point(metric, sample) == pytest.approx(metric.point(sample), abs=1e-12)


@each_metric
def test_the_order_of_rows_does_not_matter(metric: Metric, make_sample: MakeSample) -> None:
    sample = make_sample(metric)
    shuffled = sample.take(np.random.default_rng(3).permutation(sample.n))
    assert metric.point(shuffled) == pytest.approx(metric.point(sample), abs=1e-12)


@each_metric
@pytest.mark.parametrize("seed", range(5))
def test_values_keep_the_declared_range(metric: Metric, seed: int, make_sample: MakeSample) -> None:
    low, high = metric.range
    assert low <= metric.point(make_sample(metric, seed=seed)) <= high


@resampled
@pytest.mark.parametrize("n", [4, 40, 300])
def test_multiplicities_are_repeated_rows(metric: Metric, n: int, make_sample: MakeSample) -> None:
    if metric.name == "group_tail_error_difference":
        pytest.skip("its draws take the quantile of the rows at hand, so that a share is a share")
    sample = make_sample(metric, n=n, seed=n)
    random = np.random.default_rng(n)
    counts = np.array([np.bincount(random.integers(0, n, n), minlength=n) for _ in range(25)])
    found = drawn(metric, sample, counts.astype(np.float32))
    for value, times in zip(found, counts, strict=True):
        repeated = sample.take(np.repeat(np.arange(n), times))
        try:
            expected = metric.point(repeated)
        except Undefined:
            assert math.isnan(value)
        else:
            assert value == pytest.approx(expected, rel=1e-5, abs=1e-6)


@each_metric
def test_the_docstring_has_a_summary_and_an_example_that_runs(metric: Metric) -> None:
    module = __import__(metric.point.__module__, fromlist=["metrics"])
    tests = doctest.DocTestFinder(recurse=False).find(metric.point, metric.name, globs=vars(module))
    assert sum(len(test.examples) for test in tests) >= 1
    assert doctest.DocTestRunner(verbose=False).run(tests[0]).failed == 0
    assert metric.summary.endswith(".")


@each_metric
def test_no_rows_is_undefined(metric: Metric, make_sample: MakeSample) -> None:
    with pytest.raises(Undefined):
        metric.point(make_sample(metric).take(np.array([], dtype=np.int64)))


@each_metric
def test_what_it_needs_is_missed(metric: Metric, make_sample: MakeSample) -> None:
    sample = make_sample(metric)
    without = {
        Need.SCORES: replace(sample, score=None),
        Need.GROUPS: replace(sample, groups=None, group_names=()),
        Need.LATENCY: replace(sample, latency_ms=None),
        Need.TWO_CLASSES: replace(
            sample, target=np.zeros_like(sample.target), label=np.zeros_like(sample.label)
        ),
    }
    for need in metric.needs - ({Need.TWO_CLASSES} if metric.name == "f1_macro" else set()):
        with pytest.raises(Undefined):
            metric.point(without[need])


@resampled
def test_nothing_drawn_has_no_value(metric: Metric, make_sample: MakeSample) -> None:
    sample = make_sample(metric)
    assert np.isnan(drawn(metric, sample, 0 * ones(sample))).all()


@of_design(Cells, LeftOut, Proportion, Sums)
def test_what_is_left_is_the_point_of_the_other_rows(metric: Metric, make_sample: MakeSample) -> None:
    sample = make_sample(metric, n=60)
    found = left_out(metric, sample)
    for row, value in enumerate(found):
        assert value == pytest.approx(metric.point(sample.take(np.arange(60) != row)), rel=1e-9)


@of_design(LeftOut)
def test_nothing_is_left_of_one_positive_row(metric: Metric) -> None:
    sample = Sample(np.array([0, 1, 0]), np.zeros(3), np.array([0.1, 0.4, 0.4]))
    assert np.isnan(left_out(metric, sample)).tolist() == [False, True, False]


@each_metric
def test_the_design_agrees_with_the_value(metric: Metric, make_sample: MakeSample) -> None:
    sample = make_sample(metric)
    value = metric.point(sample)
    match metric.design:
        case Proportion(counts=counts):
            hits, base = counts(sample)
            assert not (hits & ~base).any()
            assert hits.sum() / base.sum() == pytest.approx(value)
        case Quantile(q=q):
            assert np.mean(sample.latency_ms <= value) >= q
            assert np.mean(sample.latency_ms < value) <= q
        case GroupRates(across=across) as design:
            assert across_groups(across, group_values(metric, design, sample)) == pytest.approx(value)
            assert design.counted == all(isinstance(rate, Proportion) for rate in design.rates(sample))


def test_names_are_unique_and_found() -> None:
    families = (
        *(builtin.classification, builtin.scoring, builtin.regression, builtin.bias, builtin.latency),
        *(builtin.gaps, builtin.stereotypes),
    )
    listed = sum(len(module.METRICS) for module in families) + len(builtin.TEXT_METRICS)
    assert len(builtin.all_metrics()) == len(builtin.METRICS) == listed
    assert all(builtin.find_metric(metric.name) is metric for metric in builtin.all_metrics())


def test_every_task_has_an_overview_of_its_own_metrics() -> None:
    assert set(builtin.OVERVIEW) == set(Task)
    for task, names in builtin.OVERVIEW.items():
        assert all(task in builtin.find_metric(name).tasks for name in names)


def test_a_metric_without_docstring_is_summed_up_by_its_name() -> None:
    bare = replace(METRICS[0], point=SimpleNamespace(__doc__=None))  # type: ignore[arg-type]
    assert bare.summary == METRICS[0].name
