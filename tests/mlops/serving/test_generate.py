"""POST /v1/generate: texts with what is known of them, through the same door, guards and log as every answer."""

import contextlib
import dataclasses

import numpy as np
import polars as pl
import pytest

from evaluation.types import Outputs, Task
from mlops.packaging.load import InputField
from mlops.serving.app import create_app
from monitoring.store.base import Usage

FACTS = {
    "problem": None,
    "prompt": "Describe a red mug.",
    "contexts": ["one", "two"],
    "sources": ["d-1", "d-2"],
    "prompt_tokens": 7,
    "completion_tokens": 3,
    "cost": 0.25,
    "finish_reason": "stop",
}


class Writer:
    """Answers every title with itself in lower case."""

    inputs = (InputField("title", "string", True),)
    classes = ()
    prompt = "shop-copy.facts/3"

    def __init__(self, **facts):
        self.facts = {**FACTS, **facts}
        self.seen = []

    def predict_rows(self, rows):
        self.seen.append(list(rows))
        failed = self.facts["problem"] is not None
        labels = [None if failed else title.lower() for (title,) in rows]
        facts = pl.DataFrame([self.facts] * len(rows), schema_overrides={"problem": pl.String})
        return Outputs(np.array(labels, dtype=object), facts=facts)


@pytest.fixture
def text_client(bundle, settings, memory_log, open_client):
    """Makes clients of servers of a model that writes."""

    def build(**facts):
        model = Writer(**facts)
        app = create_app(dataclasses.replace(bundle, task=Task.GENERATION), model, memory_log, settings)
        return opened.enter_context(open_client(app)), model

    with contextlib.ExitStack() as opened:
        yield build


def test_a_text_comes_with_who_wrote_it_and_what_it_took(text_client, bundle) -> None:
    client, _ = text_client()
    answer = client.post_json({"records": [{"title": "RED MUG"}], "ids": ["a"]}, "/v1/generate")
    assert answer.status_code == 200
    content = answer.json()
    assert content.pop("request_id") == answer.headers["x-request-id"]
    assert content == {
        "model": "lending",
        "version": "3",
        "release_id": bundle.release_id,
        "prompt": "shop-copy.facts/3",
        "generations": [
            {
                "id": "a",
                "text": "red mug",
                "usage": {"prompt_tokens": 7, "completion_tokens": 3, "cost": 0.25},
                "sources": ["d-1", "d-2"],
                "finish_reason": "stop",
                "flags": [],
            }
        ],
    }


@pytest.mark.parametrize(
    "body",
    [
        {"record": {"title": "A"}},
        {"records": [{"title": "A"}, {"title": "B"}]},
        {"columns": {"title": ["A", "B"]}},
    ],
)
def test_every_form_of_a_body_is_taken_and_asked_as_it_came(text_client, body) -> None:
    client, model = text_client()
    model.seen.clear()
    texts = [one["text"] for one in client.post_json(body, "/v1/generate").json()["generations"]]
    assert texts == ["a", "b"][: len(texts)]
    assert model.seen == [[(text.upper(),) for text in texts]]


def test_it_is_in_the_log_and_its_label_is_a_text(text_client, memory_log) -> None:
    client, _ = text_client()
    client.post_json({"records": [{"title": "RED MUG"}], "ids": ["a"]}, "/v1/generate")
    assert client.post_json({"labels": [{"id": "a", "label": "A mug."}]}, "/v1/feedback").status_code == 200
    wrong = client.post_json({"labels": [{"id": "a", "label": 1}]}, "/v1/feedback")
    assert (wrong.status_code, wrong.json()["errors"][0]["field"]) == (422, "labels.0.label")
    client.__exit__(None, None, None)
    [record], [label] = memory_log.records, memory_log.labels
    assert (record.label, record.score, record.inputs) == ("red mug", None, {"title": "RED MUG"})
    assert label.label == "A mug."
    assert record.usage == Usage(7, 3, 0.25, "stop")
    assert record.sources == ("d-1", "d-2")


def test_the_log_bounds_what_it_keeps_of_sources_and_the_answer_does_not(text_client, memory_log) -> None:
    ids = [f"{number}-{'x' * 300}" for number in range(150)]
    client, _ = text_client(sources=ids)
    answer = client.post_json({"records": [{"title": "RED MUG"}]}, "/v1/generate")
    assert answer.json()["generations"][0]["sources"] == ids
    client.__exit__(None, None, None)
    [record] = memory_log.records
    assert len(record.sources) == 100
    assert {len(each) for each in record.sources} == {200}


def test_a_language_model_that_gives_no_answer_is_503_and_not_in_the_log(text_client, memory_log) -> None:
    client, _ = text_client(problem="rate_limited: https://secret.example/v1 says 429")
    answer = client.post_json({"records": [{"title": "RED MUG"}]}, "/v1/generate")
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["detail"] == "the language model gave no answer: rate_limited"
    assert "secret" not in answer.text
    assert client.metric("weighbridge_errors_total", kind="Unanswered") == 1
    client.__exit__(None, None, None)
    assert memory_log.records == []


def test_warming_up_costs_one_call(text_client) -> None:
    _, model = text_client()
    assert [len(rows) for rows in model.seen] == [1]


def test_a_model_that_writes_has_no_predict_and_says_what_it_takes(text_client) -> None:
    client, _ = text_client()
    assert client.post_json({"records": [{"title": "A"}]}).status_code == 404
    document = client.get("/openapi.json").json()
    assert "/v1/generate" in document["paths"]
    assert "/v1/predict" not in document["paths"]
    body = document["paths"]["/v1/generate"]["post"]["requestBody"]["content"]
    assert set(body) == {"application/json"}


def test_it_may_be_a_job(text_client) -> None:
    client, _ = text_client()
    taken = client.post_json({"records": [{"title": "A"}]}, "/v1/generate", prefer="respond-async")
    assert taken.status_code == 202
    for _ in range(500):
        job = client.get(taken.headers["location"])
        if job.json()["state"] == "done":
            break
    assert job.json()["answer"]["generations"][0]["text"] == "a"
