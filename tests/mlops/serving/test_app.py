"""The application over a real bundle, and over models and stores that fail."""

import contextlib
import dataclasses

import polars as pl
import pytest
from pydantic_core import to_json

from mlops.serving.app import create_app
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.logs import JsonLines
from monitoring.store.delta import DeltaRequestLog

SECRET = "s3cr3t-4711"


@pytest.fixture
def fake_client(bundle, settings, memory_log, fake_model, open_client):
    """Makes clients of applications over a fake model."""

    def build(settings=settings, **options):
        app = create_app(bundle, fake_model(**options), memory_log, settings)
        return opened.enter_context(open_client(app))

    with contextlib.ExitStack() as opened:
        yield build
        memory_log.open.set()


class TestPredict:
    def test_an_answer_names_who_gave_it(self, client, bundle, good):
        answer = client.post_json({"records": [good, good], "ids": ["a", "b"]})
        assert answer.status_code == 200
        content = answer.json()
        assert content.pop("request_id") == answer.headers["x-request-id"]
        said = content.pop("predictions")
        assert content == {"model": "lending", "version": "3", "release_id": bundle.release_id}
        assert [one["id"] for one in said] == ["a", "b"]
        assert said[0]["prediction"] in (0, 1)
        assert 0 <= said[0]["score"] <= 1
        assert said[0].keys() == {"id", "prediction", "score", "flags"}

    def test_it_is_what_the_model_says(self, client, model, good):
        records = [{**good, "age": age} for age in range(20, 70)]
        scores = [one["score"] for one in client.post_json({"records": records}).json()["predictions"]]
        assert scores == model.predict(pl.DataFrame(records)).scores.tolist()
        assert len(set(scores)) > 1

    def test_an_optional_field_may_be_missing(self, client, good):
        del good["income"]
        assert client.post_json({"records": [good]}).status_code == 200
        assert client.post_json({"records": [{**good, "income": None}]}).status_code == 200

    def test_a_new_category_is_the_models_business(self, client, good):
        assert client.post_json({"records": [{**good, "job": "astronaut"}]}).status_code == 200

    @pytest.mark.parametrize(
        "kind", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
    )
    def test_content_types_that_are_json(self, client, good, kind):
        assert client.post(
            "/v1/predict", content=to_json({"records": [good]}), headers={"content-type": kind}
        ).is_success

    def test_everything_acknowledged_is_in_the_log_with_its_label(
        self, bundle, model, settings, good, open_client
    ):
        log = DeltaRequestLog(settings.log_dir)
        with open_client(create_app(bundle, model, log, settings)) as client:
            ids = [client.post_json({"records": [good]}).json()["predictions"][0]["id"] for _ in range(3)]
            assert client.post_json({"labels": [{"id": ids[1], "label": 1}]}, "/v1/feedback").json() == {
                "accepted": 1
            }
        frame = log.read(model="lending", version="3")
        assert frame["id"].to_list() == ids
        assert frame["target"].to_list() == [None, 1, None]
        inputs = frame.select([f"input.{name}" for name in good]).row(0)
        assert inputs == tuple(good.values())
        assert (frame["latency_ms"] > 0).all()


class TestFailures:
    def test_a_model_that_fails_is_a_clean_answer_and_counted(self, fake_client, caplog):
        client = fake_client(error=ValueError(SECRET))
        answer = client.post_json({"records": [{"age": 1}]})
        assert answer.status_code == 500
        assert answer.json()["detail"] == "the model could not answer"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert client.metric("weighbridge_errors_total", kind="ModelFailed") == 1
        assert SECRET not in answer.text + "".join(JsonLines().format(record) for record in caplog.records)

    def test_what_nobody_expected_is_a_clean_answer_and_counted(self, fake_client, monkeypatch, caplog):
        def fails(*_):
            raise RuntimeError(SECRET)

        monkeypatch.setattr(RequestLogWriter, "record", fails)
        client = fake_client()
        answer = client.post_json({"records": [{"age": 1}]})
        assert answer.status_code == 500
        assert answer.json() == {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "unexpected error",
            "request_id": answer.headers["x-request-id"],
        }
        assert client.metric("weighbridge_errors_total", kind="Unexpected") == 1
        assert SECRET not in "".join(JsonLines().format(record) for record in caplog.records)

    def test_a_full_log_stops_labels_but_no_predictions(self, fake_client, memory_log, settings):
        memory_log.open.clear()
        client = fake_client(dataclasses.replace(settings, queue_records=2))
        statuses = [client.post_json({"records": [{"age": 1}]}).status_code for _ in range(5)]
        assert statuses == [200] * 5
        answer = client.post_json({"labels": [{"id": "a", "label": 1}]}, "/v1/feedback")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert client.metric("weighbridge_log_dropped_records_total") == 3

    def test_a_failed_warm_up_does_not_stop_the_start(self, fake_client, caplog):
        client = fake_client(error=ValueError(SECRET))
        assert client.get("/health/ready").status_code == 200
        assert "no warm-up" in caplog.messages
