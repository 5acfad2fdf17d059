"""What every metric of texts must do, found by discovery."""

import math

import numpy as np
import pytest

from evaluation.metrics.base import Mean, Metric, Proportion, Sample, Sums
from evaluation.stats.point import point
from evaluation.text.builtin import TEXT_METRICS
from evaluation.text.config import TextConfig
from evaluation.text.rows import Scored, TextRows
from evaluation.types import FloatArray

# Those that ask a language model are tested where they stand.
METRICS = [
    metric
    for metric in TEXT_METRICS
    if metric.scorer.__module__.split(".")[-1] not in {"ragas", "ragas_tools"}
]
each_metric = pytest.mark.parametrize("metric", METRICS, ids=lambda metric: metric.name)
WORDS = [
    "a",
    "red",
    "blue",
    "mug",
    "3",
    "hearts",
    "glass",
    "I can't help",
    "café",
    "茶",
    "lovely",
    "ann@example.org",
]


@pytest.fixture(scope="module")
def rows() -> TextRows:
    random = np.random.default_rng(7)

    def text() -> str:
        return " ".join(random.choice(WORDS, random.integers(1, 25)))

    n = 40
    return TextRows.of(
        [text() for _ in range(n)],
        *[(text(), text()) for _ in range(n)],
        prompt=[f"{text()} {text()}" for _ in range(n)],
        canary=["red mug"] * 20 + [None] * 20,
        right=["a", None] * (n // 2),
        sources=[["a", "b"]] * n,
        contexts=[[text(), text()] for _ in range(n)],
        completion_tokens=[int(k) for k in random.integers(2, 40, n)],
        prompt_tokens=[int(k) for k in random.integers(2, 40, n)],
        first_token_ms=random.uniform(10, 50, n).tolist(),
        latency_ms=random.uniform(60, 90, n).tolist(),
        cost=random.uniform(0, 1, n).tolist(),
        settings=TextConfig(
            language="en", words=(3, 20), pattern="(red|a).*", canary="canary", documents="right"
        ),
    )


def scored(metric: Metric, rows: TextRows) -> FloatArray:
    try:
        found = metric.scorer(rows)
    except Exception as error:
        if "needs texts." in str(error):
            pytest.skip(str(error).splitlines()[0])
        raise
    values = np.asarray(found.values if isinstance(found, Scored) else found)
    if isinstance(found, Scored) and all(found.problems):
        pytest.skip(str(found.problems[0]))
    return values


def test_no_two_metrics_have_one_name() -> None:
    names = [metric.name for metric in TEXT_METRICS]
    assert len(set(names)) == len(names)


@each_metric
def test_scoring_twice_gives_the_same_and_the_order_of_rows_does_not_matter(
    metric: Metric, rows: TextRows
) -> None:
    first = scored(metric, rows)
    assert first.shape[0] == rows.n
    back = TextRows(
        rows.answers[::-1],
        rows.references[::-1],
        rows.inputs[::-1],
        facts=rows.facts[::-1],
        settings=rows.settings,
    )
    assert scored(metric, back)[::-1] == pytest.approx(first, abs=1e-6, nan_ok=True)


@each_metric
def test_the_value_is_that_of_the_design_and_in_range(metric: Metric, rows: TextRows) -> None:
    values = scored(metric, rows)
    known = np.isfinite(values.reshape(rows.n, -1)).all(axis=1)
    target = np.zeros(int(known.sum()))
    sample = Sample(target, target, row_scores={metric.name: values[known]})
    found = metric.point(sample)
    low, high = metric.range
    assert low <= found <= high
    assert point(metric, sample) == pytest.approx(found, rel=1e-12)
    assert isinstance(metric.design, Mean | Proportion | Sums)
    assert math.isfinite(found)
