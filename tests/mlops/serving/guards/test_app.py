"""What a guard decides is in the answer, in the request log, in the metrics, and in the line of a refused request."""

import dataclasses
import logging

import pytest

from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig

OLD = 200


@pytest.fixture
def guarded(bundle, fake_model, memory_log, settings, open_client):
    """Opens an application whose guards do so."""

    def build(**guards):
        serve = ServeConfig.model_validate({"guards": guards})
        told = dataclasses.replace(settings, serve=serve)
        return open_client(create_app(bundle, fake_model(), memory_log, told))

    return build


@pytest.mark.parametrize("action", ["flag", "clip"])
def test_what_is_flagged_or_clipped(guarded, memory_log, action):
    with guarded(out_of_range=action) as client:
        answer = client.post_json({"records": [{"age": OLD, "job": "none"}, {"age": 30, "job": "astronaut"}]})
        assert [one["flags"] for one in answer.json()["predictions"]] == [["age:above"], ["job:unseen"]]
        counted = {"field": "age", "kind": "above", "action": action, "version": "3"}
        assert client.metric("weighbridge_guards_total", **counted) == 1
        unseen = {"field": "job", "kind": "unseen", "action": "flag"}
        assert client.metric("weighbridge_guards_total", **unseen) == 1
    assert [record.guards for record in memory_log.records] == [("age:above",), ("job:unseen",)]
    assert (memory_log.records[0].inputs["age"] == OLD) is (action == "flag")


def test_what_is_refused(guarded, memory_log, caplog):
    caplog.set_level(logging.INFO)
    with guarded(out_of_range="reject", unseen_category="reject") as client:
        good = {"age": 30, "job": "none"}
        answer = client.post_json({"records": [good, {"age": OLD, "job": "astronaut"}]})
        assert answer.status_code == 422
        assert [item["field"] for item in answer.json()["errors"]] == ["records.1.age", "records.1.job"]
        counted = {"field": "age", "kind": "above", "action": "reject"}
        assert client.metric("weighbridge_guards_total", **counted) == 1
        assert client.metric("weighbridge_errors_total", kind="Rejected") == 1
    assert memory_log.records == []
    (line,) = [
        each.facts
        for each in caplog.records
        if each.name == "weighbridge.access" and each.facts["status"] == 422
    ]
    assert (line["problem"], line["reason"]) == ("Rejected", "age:above, job:unseen")
