"""Answers that are none, and answers out of bounds."""

import pytest

from evaluation.errors import UserError
from evaluation.types import Task
from mlops.serving.errors import ModelFailed, Rejected

NAN, INF = float("nan"), float("inf")


@pytest.fixture
def regression(guards):
    """Guards of a regression with such bounds."""
    return lambda **bounds: guards({"outputs": bounds}, task=Task.REGRESSION, classes=())


@pytest.mark.parametrize(
    ("classes", "labels", "scores"),
    [
        ((0, 1), [0, 1], [0.0, 1.0]),
        ((0, 1), [True, 1.0], [1, 0]),
        (("no", "yes"), ["yes"], [None]),
        ((0, 1), [], []),
    ],
)
def test_answers_of_the_model_pass_as_they_are(guards, classes, labels, scores):
    assert guards(classes=classes).after(labels, scores) == (labels, scores, [()] * len(labels))


@pytest.mark.parametrize(
    ("labels", "scores"),
    [
        ([2], [0.5]),
        (["1"], [0.5]),
        ([None], [0.5]),
        ([NAN], [0.5]),
        ([[1]], [0.5]),
        ([1], [1.0000001]),
        ([1], [-1e-9]),
        ([1], [NAN]),
        ([1], [INF]),
        ([1], ["0.5"]),
        ([1], [True]),
        ([0, 1, 0], [0.5, 0.5, 7]),
    ],
)
def test_what_is_no_answer_of_a_classifier_is_a_failure_of_the_model(guards, all_off, labels, scores):
    with pytest.raises(ModelFailed):
        guards(all_off).after(labels, scores)


@pytest.mark.parametrize("label", ["5", None, True, NAN, INF, [5]])
def test_what_is_no_number_is_no_answer_of_a_regression(regression, label):
    with pytest.raises(ModelFailed):
        regression().after([1.0, label], [None, None])


@pytest.mark.parametrize(
    ("on_break", "labels"), [("flag", [-1.0, 0.0, 9.5, 10.0, 11]), ("clip", [0.0, 0.0, 9.5, 10.0, 10.0])]
)
def test_bounds_of_a_regression(regression, on_break, labels):
    guarded = regression(low=0, high=10, on_break=on_break)
    kept, scores, flags = guarded.after([-1.0, 0.0, 9.5, 10.0, 11], [None] * 5)
    assert (kept, scores) == (labels, [None] * 5)
    assert flags == [("prediction:below",), (), (), (), ("prediction:above",)]


def test_reject_names_the_record_and_not_the_answer(regression):
    with pytest.raises(Rejected) as refused:
        regression(high=10, on_break="reject").after([-1e9, 12345.5], [None, None])
    assert [item.field for item in refused.value.fields] == ["records.1.prediction"]
    assert "12345" not in str(refused.value.fields) + refused.value.detail


def test_bounds_of_a_classification_are_refused(guards):
    with pytest.raises(UserError, match="the task is binary"):
        guards({"outputs": {"high": 1}})


def test_answers_out_of_bounds_are_counted(guards):
    told = []
    config = {"outputs": {"low": 0, "on_break": "clip"}}
    counted = guards(config, task=Task.REGRESSION, classes=(), count=lambda *what: told.append(what))
    counted.after([-1.0, -2.0, 3.0], [None] * 3)
    assert told == [("prediction", "below", "clip", 2)]
