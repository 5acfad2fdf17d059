"""What the handler does with a request, whatever server stands in front of it."""

import datetime as dt
import json

import numpy as np
import polars as pl
import pytest

from evaluation.types import Outputs, Task
from mlops.packaging.bundle import Bundle
from mlops.serving.errors import Busy, Invalid, ModelFailed
from mlops.serving.handler import Handler, Prediction
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.schemas import Schemas

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ONE = json.dumps({"records": [{"age": 30}]}).encode()


@pytest.fixture
def make(tmp_path, memory_log, fake_model):
    """A handler whose writer is closed at once, so that the log can be read."""
    started = []

    def build(task=Task.BINARY, queue_records=100, **model_options):
        model = fake_model(**model_options)
        bundle = Bundle(tmp_path, "lending", "3", "r-1", task, 0.5, "m", "d")
        writer = RequestLogWriter(
            memory_log, queue_records=queue_records, batch_records=10, wait_s=0.01, clock=lambda: NOW
        )
        writer.start()
        started.append(writer)
        handler = Handler(bundle, model, Schemas(model.inputs, max_records=10), writer, clock=lambda: NOW)
        return handler, model

    yield build
    for writer in started:
        writer.close()


def logged(memory_log, handler):
    assert handler._writer.close()
    return memory_log.records


def test_an_answer_and_its_record(make, memory_log):
    handler, model = make()
    answer = handler.predict(ONE, "req-1")
    (said,) = answer.predictions
    assert (answer.model, answer.version, answer.release_id, answer.request_id) == (
        "lending",
        "3",
        "r-1",
        "req-1",
    )
    assert (said.prediction, said.score) == (1, 0.75)
    assert model.seen[0].to_dicts() == [{"age": 30, "job": None}]
    (record,) = logged(memory_log, handler)
    assert record.inputs == {"age": 30, "job": None}
    assert (record.id, record.at, record.label, record.score) == (said.id, NOW, 1, 0.75)
    assert record.latency_ms > 0


def test_ids_are_the_callers_or_fresh_even_for_one_request_id(make):
    handler, _ = make()
    body = json.dumps({"records": [{"age": 1}, {"age": 2}], "ids": ["a", "b"]}).encode()
    assert [said.id for said in handler.predict(body, "req").predictions] == ["a", "b"]
    first, second = (handler.predict(ONE, "req").predictions[0].id for _ in range(2))
    assert first != second


@pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"], ["a", "a"]])
def test_ids_that_do_not_fit_the_records(make, ids):
    handler, _ = make()
    with pytest.raises(Invalid) as caught:
        handler.predict(json.dumps({"records": [{"age": 1}, {"age": 2}], "ids": ids}).encode(), "req")
    assert caught.value.fields[0].field == "ids"


@pytest.mark.parametrize(
    ("task", "outputs", "expected"),
    [
        (Task.REGRESSION, Outputs(np.array([1.25])), (1.25, None)),
        (Task.MULTICLASS, Outputs(np.array(["b"]), np.array([[0.1, 0.7, 0.2]])), ("b", 0.7)),
        (Task.MULTICLASS, Outputs(np.array(["b"], dtype=object), np.array([[0.5, 0.5]])), ("b", 0.5)),
        (Task.BINARY, Outputs(np.array([True]), np.array([1.0])), (True, 1.0)),
        (Task.BINARY, Outputs(np.array([0], dtype=np.int8), np.array([0.0], dtype=np.float32)), (0, 0.0)),
    ],
)
def test_answers_are_plain_values(make, task, outputs, expected):
    handler, _ = make(task, outputs=outputs)
    (said,) = handler.predict(ONE, "req").predictions
    assert (said.prediction, said.score) == expected
    assert type(said.prediction) is type(expected[0])


@pytest.mark.parametrize(
    "outputs",
    [
        Outputs(np.array([np.nan])),
        Outputs(np.array([np.inf])),
        Outputs(np.array([1]), np.array([np.nan])),
        Outputs(np.array([1]), np.array([[np.nan, 0.5]])),
        Outputs(np.array([1, 1])),
        Outputs(np.array([], dtype=int)),
        Outputs(np.array([1]), np.array([0.5, 0.5])),
        Outputs(np.array([None])),
        Outputs(np.array([[1]])),
    ],
)
def test_what_is_no_prediction_is_an_error_and_not_logged(make, memory_log, outputs):
    handler, _ = make(outputs=outputs)
    with pytest.raises(ModelFailed):
        handler.predict(ONE, "req")
    assert logged(memory_log, handler) == []


def test_what_a_model_raises_is_told_to_nobody(make, caplog):
    handler, _ = make(error=ValueError("cannot read 's3cr3t'"))
    with pytest.raises(ModelFailed) as caught:
        handler.predict(ONE, "req")
    assert caught.value.detail == "the model could not answer"
    (line,) = caplog.records
    assert line.facts["reason"] == "ValueError"
    assert "conftest.py" in line.facts["where"]
    assert "s3cr3t" not in str(vars(line))


def test_a_warm_up_is_not_logged(make, memory_log):
    handler, model = make()
    handler.warm_up({"age": 3, "job": "x"})
    assert isinstance(model.seen[0], pl.DataFrame)
    assert logged(memory_log, handler) == []


class TestFeedback:
    def send(self, handler, value, name="a"):
        return handler.feedback(json.dumps({"labels": [{"id": name, "label": value}]}).encode())

    @pytest.mark.parametrize(
        ("task", "classes", "sent", "kept"),
        [
            (Task.BINARY, (0, 1), 1, 1),
            (Task.BINARY, (0, 1), 1.0, 1),
            (Task.BINARY, (0, 1), True, 1),
            (Task.BINARY, ("no", "yes"), "yes", "yes"),
            (Task.BINARY, (False, True), 1, True),
            (Task.MULTICLASS, ("a", "b"), "c", "c"),
            (Task.REGRESSION, (), 3, 3.0),
        ],
    )
    def test_a_label_is_kept_as_the_model_names_it(  # noqa: PLR0917 - fixtures and the table's columns
        self, make, memory_log, task, classes, sent, kept
    ):
        handler, _ = make(task, classes=classes)
        assert self.send(handler, sent).accepted == 1
        logged(memory_log, handler)
        (label,) = memory_log.labels
        assert label.label == kept
        assert type(label.label) is type(kept)
        assert label.at == NOW

    @pytest.mark.parametrize(
        ("task", "classes", "sent"),
        [
            (Task.BINARY, (0, 1), 2),
            (Task.BINARY, (0, 1), "1"),
            (Task.BINARY, ("no", "yes"), 1),
            (Task.REGRESSION, (), "3"),
            (Task.REGRESSION, (), True),
            pytest.param(Task.REGRESSION, (), 10**400, id="huge number"),
            pytest.param(Task.MULTICLASS, ("a", "b"), 10**400, id="huge class"),
            (Task.MULTICLASS, ("a", "b"), None),
            (Task.MULTICLASS, ("a", "b"), []),
        ],
    )
    def test_a_label_that_cannot_be_true_is_refused(self, make, memory_log, task, classes, sent):
        handler, _ = make(task, classes=classes)
        with pytest.raises(Invalid) as caught:
            self.send(handler, sent)
        assert caught.value.fields[0].field.startswith("labels.0.label")
        logged(memory_log, handler)
        assert memory_log.labels == []

    def test_a_full_log_is_told_to_the_sender(self, make, memory_log):
        memory_log.open.clear()
        handler, _ = make(queue_records=1)
        self.send(handler, 1)
        with pytest.raises(Busy):
            self.send(handler, 1, "b")
        memory_log.open.set()


def test_a_prediction_is_a_value():
    assert Prediction("a", 1, 0.5) == Prediction("a", 1, 0.5)
