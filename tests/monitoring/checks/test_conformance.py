"""What every check must keep to, found by discovery: a new check is tested here without a line being written."""

import json
import math

import numpy as np
import polars as pl
import pytest

from evaluation.types import Task, Verdict
from monitoring.checks.base import guarded
from monitoring.checks.builtin import CHECKS
from monitoring.record import WatchPass, WindowSummary, watch_pass_to_json
from monitoring.run import watch

_ROWS = 600
_CONFIG = {
    "latency": {"p95_ms": 1e6},
    "usage": {"tokens_at_most": 1e6, "cost_per_1000_at_most": 1e6},
    "performance": [{"metric": "roc_auc", "at_least": 0.0}, {"metric": "accuracy", "at_least": 0.0}],
    "labels": {"arrive_within": "0s"},
}
_NONE = pl.lit(None, dtype=pl.Float64)
_NAN = pl.lit(float("nan"))
_INPUTS = pl.col("^input\\..*$")
# Name: what is done to the window, and the findings that may pass then ("check/subject"; "*" for any).
_NOTHING: set[str] = set()
_WORLDS = {
    "empty log": (lambda frame: frame.clear(), _NOTHING),
    "empty log of a store without feature columns": (
        lambda frame: frame.clear().select(pl.exclude("^input\\..*$")),
        _NOTHING,
    ),
    "one record": (lambda frame: frame.head(1), _NOTHING),
    "every value missing": (
        lambda frame: frame.with_columns(
            _INPUTS.cast(pl.Null, strict=False),
            pl.col("prediction", "score", "target", "latency_ms").cast(pl.Null, strict=False),
        ),
        {"traffic/records"},
    ),
    "every number is NaN": (
        lambda frame: frame.with_columns(
            *(_NAN.alias(name) for name in ("input.age", "prediction", "score", "target", "latency_ms"))
        ),
        {"traffic/records", "drift/input.job", "drift/input.owner"},
    ),
    "no labels": (
        lambda frame: frame.with_columns(target=_NONE),
        {"traffic/records", "drift/*", "latency/p95"},
    ),
    "every column constant": (
        lambda frame: frame.with_columns(
            _INPUTS.first(), pl.col("prediction", "score", "target", "latency_ms").first()
        ),
        {"traffic/records", "latency/p95", "performance/labels", "performance/accuracy"},
    ),
    "an unknown type in a feature": (
        lambda frame: frame.with_columns(pl.Series("input.age", [[1.0]] * frame.height)),
        {"traffic/records", "drift/*", "latency/p95", "performance/*"},
    ),
}


def _may_pass(finding, allowed):
    return bool({f"{finding.check}/{finding.subject}", f"{finding.check}/*"} & allowed)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
@pytest.mark.parametrize("world", _WORLDS)
@pytest.mark.parametrize("task", Task)
def test_nothing_passes_wrongly_and_nothing_crashes(make_context, make_frame, check, world, task):
    change, allowed = _WORLDS[world]
    context = make_context(change(make_frame(_ROWS, seed=2)), task=task, **_CONFIG)
    for finding in check.look(context):
        assert finding.check == check.name
        assert finding.message
        if finding.verdict is Verdict.PASS:
            assert _may_pass(finding, allowed), finding.message
            assert finding.estimate.usable
        if finding.verdict is Verdict.FAIL:
            assert finding.estimate.usable
            assert finding.bound is not None


@pytest.mark.parametrize("world", _WORLDS)
def test_a_pass_over_any_window_is_json_without_nan(make_context, make_frame, world):
    change, _ = _WORLDS[world]
    seen = watch(make_context(change(make_frame(_ROWS, seed=2)), **_CONFIG))
    content = watch_pass_to_json(seen)
    assert json.loads(json.dumps(content, allow_nan=False)) == content
    assert seen.verdict is not Verdict.PASS


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_the_same_findings_come_whatever_the_window_holds(make_context, make_frame, check):
    full = make_frame(_ROWS, seed=2)
    subjects = [
        [(finding.check, finding.subject) for finding in check.look(make_context(frame, **_CONFIG))]
        for frame in (full, full.clear(), full.head(1))
    ]
    assert subjects[0] == subjects[1] == subjects[2]
    assert len(set(subjects[0])) == len(subjects[0])


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.name)
def test_limits_enclose_the_value_and_are_finite(make_context, check):
    for finding in check.look(make_context(**_CONFIG)):
        estimate = finding.estimate
        if estimate.usable:
            assert estimate.low <= estimate.value <= estimate.high
            assert all(math.isfinite(limit) for limit in (estimate.low, estimate.value, estimate.high))
            assert 0.5 < estimate.confidence < 1
            assert estimate.n > 0


def test_names_of_checks_are_unique():
    names = [check.name for check in CHECKS]
    assert len(set(names)) == len(names)


class _Broken:
    name = "broken"

    def look(self, context):
        return np.ones(2) @ np.ones(3)


def test_a_check_that_raises_is_an_inconclusive_finding_and_the_others_go_on(make_context):
    seen = watch(make_context(), checks=(_Broken(), *CHECKS))
    broken, *others = seen.findings
    assert (broken.check, broken.subject, broken.verdict) == ("broken", "broken", Verdict.INCONCLUSIVE)
    assert broken.estimate.problem.startswith("the check raised ValueError: matmul")
    assert {finding.check for finding in others} == {"traffic", "drift"}
    assert seen.verdict is Verdict.INCONCLUSIVE


def test_a_problem_that_names_the_next_step_keeps_it(make_context):
    (found,) = guarded(
        "performance",
        lambda: CHECKS[-1].look(make_context(performance=[{"metric": "roc_acu", "at_least": 1}])),
    )
    assert found.estimate.problem == "unknown metric 'roc_acu'; did you mean 'roc_auc'?"


def test_too_few_records_make_every_other_finding_inconclusive(make_context, make_frame):
    seen = watch(make_context(make_frame(150, seed=2, age_shift=3), **_CONFIG, min_records=200))
    assert {finding.verdict for finding in seen.findings} == {Verdict.INCONCLUSIVE}
    age = next(finding for finding in seen.findings if finding.subject == "input.age")
    assert age.message == "input.age can't be judged: 150 records are too few, 200 are needed"
    assert age.estimate.low > 0.1
    assert not age.estimate.usable
    assert seen == WatchPass(
        seen.at, "lending", "3", WindowSummary.of(make_context(make_frame(150)).windows), seen.findings
    )
