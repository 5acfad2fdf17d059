"""Metrics on the records whose labels have come, and the share of labels that never did."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
from sklearn.metrics import mean_absolute_error, recall_score, roc_auc_score

from evaluation.types import Task, Verdict
from monitoring.checks.base import guarded
from monitoring.checks.performance import Performance
from monitoring.types import Severity

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
AUC = {"metric": "roc_auc", "at_least": 0.7}


def _look(context):
    return {finding.subject: finding for finding in Performance().look(context)}


def test_without_metrics_nothing_is_looked_at(make_context):
    assert Performance().look(make_context()) == ()


@pytest.mark.parametrize(
    ("bound", "verdict", "severity"),
    [(0.7, PASS, Severity.INFO), (0.835, INCONCLUSIVE, Severity.INFO), (0.9, FAIL, Severity.CRITICAL)],
)
def test_the_metric_s_interval_is_compared_with_its_bound(make_context, make_frame, bound, verdict, severity):
    frame = make_frame(2000, seed=2)
    found = _look(make_context(frame, performance=[{"metric": "roc_auc", "at_least": bound}]))["roc_auc"]
    assert (found.verdict, found.severity, found.bound) == (verdict, severity, bound)
    assert found.estimate.value == pytest.approx(roc_auc_score(frame["target"], frame["score"]))
    assert found.estimate.low < found.estimate.value < found.estimate.high


def test_only_the_newest_labelled_records_of_the_history_count(make_context, make_frame):
    worthless = make_frame(3000, seed=3, score=np.full(3000, 0.5), id=[f"w{row}" for row in range(3000)])
    newer = make_frame(2000, seed=2)
    unlabelled = make_frame(2000, seed=4).with_columns(target=pl.lit(None, dtype=pl.Int64))
    history = pl.concat([worthless, newer, unlabelled])
    context = make_context(unlabelled, history=history, performance=[AUC], window_records=2000)
    found = _look(context)["roc_auc"]
    assert found.estimate.n == 2000
    assert found.estimate.value == pytest.approx(roc_auc_score(newer["target"], newer["score"]))


@pytest.mark.parametrize("names", [("no", "yes"), (False, True), (1, 2), ("1", "2")])
def test_the_later_class_in_sorted_order_is_the_positive_one(make_context, make_frame, names):
    def renamed(frame):
        return frame.with_columns(
            pl.Series(column, [names[value] for value in frame[column]])
            for column in ("target", "prediction")
        )

    frame = make_frame(2000, seed=2)
    context = make_context(
        renamed(frame),
        reference=renamed(make_frame(6000, seed=1)),
        performance=[{"metric": "recall", "at_least": 0.1}],
    )
    expected = recall_score(frame["target"], frame["prediction"])
    assert _look(context)["recall"].estimate.value == pytest.approx(expected)


def test_one_class_in_the_window_keeps_its_meaning(make_context, make_frame):
    ones = make_frame(2000, seed=2, target=np.ones(2000, dtype=int))
    found = _look(make_context(ones, performance=[{"metric": "recall", "at_least": 0.1}, AUC]))
    assert found["recall"].estimate.value == pytest.approx(ones["prediction"].mean())
    assert found["roc_auc"].verdict is INCONCLUSIVE


def test_a_reference_of_one_class_keeps_its_meaning(make_context, make_frame):
    ones = {"target": np.ones(2000, dtype=int), "prediction": np.ones(2000, dtype=int)}
    context = make_context(
        make_frame(2000, seed=2, **ones),
        reference=make_frame(2000, seed=1, **ones),
        performance=[{"metric": "recall", "at_least": 0.9}],
    )
    assert _look(context)["recall"].estimate.value == 1


@pytest.mark.parametrize("names", [("no",), ("no", "yes", "maybe")])
def test_a_binary_task_without_two_classes_is_inconclusive(make_context, make_frame, names):
    told = [names[row % len(names)] for row in range(2000)]
    frame = make_frame(2000, seed=2, target=told, prediction=told)
    context = make_context(frame, reference=frame, performance=[AUC])
    (found,) = guarded("performance", lambda: Performance().look(context))
    assert found.verdict is INCONCLUSIVE
    assert f"{len(names)} classes in a binary task" in found.message


def test_a_regression_is_measured_in_its_own_unit(make_context, make_frame):
    random = np.random.default_rng(0)
    target = random.normal(size=2000)
    frame = make_frame(
        2000, seed=2, target=target, prediction=target + random.normal(size=2000), score=[None] * 2000
    )
    context = make_context(
        frame, reference=frame, task=Task.REGRESSION, performance=[{"metric": "mae", "at_most": 0.5}]
    )
    found = _look(context)["mae"]
    assert (found.verdict, found.bound) == (FAIL, 0.5)
    assert found.estimate.value == pytest.approx(mean_absolute_error(frame["target"], frame["prediction"]))


def test_several_classes_have_an_accuracy(make_context, make_frame):
    jobs = make_frame(2000, seed=2)["input.job"].to_list()
    frame = make_frame(2000, seed=2, target=jobs, prediction=["nurse"] * 2000)
    context = make_context(
        frame, reference=frame, task=Task.MULTICLASS, performance=[{"metric": "accuracy", "at_least": 0.5}]
    )
    assert _look(context)["accuracy"].estimate.value == pytest.approx(jobs.count("nurse") / 2000)


_NONE = pl.lit(None, dtype=pl.Int64)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"target": _NONE}, "0 labels have come, 200 are needed"),
        ({"target": pl.when(pl.int_range(pl.len()) < 150).then("target")}, "150 labels have come"),
        ({"target": pl.lit("perhaps")}, "0 labels have come"),
        ({"target": pl.lit(float("nan"))}, "0 labels have come"),
        ({"prediction": _NONE}, "2000 of 2000 labelled records hold no prediction"),
        ({"score": pl.lit(None, dtype=pl.Float64)}, "the model gives no scores"),
        ({"score": pl.lit(float("nan"))}, ""),
    ],
)
def test_what_cannot_be_measured_never_passes(make_context, make_frame, change, problem):
    frame = make_frame(2000, seed=2).with_columns(**change)
    found = _look(make_context(frame, performance=[{"metric": "roc_auc", "at_least": 0.0}]))["roc_auc"]
    assert found.verdict is INCONCLUSIVE
    assert problem in found.message


@pytest.mark.parametrize(
    ("unlabelled", "verdict"), [(0, PASS), (1200, INCONCLUSIVE), (1300, FAIL), (2400, FAIL)]
)
def test_labels_that_are_overdue_count_as_missing(make_context, make_frame, now, unlabelled, verdict):
    frame = make_frame(2400, seed=2).with_columns(
        target=pl.when(pl.int_range(pl.len()) >= unlabelled).then("target")
    )
    context = make_context(
        frame,
        now=now + timedelta(days=1),
        performance=[AUC],
        labels={"arrive_within": "1d"},
        window_records=5000,
    )
    found = _look(context)["labels"]
    assert (found.verdict, found.bound) == (verdict, 0.5)
    assert found.detail == {"due": 2400, "missing": unlabelled}
    assert found.message == f"{unlabelled / 2400:.1%} of the 2400 records older than 1d have no label"


def test_labels_that_are_not_due_are_neither_missing_nor_there(make_context, make_frame):
    frame = make_frame(2000, seed=2).with_columns(target=_NONE)
    found = _look(make_context(frame, performance=[AUC], labels={"arrive_within": "7d"}))["labels"]
    assert found.verdict is INCONCLUSIVE
    assert found.message == "labels can't be judged: no record is older than 7d, when its label is due"


def test_a_history_that_ends_too_early_says_what_to_raise(make_context, make_frame):
    context = make_context(
        make_frame(100, seed=2), performance=[AUC], labels={"arrive_within": "7d", "history_records": 100}
    )
    assert "raise monitor.labels.history_records" in _look(context)["labels"].message


def test_a_label_of_no_known_class_is_no_label(make_context, make_frame, now):
    frame = make_frame(2000, seed=2)
    odd = frame.with_columns(target=pl.when(pl.int_range(pl.len()) < 500).then(9).otherwise("target"))
    context = make_context(
        odd, now=now + timedelta(days=8), performance=[AUC], labels={"arrive_within": "7d"}
    )
    found = _look(context)
    assert found["labels"].detail == {"due": 2000, "missing": 500}
    assert found["roc_auc"].estimate.n == 1500


def test_early_labels_are_counted(make_context, make_frame):
    context = make_context(make_frame(2000, seed=2), performance=[AUC], labels={"arrive_within": "10h"})
    assert _look(context)["roc_auc"].detail == {"younger_than_arrive_within": 600 - 1}


@pytest.mark.parametrize("column", ["prediction", "target"])
@pytest.mark.parametrize("written", ["*", "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"])
def test_what_was_redacted_is_not_judged(make_context, make_frame, column, written):
    frame = make_frame(2000, seed=2).with_columns(pl.lit(written).alias(column))
    found = _look(make_context(frame, performance=[AUC]))
    assert {name: each.verdict for name, each in found.items()} == dict.fromkeys(
        ["labels", "roc_auc"], INCONCLUSIVE
    )
    assert f"the {column} hashed or masked" in found["roc_auc"].message


def test_predictions_that_were_dropped_are_not_judged(make_context, make_frame):
    frame = make_frame(2000, seed=2).with_columns(prediction=pl.lit(None))
    assert _look(make_context(frame, performance=[AUC]))["roc_auc"].verdict is INCONCLUSIVE
