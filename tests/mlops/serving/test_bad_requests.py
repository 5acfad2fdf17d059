"""Every kind of bad request: refused by name, and nothing of it repeated."""

import gzip

import pytest
from pydantic_core import to_json

from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

SECRET = "s3cr3t-4711"


def changed(**fields):
    def body(good):
        return {"records": [{**good, **fields}]}

    return body


def without(name):
    def body(good):
        return {"records": [{key: item for key, item in good.items() if key != name}]}

    return body


BAD_BODIES = {
    "empty": (b"", 400, None),
    "cut": (b'{"records": [{"age": 3', 400, None),
    "not UTF-8": (b'{"records": "\xff"}', 400, None),
    "UTF-16": ('{"records": []}'.encode("utf-16"), 400, None),
    "NaN": (b'{"records": [{"age": NaN}]}', 400, None),
    "Infinity": (b'{"records": [{"age": -Infinity}]}', 400, None),
    "key twice": (b'{"records": [], "records": []}', 400, None),
    "huge integer": (b'{"records": [' + b"9" * 5000 + b"]}", 400, None),
    "deep": (b"[" * 60_000, 400, None),
    "null": (None, 422, "body"),
    "list": ([], 422, "body"),
    "text": (SECRET, 422, "body"),
    "nothing": ({}, 422, "records"),
    "a row by itself": (lambda good: good, 422, "records"),
    "rows under another name": (lambda good: {"instances": [good]}, 422, "records"),
    "no records": ({"records": []}, 422, "records"),
    "too many records": (lambda good: {"records": [good] * 51}, 422, "records"),
    "records is text": ({"records": SECRET}, 422, "records"),
    "a record is text": ({"records": [SECRET]}, 422, "records.0"),
    "unknown option": (lambda good: {"records": [good], "explain": SECRET}, 422, "explain"),
    "missing field": (without("age"), 422, "records.0.age"),
    "extra field": (changed(agee=SECRET), 422, "records.0.agee"),
    "text for a number": (changed(age=SECRET), 422, "records.0.age"),
    "number as text": (changed(income="4711"), 422, "records.0.income"),
    "fraction for a whole number": (changed(age=47.11), 422, "records.0.age"),
    "boolean for a number": (changed(age=True), 422, "records.0.age"),
    "null for a required field": (changed(age=None), 422, "records.0.age"),
    "list for a number": (changed(age=[SECRET]), 422, "records.0.age"),
    "object for text": (changed(job={SECRET: SECRET}), 422, "records.0.job"),
    "number for text": (changed(job=4711), 422, "records.0.job"),
    "long text": (changed(job=SECRET * 1000), 422, "records.0.job"),
    "half a character": (changed(job="\ud800" + SECRET), 422, "records.0.job"),
    "beyond 64 bits": (changed(age=2**63), 422, "records.0.age"),
    "beyond a float": (changed(income=10**400), 422, "records.0.income"),
    "infinite": (
        b'{"records": [{"age": 1, "sepal length (cm)": 1e999, "job": "a"}]}',
        422,
        "records.0.sepal length (cm)",
    ),
    "field in half characters": (changed(**{"\ud800": 1}), 422, "records.0"),
    "long field": (changed(**{"x" * 300: 1}), 422, "records.0." + "x" * 190 + "..."),
    "ids too few": (lambda good: {"records": [good, good], "ids": [SECRET]}, 422, "ids"),
    "ids twice": (lambda good: {"records": [good, good], "ids": [SECRET, SECRET]}, 422, "ids"),
    "id with a line break": (lambda good: {"records": [good], "ids": [SECRET + "\n"]}, 422, "ids.0"),
}


@pytest.fixture(scope="class")
def shared_client(bundle, model, tmp_path_factory, open_client):
    settings = Settings(
        log_dir=tmp_path_factory.mktemp("log"), serve=ServeConfig(max_records=50, max_body_kb=64)
    )
    with open_client(create_app(bundle, model, DeltaRequestLog(settings.log_dir), settings)) as client:
        yield client


async def chunks():
    for _ in range(1000):
        yield b" " * 1000


class TestBadRequests:
    @pytest.mark.parametrize(("body", "status", "field"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
    def test_a_body_is_refused_by_name_and_never_repeated(self, shared_client, good, body, status, field):
        answer = shared_client.post_json(body(good) if callable(body) else body)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        content = answer.json()
        assert content["status"] == status
        assert content["request_id"] == answer.headers["x-request-id"]
        assert [item["field"] for item in content.get("errors", [])][:1] == ([field] if field else [])
        for leak in (SECRET, "4711", "Traceback", ".py", "/"):
            assert leak not in answer.text.replace("about:blank", "")

    def test_whoever_sends_a_row_by_itself_is_told_where_it_belongs(self, shared_client, good):
        (said,) = shared_client.post_json(good).json()["errors"]
        assert said["message"].startswith("should be there, or record, or columns; the fields of a row stand")

    def test_many_problems_are_not_all_told(self, shared_client, good):
        answer = shared_client.post_json(
            {"records": [{**good, **{f"x{number}": 1 for number in range(500)}}]}
        )
        assert answer.status_code == 422
        assert len(answer.json()["errors"]) == 20
        assert "500 problem(s)" in answer.json()["detail"]

    @pytest.mark.parametrize(
        "kind",
        [
            "",
            "text/plain",
            "application/x-www-form-urlencoded",
            "application/json; charset=latin-1",
            "multipart/form-data",
        ],
    )
    def test_what_does_not_claim_to_be_json(self, shared_client, good, kind):
        headers = {"content-type": kind} if kind else {}
        answer = shared_client.post("/v1/predict", content=to_json({"records": [good]}), headers=headers)
        assert answer.status_code == 415

    @pytest.mark.parametrize("path", ["/v1/predict", "/v1/feedback"])
    def test_what_is_compressed_is_told_so(self, shared_client, good, path):
        body = gzip.compress(to_json({"records": [good]}))
        answer = shared_client.post_json(body, path, **{"content-encoding": "GZIP"})
        assert answer.status_code == 415
        assert answer.json()["detail"] == "send the body as it is, without a content-encoding"

    def test_what_says_that_it_is_not_compressed_is_taken(self, shared_client, good):
        answer = shared_client.post_json({"records": [good]}, **{"content-encoding": "identity"})
        assert answer.status_code == 200

    @pytest.mark.parametrize("path", ["/v1/predict", "/v1/feedback"])
    def test_a_body_over_the_limit(self, shared_client, path):
        assert shared_client.post_json(b" " * (64 * 1024 + 1), path).status_code == 413
        assert shared_client.post_json(b" " * (64 * 1024), path).status_code == 400

    @pytest.mark.parametrize("path", ["/v1/predict", "/v1/feedback"])
    def test_a_body_over_the_limit_in_chunks_without_a_length(self, shared_client, path):
        headers = {"content-type": "application/json"}
        answer = shared_client.post(path, content=chunks(), headers=headers)
        assert "content-length" not in answer.request.headers
        assert answer.status_code == 413
        assert answer.headers["connection"] == "close"
        assert answer.json()["detail"] == "the body is over 64 KiB"

    def test_a_length_that_is_no_number(self, shared_client, good):
        assert shared_client.post_json({"records": [good]}, **{"content-length": "abc"}).status_code < 500

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 404),
            ("GET", "/v1/predict/", 404),
            ("POST", "/../etc/passwd", 404),
            ("GET", "/v1/predict", 405),
            ("DELETE", "/model", 405),
            ("POST", "/health/live", 405),
        ],
    )
    def test_wrong_places_and_methods(self, shared_client, method, path, status):
        answer = shared_client.request(method, path, follow_redirects=False)
        assert answer.status_code == status
        assert answer.json()["status"] == status

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"labels": []}, "labels"),
            ({"labels": [{"id": "a"}]}, "labels.0.label"),
            ({"labels": [{"label": 1}]}, "labels.0.id"),
            ({"labels": [{"id": 1, "label": 1}]}, "labels.0.id"),
            ({"labels": [{"id": "a", "label": 7}]}, "labels.0.label"),
            ({"labels": [{"id": "a", "label": 1, "at": 0}]}, "labels.0.at"),
            ({"labels": [{"id": "a", "label": 1}] * 51}, "labels"),
        ],
    )
    def test_feedback_that_does_not_fit(self, shared_client, body, field):
        answer = shared_client.post_json(body, "/v1/feedback")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field
