"""What operators see: health, metrics, log lines, and the documentation page."""

import dataclasses
import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from evaluation.types import Outputs
from mlops.serving.app import create_app
from mlops.serving.logs import JsonLines

SECRET = "s3cr3t-4711"


class TestOperation:
    def test_health(self, client):
        assert client.get("/health/live").json() == {"status": "live"}
        assert client.get("/health/ready").json() == {"status": "ready", "version": "3"}
        client.app.state.readiness.draining = True
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        assert client.request("HEAD", "/health/live").status_code == 200
        assert client.request("HEAD", "/health/ready").status_code == 503

    def test_about_the_model(self, client, bundle):
        content = client.get("/model").json()
        assert content.pop("loaded_at").startswith("20")
        assert content.pop("inputs") == [
            {"name": "age", "dtype": "long", "required": True},
            {"name": "sepal length (cm)", "dtype": "double", "required": True},
            {"name": "income", "dtype": "double", "required": False},
            {"name": "job", "dtype": "string", "required": True},
        ]
        facts = dataclasses.asdict(bundle)
        del facts["path"]
        assert content == facts

    def test_metrics(self, client, good):
        client.post_json({"records": [good, good]})
        client.post_json({"records": []})
        client.get("/nowhere/7")
        lane = {"model": "lending", "version": "3"}
        assert client.metric("weighbridge_predictions_total", **lane) == 2
        assert client.metric("weighbridge_errors_total", kind="Invalid", **lane) == 1
        seconds = "weighbridge_request_seconds_count"
        assert client.metric(seconds, route="/v1/predict", status="200", **lane) == 1
        assert client.metric(seconds, route="/v1/predict", status="422", **lane) == 1
        assert client.metric(seconds, route="other", status="404", **lane) == 1
        assert client.metric("weighbridge_model_info", task="binary", **lane) == 1
        for name in ("queue_records", "lag_seconds", "written_records_total", "store_errors_total"):
            assert client.metric(f"weighbridge_log_{name}", **lane) is not None

    def test_requests_in_flight_are_told(self, bundle, fake_model, memory_log, settings, open_client):
        inside, leave = threading.Event(), threading.Event()

        class Slow(fake_model):
            def predict_rows(self, rows):
                if rows[0][0] == 13:
                    inside.set()
                    leave.wait(60)
                return Outputs(labels=np.ones(len(rows), dtype=int), scores=np.full(len(rows), 0.75))

        with (
            open_client(create_app(bundle, Slow(), memory_log, settings)) as client,
            ThreadPoolExecutor() as pool,
        ):
            asked = pool.submit(client.post_json, {"record": {"age": 13}})
            try:
                assert inside.wait(60)
                assert client.metric("weighbridge_in_flight_requests", version="3") == 1
            finally:
                leave.set()
            assert asked.result().status_code == 200
            assert client.metric("weighbridge_in_flight_requests", version="3") == 0

    def test_a_request_id_is_kept_if_harmless(self, client):
        for sent in ("order-17", "0:a.b_c"):
            assert client.get("/health/live", headers={"x-request-id": sent}).headers["x-request-id"] == sent
        for sent in ("a b", "x" * 129, '"}', "<script>"):
            made = client.get("/health/live", headers={"x-request-id": sent}).headers["x-request-id"]
            assert made != sent
            assert len(made) == 36

    def test_one_log_line_a_request_without_its_body(self, client, good, caplog):
        caplog.set_level(logging.INFO)
        caplog.clear()
        client.post_json(
            {"records": [{**good, "job": SECRET}]},
            "/v1/predict?key=" + SECRET,
            **{"x-request-id": "r-1"},
        )
        lines = [
            json.loads(JsonLines().format(line))
            for line in caplog.records
            if line.name == "weighbridge.access"
        ]
        (line,) = lines
        assert line.pop("ms") > 0
        assert line.pop("at").endswith("+00:00")
        assert line == {
            "level": "info",
            "logger": "weighbridge.access",
            "event": "request",
            "method": "POST",
            "path": "/v1/predict",
            "status": 200,
            "request_id": "r-1",
            "caller": "anyone",
        }

    def test_the_log_line_of_a_refused_request_says_why(self, client, caplog):
        caplog.set_level(logging.INFO)
        client.post_json({"records": []})
        assert [line.facts["problem"] for line in caplog.records if line.name == "weighbridge.access"] == [
            "Invalid"
        ]


class TestDocumentation:
    def test_the_example_works_at_once(self, client):
        document = client.get("/openapi.json").json()
        for path in ("/v1/predict", "/v1/feedback"):
            content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
            for example in content["examples"].values():
                assert client.post_json(example["value"], path).status_code == 200

    def test_it_has_the_fields_of_the_signature(self, client):
        record = client.get("/openapi.json").json()["components"]["schemas"]["Record"]
        assert record["required"] == ["age", "sepal length (cm)", "job"]
        assert record["properties"]["age"]["type"] == "integer"
        assert record["additionalProperties"] is False

    def test_every_reference_leads_somewhere(self, client):
        document = client.get("/openapi.json").json()
        text = json.dumps(document)
        names = {part.split('"')[0] for part in text.split("#/components/schemas/")[1:]}
        assert names <= document["components"]["schemas"].keys()
        assert {"One", "Many", "ByColumn", "Record", "Columns", "FeedbackRequest"} <= names

    def test_the_page_is_there(self, client):
        assert "swagger" in client.get("/docs").text
