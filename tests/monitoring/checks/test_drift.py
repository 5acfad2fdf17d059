"""Drift is told when it is there, kept quiet within the budget when it is not, and never cleared on too little."""

import math

import numpy as np
import polars as pl
import pytest

from evaluation.types import Task, Verdict
from monitoring.checks.drift import Drift
from monitoring.types import Severity

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


def _by_subject(context):
    return {finding.subject: finding for finding in Drift().look(context)}


def test_without_drift_every_column_passes(make_context):
    found = _by_subject(make_context())
    assert list(found) == ["input.age", "input.job", "input.owner", "prediction", "score"]
    assert {finding.verdict for finding in found.values()} == {PASS}


def test_a_moved_column_fails_alone_with_its_numbers(make_context, make_frame):
    found = _by_subject(make_context(make_frame(2000, seed=2, age_shift=1)))
    age = found.pop("input.age")
    assert (age.verdict, age.severity, age.bound) == (FAIL, Severity.WARNING, 0.1)
    assert 0.1 < age.estimate.low < 0.38 < age.estimate.high < 0.45
    assert age.estimate.n == 2000
    assert age.message.startswith(f"input 'age' has moved by at least {age.estimate.low:.3f} (distance ")
    assert age.detail["current_share"] < age.detail["reference_share"]
    assert {finding.verdict for finding in found.values()} == {PASS}


_ROWS = 2000
_HALF = np.arange(_ROWS) % 2 == 0


@pytest.mark.parametrize(
    ("subject", "values", "expected"),
    [
        ("input.age", np.where(_HALF, np.nan, 40.0), (FAIL, "is missing")),
        (
            "input.age",
            pl.Series([None] * _ROWS, dtype=pl.Float64),
            (FAIL, "is missing: 100.0% of the window"),
        ),
        ("input.age", pl.Series([None] * _ROWS, dtype=pl.Null), (FAIL, "is missing")),
        ("input.age", None, (FAIL, "is missing")),
        ("input.age", np.full(_ROWS, np.inf), (FAIL, "has moved")),
        ("input.age", np.full(_ROWS, 40.0), (FAIL, "has moved")),
        (
            "input.age",
            [str(number) for number in range(_ROWS)],
            (INCONCLUSIVE, "Float64 in the reference but String"),
        ),
        ("input.job", ["pilot"] * _ROWS, (FAIL, "is 'pilot': 100.0% of the window")),
        ("input.job", ["cook", None] * (_ROWS // 2), (FAIL, "has moved")),
        ("input.job", pl.Series([None] * _ROWS, dtype=pl.Null), (FAIL, "is missing")),
        ("input.owner", np.ones(_ROWS, dtype=bool), (FAIL, "has moved")),
        ("input.new", np.ones(_ROWS), (INCONCLUSIVE, "the reference has no such column")),
        ("prediction", np.ones(_ROWS), (FAIL, "the prediction has moved")),
        ("prediction", ["maybe"] * _ROWS, (FAIL, "is 'maybe'")),
        ("score", np.full(_ROWS, np.nan), (FAIL, "is missing")),
    ],
)
def test_what_a_changed_column_is_found_to_be(make_context, make_frame, subject, values, expected):
    found = _by_subject(make_context(make_frame(_ROWS, seed=2, **{subject: values})))[subject]
    verdict, says = expected
    assert found.verdict is verdict
    assert says in found.message


@pytest.mark.parametrize("values", [(1.0, 0.0), ("1", "0"), (True, False)])
def test_a_class_is_the_same_class_as_number_text_or_boolean(make_context, make_frame, values):
    current = make_frame(_ROWS, seed=2)
    told = [values[0] if label else values[1] for label in current["prediction"]]
    found = _by_subject(make_context(current.with_columns(pl.Series("prediction", told))))["prediction"]
    assert found.verdict is PASS


@pytest.mark.parametrize(
    ("column", "problem"),
    [
        (pl.Series([None] * 6000, dtype=pl.Float64), "neither the reference nor the window holds a value"),
        (pl.Series(np.full(6000, np.nan)), "neither the reference nor the window holds a value"),
        (pl.Series(np.arange(6000)).cast(pl.Datetime), "a date moves on without drifting"),
        (pl.Series([[1.0]] * 6000), "are not compared"),
    ],
)
def test_a_column_that_says_nothing_on_either_side_is_inconclusive(make_context, make_frame, column, problem):
    reference = make_frame(6000, seed=1, **{"input.age": column})
    current = make_frame(_ROWS, seed=2, **{"input.age": column.head(_ROWS)})
    found = _by_subject(make_context(current, reference=reference))["input.age"]
    assert found.verdict is INCONCLUSIVE
    assert problem in found.message
    assert found.estimate.value is None


@pytest.mark.parametrize("rows", [1, 20, 60])
def test_few_records_pass_nothing(make_context, make_frame, rows):
    found = _by_subject(make_context(make_frame(rows, seed=2)))
    assert {finding.verdict for finding in found.values()} == {INCONCLUSIVE}
    assert "may or may not have moved" in found["input.age"].message


def test_a_tiny_reference_passes_nothing(make_context, make_frame):
    found = _by_subject(make_context(reference=make_frame(50, seed=1)))
    assert {finding.verdict for finding in found.values()} == {INCONCLUSIVE}


def test_ignored_columns_are_not_looked_at(make_context):
    found = _by_subject(make_context(drift={"ignore": ["age", "score"]}))
    assert list(found) == ["input.job", "input.owner", "prediction"]


def test_a_regression_compares_predictions_as_numbers_and_has_no_score(make_context, make_frame):
    prices = {"score": pl.Series([None] * _ROWS, dtype=pl.Float64)}
    reference = make_frame(6000, seed=1, prediction=np.random.default_rng(1).normal(size=6000))
    current = make_frame(_ROWS, seed=2, prediction=np.random.default_rng(2).normal(size=_ROWS), **prices)
    found = _by_subject(make_context(current, reference=reference, task=Task.REGRESSION))
    assert "score" not in found
    assert found["prediction"].verdict is PASS
    assert "Kolmogorov-Smirnov" in found["prediction"].estimate.method


def test_the_error_of_a_column_is_its_share_of_the_month_s_budget(make_context):
    context = make_context(every="1h", drift={"false_alarms_per_month": 2})
    assert context.windows_per_month == 720
    assert context.alarm_error == pytest.approx(2 / 720)
    methods = {finding.estimate.method for finding in Drift().look(context)}
    # Five columns share the error of a pass.
    assert methods == {
        f"{name}, lower limit at error {2 / 720 / 5:.2g}"
        for name in ("two-sample Kolmogorov-Smirnov", "largest difference of category shares")
    }


def test_a_generous_budget_errs_in_5_of_100_passes_at_most(make_context):
    assert make_context(every="7d", drift={"false_alarms_per_month": 50}).alarm_error == pytest.approx(0.05)


def test_without_drift_the_alarms_of_a_month_stay_within_the_budget(make_context, make_frame):
    """Without tolerance, which would hide most of them: 8 months of daily passes, each month a new reference."""
    months, budget, alarms = 8, 1.5, 0
    for month in range(months):
        reference = make_frame(3000, seed=1000 + month)
        for day in range(30):
            context = make_context(
                make_frame(500, seed=100 * month + day),
                reference=reference,
                every="1d",
                drift={"false_alarms_per_month": budget, "tolerance": 1e-9},
            )
            alarms += any(finding.verdict is FAIL for finding in Drift().look(context))
    allowed = months * budget
    assert alarms <= allowed + 2.33 * math.sqrt(allowed)


IDS = pl.List(pl.String)
_SOURCES = ["sources: number", "sources: documents", "sources: new"]


def _looked_up(rows, seed, **columns):
    rng = np.random.default_rng(seed)
    found = pl.Series(
        [[f"d-{name}" for name in rng.choice(50, 3, replace=False)] for _ in range(rows)], dtype=IDS
    )
    return {"sources": found, "score": None, **columns}


def _texts(make_context, make_frame, **columns):
    reference = make_frame(3000, seed=1, **_looked_up(3000, 1))
    current = make_frame(_ROWS, seed=2, **_looked_up(_ROWS, 2, **columns))
    return _by_subject(make_context(current, reference=reference, task=Task.RAG))


def test_documents_that_answers_were_given_are_compared(make_context, make_frame):
    found = _texts(make_context, make_frame)
    assert {name: found[name].verdict for name in _SOURCES} == dict.fromkeys(_SOURCES, PASS)


def test_a_retriever_that_finds_nothing_is_told_with_its_share(make_context, make_frame):
    found = _texts(make_context, make_frame, sources=pl.Series([[]] * _ROWS, dtype=IDS))
    assert (found["sources: number"].verdict, found["sources: number"].severity) == (FAIL, Severity.WARNING)
    assert "is at most 0: 100.0% of the window, 0.0% of the reference" in found["sources: number"].message
    assert "has none: 100.0% of the window" in found["sources: documents"].message


def test_one_document_for_every_question_is_named(make_context, make_frame):
    found = _texts(make_context, make_frame, sources=pl.Series([["d-7"]] * _ROWS, dtype=IDS))
    assert found["sources: documents"].verdict is FAIL
    assert "has 'd-7': 100.0% of the window" in found["sources: documents"].message


def test_records_that_do_not_tell_their_sources_clear_nothing(make_context, make_frame):
    for column in (pl.Series([None] * _ROWS, dtype=IDS), None):
        found = _texts(make_context, make_frame, sources=column)
        assert {found[name].verdict for name in _SOURCES} == {INCONCLUSIVE}
        assert {found[name].estimate.n for name in _SOURCES} == {0}


def test_a_reference_of_an_earlier_release_says_that_it_cannot_be_compared_with(make_context, make_frame):
    found = _by_subject(make_context(make_frame(_ROWS, seed=2, **_looked_up(_ROWS, 2)), task=Task.RAG))
    assert found["sources"].verdict is INCONCLUSIVE
    assert "the reference has no such column" in found["sources"].message


def test_models_that_look_nothing_up_and_policies_that_ignore_it_have_no_finding(make_context, make_frame):
    nothing = {"sources": pl.Series([[]] * _ROWS, dtype=IDS)}
    frame = make_frame(_ROWS, seed=2, **nothing)
    assert not [name for name in _by_subject(make_context(frame, reference=frame)) if "sources" in name]
    frame = make_frame(_ROWS, seed=2, **_looked_up(_ROWS, 2))
    found = _by_subject(make_context(frame, reference=frame, drift={"ignore": ["sources"]}))
    assert not [name for name in found if "sources" in name]


def test_like_questions_are_looked_for_in_the_texts_that_are_compared(make_context, make_frame, monkeypatch):
    # What they mean takes seconds.
    monkeypatch.setattr("monitoring.profiles.text.find_spec", lambda _: None)
    words = np.random.default_rng(5).choice(["red", "blue", "mug", "plate", "bowl", "cup"], (3000, 4))
    asked = pl.Series([" ".join(row) for row in words])
    assert asked.n_unique() > 1000
    reference = make_frame(3000, seed=1, **_looked_up(3000, 1, **{"input.question": asked}))
    current = make_frame(_ROWS, seed=2, **_looked_up(_ROWS, 2, **{"input.question": asked.head(_ROWS)}))
    found = _by_subject(make_context(current, reference=reference, task=Task.RAG))
    assert found["sources: like questions"].verdict is PASS
    ignoring = make_context(current, reference=reference, task=Task.RAG, drift={"ignore": ["question"]})
    assert [name for name in _by_subject(ignoring) if "sources" in name] == _SOURCES
    # A question that is sent no more leaves nothing to compare, and says so.
    gone = _by_subject(make_context(current.drop("input.question"), reference=reference, task=Task.RAG))
    assert gone["sources: like questions"].verdict is INCONCLUSIVE


@pytest.mark.parametrize(
    "written", [None, "*", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"]
)
@pytest.mark.parametrize("task", [Task.BINARY, Task.GENERATION])
def test_predictions_that_were_redacted_are_not_compared(make_context, make_frame, written, task):
    frame = make_frame(2000, seed=2).with_columns(prediction=pl.lit(written))
    reference = make_frame(2000, seed=1)
    if task is Task.GENERATION:
        reference = reference.with_columns(
            prediction=pl.Series([f"A red mug, number {row}." for row in range(2000)])
        )
    found = _by_subject(make_context(frame, reference=reference, task=task))["prediction"]
    assert found.verdict is INCONCLUSIVE
    assert "dropped, hashed or masked" in found.message
