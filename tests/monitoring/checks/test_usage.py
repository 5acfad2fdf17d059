"""The means of tokens and cost against their bounds, by Student's t."""

import numpy as np
import polars as pl
import pytest
from scipy import stats

from evaluation.types import Verdict
from monitoring.checks.usage import Usage
from monitoring.config import MonitorConfig
from monitoring.types import Severity


def _look(make_context, make_frame, usage, **columns):
    rows = len(next(iter(columns.values())))
    return Usage().look(make_context(make_frame(rows, **columns), usage=usage))


def test_without_bounds_nothing_is_looked_at(make_context):
    assert Usage().look(make_context()) == ()


def test_a_section_without_a_bound_is_refused():
    with pytest.raises(ValueError, match="tokens_at_most or cost_per_1000_at_most"):
        MonitorConfig(usage={})


@pytest.mark.parametrize(
    ("bound", "verdict"), [(130, Verdict.FAIL), (150, Verdict.INCONCLUSIVE), (170, Verdict.PASS)]
)
def test_tokens_of_both_directions_are_compared_with_the_bound(make_context, make_frame, bound, verdict):
    asked, said = [100] * 400, np.linspace(0, 100, 400).round().astype(int).tolist()
    found = _look(
        make_context, make_frame, {"tokens_at_most": bound}, prompt_tokens=asked, completion_tokens=said
    )
    assert [(each.check, each.subject, each.verdict, each.bound) for each in found] == [
        ("usage", "tokens", verdict, bound)
    ]
    assert found[0].severity is (Severity.WARNING if verdict is Verdict.FAIL else Severity.INFO)
    assert found[0].estimate.value == pytest.approx(100 + np.mean(said))


def test_the_upper_limit_is_student_s_where_nothing_is_skewed(make_context, make_frame):
    cost = np.random.default_rng(3).permutation(np.linspace(0.001, 0.003, 401))
    (found,) = _look(make_context, make_frame, {"cost_per_1000_at_most": 2.5}, cost=cost)
    reference = stats.ttest_1samp(1000 * cost, 0).confidence_interval(0.9)
    assert found.estimate.value == pytest.approx(2.0)
    assert found.estimate.high == pytest.approx(reference.high, rel=1e-6)
    assert found.estimate.low < reference.low
    assert found.verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("cost", "problem"),
    [
        ([], "no record"),
        ([0.001], "fewer than two"),
        ([0.001, 0.002] * 200 + [None], "1 of 401 records do not tell it"),
        ([0.001, 0.002] * 200 + [float("nan")], "1 of 401 records do not tell it"),
        ([0.001] * 400, "no width"),
    ],
)
def test_what_cannot_be_judged_never_passes(make_context, make_frame, cost, problem):
    cost = pl.Series(cost, dtype=pl.Float64)
    (found,) = _look(make_context, make_frame, {"cost_per_1000_at_most": 1e9}, cost=cost)
    assert found.verdict is Verdict.INCONCLUSIVE
    assert problem in found.message
    assert problem in found.estimate.problem


def test_a_log_that_does_not_know_of_tokens_tells_none(make_context, make_frame):
    found = Usage().look(
        make_context(make_frame(300), usage={"tokens_at_most": 1, "cost_per_1000_at_most": 1})
    )
    assert [each.subject for each in found] == ["tokens", "cost"]
    assert {each.verdict for each in found} == {Verdict.INCONCLUSIVE}
    assert "300 of 300 records do not tell it" in found[0].message
