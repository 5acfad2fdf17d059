"""What the handler does with a request, whatever server stands in front of it."""

import asyncio
import datetime as dt
import json

import numpy as np
import polars as pl
import pytest

from evaluation.types import Outputs, Task
from mlops.packaging.bundle import Bundle
from mlops.packaging.ranges import Ranges
from mlops.serving.access.callers import Caller, Scope
from mlops.serving.config import ServeConfig
from mlops.serving.errors import Busy, Invalid, ModelFailed, Rejected
from mlops.serving.guards.config import GuardsConfig
from mlops.serving.handler import Call, Handler
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.version import ServedVersion

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ONE = json.dumps({"records": [{"age": 30}]}).encode()


@pytest.fixture
def make(tmp_path, memory_log, fake_model):
    """A handler whose writer is closed at once, so that the log can be read."""
    started = []
    (tmp_path / "ranges.json").write_bytes(Ranges.of([pl.Series("age", [18, 65])]).to_json())

    def build(task=Task.BINARY, queue_records=100, guards=None, **model_options):
        model = fake_model(**model_options)
        bundle = Bundle(tmp_path, "lending", "3", "r-1", task, 0.5, "m", "d")
        writer = RequestLogWriter(
            memory_log, queue_records=queue_records, batch_records=10, wait_s=0.01, clock=lambda: NOW
        )
        writer.start()
        started.append(writer)
        config = ServeConfig(max_records=10, batching="off", guards=GuardsConfig(**guards or {}))
        version = ServedVersion(bundle, model, config, threads=1)
        model.seen.clear()
        return Handler(version, writer, clock=lambda: NOW), model

    yield build
    for writer in started:
        writer.close()


def predict(handler, body=ONE, request_id="req", **who):
    return asyncio.run(handler.predict(body, Call(request_id, **who)))


def logged(memory_log, handler):
    assert handler._writer.close()
    return memory_log.records


def test_an_answer_and_its_record(make, memory_log):
    handler, model = make()
    answer = predict(handler, request_id="req-1")
    (said,) = answer.predictions
    assert (answer.model, answer.version, answer.release_id, answer.request_id) == (
        "lending",
        "3",
        "r-1",
        "req-1",
    )
    assert (said.prediction, said.score) == (1, 0.75)
    assert model.seen == [[(30, None)]]
    (record,) = logged(memory_log, handler)
    assert record.inputs == {"age": 30, "job": None}
    assert (record.id, record.at, record.label, record.score) == (said.id, NOW, 1, 0.75)
    assert record.latency_ms > 0
    assert record.caller is None


def test_a_record_names_who_asked(make, memory_log):
    handler, _ = make()
    predict(handler, caller=Caller("key:shop", frozenset({Scope.PREDICT})))
    assert [record.caller for record in logged(memory_log, handler)] == ["key:shop"]


def test_what_a_guard_finds_is_told_and_logged(make, memory_log):
    handler, model = make(guards={"out_of_range": "clip"})
    (said,) = predict(handler, b'{"record": {"age": 90}}').predictions
    assert said.flags == ("age:above",)
    assert model.seen == [[(65, None)]]
    (record,) = logged(memory_log, handler)
    assert (record.guards, record.inputs["age"]) == (("age:above",), 65)


def test_what_a_guard_refuses_is_neither_asked_nor_logged(make, memory_log):
    handler, model = make(guards={"out_of_range": "reject"})
    with pytest.raises(Rejected):
        predict(handler, b'{"record": {"age": 90}}')
    assert model.seen == logged(memory_log, handler) == []


@pytest.mark.parametrize(
    ("body", "ids"),
    [
        ({"record": {"age": 30}, "id": "a"}, ["a"]),
        ({"columns": {"age": [30, 31]}, "ids": ["a", "b"]}, ["a", "b"]),
        ({"records": [{"age": 30}, {"age": 31, "job": None}], "ids": ["a", "b"]}, ["a", "b"]),
    ],
)
def test_every_form_of_a_request(make, body, ids):
    handler, model = make()
    assert [said.id for said in predict(handler, json.dumps(body).encode()).predictions] == ids
    assert model.seen == [[(30, None), (31, None)][: len(ids)]]


def test_ids_are_the_callers_or_fresh_even_for_one_request_id(make):
    handler, _ = make()
    body = json.dumps({"records": [{"age": 1}, {"age": 2}], "ids": ["a", "b"]}).encode()
    assert [said.id for said in predict(handler, body).predictions] == ["a", "b"]
    first, second = (predict(handler).predictions[0].id for _ in range(2))
    assert first != second


@pytest.mark.parametrize("ids", [["a"], ["a", "b", "c"], ["a", "a"]])
def test_ids_that_do_not_fit_the_records(make, ids):
    handler, _ = make()
    with pytest.raises(Invalid) as caught:
        predict(handler, json.dumps({"records": [{"age": 1}, {"age": 2}], "ids": ids}).encode())
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
    classes = ("a", "b", "c") if task is Task.MULTICLASS else (0, 1)
    handler, _ = make(task, outputs=outputs, classes=classes)
    (said,) = predict(handler).predictions
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
        predict(handler)
    assert logged(memory_log, handler) == []


def test_what_a_model_raises_is_told_to_nobody(make, caplog):
    handler, _ = make(error=ValueError("cannot read 's3cr3t'"))
    with pytest.raises(ModelFailed) as caught:
        predict(handler)
    assert caught.value.detail == "the model could not answer"
    line = caplog.records[-1]
    assert line.facts["reason"] == "ValueError"
    assert "conftest.py" in line.facts["where"]
    assert "s3cr3t" not in str(vars(line))


def test_a_warm_up_asks_and_is_not_logged(tmp_path, make, memory_log, fake_model):
    handler, _ = make()
    model = fake_model()
    ServedVersion(handler.version.bundle, model, ServeConfig(), threads=1)
    assert {len(rows) for rows in model.seen} == {1, 16}
    assert logged(memory_log, handler) == []


class TestFeedback:
    def send(self, handler, value, name="a"):
        return asyncio.run(handler.feedback(json.dumps({"labels": [{"id": name, "label": value}]}).encode()))

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
