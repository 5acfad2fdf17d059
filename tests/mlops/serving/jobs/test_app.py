"""Jobs in the whole application: a real model answers later, and metrics and the description know of it."""

import time

import pytest

from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

LATER = {"prefer": "respond-async"}


@pytest.fixture
def opened(bundle, model, tmp_path, open_client):
    def opened(**serve):
        told = Settings(log_dir=tmp_path, serve=ServeConfig(**serve))
        return open_client(create_app(bundle, model, DeltaRequestLog(tmp_path), told))

    return opened


def fetched(client, place):
    while (job := client.get(place).json())["state"] in {"queued", "running"}:
        time.sleep(0.01)
    return job


def test_an_answer_later_is_the_one_at_once(opened, good):
    with opened() as client:
        at_once = client.post_json({"records": [good], "ids": ["a"]}).json()
        accepted = client.post_json({"records": [good], "ids": ["a"]}, **LATER)
        assert accepted.status_code == 202
        job = fetched(client, accepted.headers["location"])
        assert job["answer"]["predictions"] == at_once["predictions"]
        assert client.metric("weighbridge_predictions_total") == 2
        assert client.metric("weighbridge_jobs_total", state="done") == 1
        assert client.metric("weighbridge_request_seconds_count", route="/v1/jobs/{job_id}") >= 1


def test_a_bad_request_later_is_a_job_that_failed(opened, good):
    with opened() as client:
        accepted = client.post_json({"records": [{**good, "age": "s3cr3t"}]}, **LATER)
        job = fetched(client, accepted.headers["location"])
        assert (job["state"], job["problem"]["status"]) == ("failed", 422)
        assert job["problem"]["errors"][0]["field"] == "records.0.age"
        assert "s3cr3t" not in str(job)
        assert client.get("/v1/jobs/another").status_code == 404


def test_what_waits_at_the_end_is_answered(opened, good, tmp_path):
    with opened() as client:
        for number in range(20):
            client.post_json({"records": [good], "ids": [f"later-{number}"]}, **LATER)
    assert len(DeltaRequestLog(tmp_path).read(model="lending")) == 20


def test_a_callback_needs_a_list(opened, good):
    with opened() as client:
        headers = {**LATER, "weighbridge-callback": "https://shop.example/s3cr3t"}
        refused = client.post_json({"records": [good]}, **headers)
        assert (refused.status_code, refused.json()["errors"][0]["field"]) == (422, "Weighbridge-Callback")
        assert "s3cr3t" not in refused.text
