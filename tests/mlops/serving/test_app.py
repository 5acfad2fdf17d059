"""The application over a real bundle: every route, every kind of bad request, and what operators see."""

import contextlib
import dataclasses
import json
import logging

import pytest
from pydantic_core import to_json

from mlops.serving.app import create_app
from mlops.serving.logs import JsonLines
from mlops.serving.request_log import RequestLogWriter
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

SECRET = "s3cr3t-4711"


@pytest.fixture
def client(bundle, model, settings, open_client):
    with open_client(create_app(bundle, model, DeltaRequestLog(settings.log_dir), settings)) as client:
        yield client


@pytest.fixture
def fake_client(bundle, settings, memory_log, fake_model, open_client):
    """Makes clients of applications over a fake model."""

    def build(settings=settings, **options):
        app = create_app(bundle, fake_model(**options), memory_log, settings)
        return opened.enter_context(open_client(app))

    with contextlib.ExitStack() as opened:
        yield build
        memory_log.open.set()


def post(client, body, path="/predict", **headers):
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return client.post(path, content=content, headers={"content-type": "application/json", **headers})


def value(client, name, **labels):
    """A metric's value in the exposition, None where there is no such line."""
    for line in client.get("/metrics").text.splitlines():
        head, _, number = line.rpartition(" ")
        if head.partition("{")[0] == name and all(f'{key}="{text}"' in head for key, text in labels.items()):
            return float(number)
    return None


class TestPredict:
    def test_an_answer_names_who_gave_it(self, client, bundle, good):
        answer = post(client, {"records": [good, good], "ids": ["a", "b"]})
        assert answer.status_code == 200
        content = answer.json()
        assert content.pop("request_id") == answer.headers["x-request-id"]
        said = content.pop("predictions")
        assert content == {"model": "lending", "version": "3", "release_id": bundle.release_id}
        assert [one["id"] for one in said] == ["a", "b"]
        assert said[0]["prediction"] in (0, 1)
        assert 0 <= said[0]["score"] <= 1
        assert said[0].keys() == {"id", "prediction", "score"}

    def test_it_is_what_the_model_says(self, client, model, good):
        import polars as pl

        records = [{**good, "age": age} for age in range(20, 70)]
        scores = [one["score"] for one in post(client, {"records": records}).json()["predictions"]]
        assert scores == model.predict(pl.DataFrame(records)).scores.tolist()
        assert len(set(scores)) > 1

    def test_an_optional_field_may_be_missing(self, client, good):
        del good["income"]
        assert post(client, {"records": [good]}).status_code == 200
        assert post(client, {"records": [{**good, "income": None}]}).status_code == 200

    def test_a_new_category_is_the_models_business(self, client, good):
        assert post(client, {"records": [{**good, "job": "astronaut"}]}).status_code == 200

    @pytest.mark.parametrize(
        "kind", ["application/json; charset=utf-8", "Application/JSON", 'application/json;charset="UTF-8"']
    )
    def test_content_types_that_are_json(self, client, good, kind):
        assert client.post(
            "/predict", content=to_json({"records": [good]}), headers={"content-type": kind}
        ).is_success

    def test_everything_acknowledged_is_in_the_log_with_its_label(
        self, bundle, model, settings, good, open_client
    ):
        log = DeltaRequestLog(settings.log_dir)
        with open_client(create_app(bundle, model, log, settings)) as client:
            ids = [post(client, {"records": [good]}).json()["predictions"][0]["id"] for _ in range(3)]
            assert post(client, {"labels": [{"id": ids[1], "label": 1}]}, "/feedback").json() == {
                "accepted": 1
            }
        frame = log.read(model="lending", version="3")
        assert frame["id"].to_list() == ids
        assert frame["target"].to_list() == [None, 1, None]
        inputs = frame.select([f"input.{name}" for name in good]).row(0)
        assert inputs == tuple(good.values())
        assert (frame["latency_ms"] > 0).all()


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
    settings = Settings(log_dir=tmp_path_factory.mktemp("log"), max_records=50, max_body_bytes=64 * 1024)
    with open_client(create_app(bundle, model, DeltaRequestLog(settings.log_dir), settings)) as client:
        yield client


async def chunks():
    for _ in range(1000):
        yield b" " * 1000


class TestBadRequests:
    @pytest.mark.parametrize(("body", "status", "field"), BAD_BODIES.values(), ids=BAD_BODIES.keys())
    def test_a_body_is_refused_by_name_and_never_repeated(self, shared_client, good, body, status, field):
        answer = post(shared_client, body(good) if callable(body) else body)
        assert answer.status_code == status
        assert answer.headers["content-type"] == "application/problem+json"
        content = answer.json()
        assert content["status"] == status
        assert content["request_id"] == answer.headers["x-request-id"]
        assert [item["field"] for item in content.get("errors", [])][:1] == ([field] if field else [])
        for leak in (SECRET, "4711", "Traceback", ".py", "/"):
            assert leak not in answer.text.replace("about:blank", "")

    def test_many_problems_are_not_all_told(self, shared_client, good):
        answer = post(shared_client, {"records": [{**good, **{f"x{number}": 1 for number in range(500)}}]})
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
        answer = shared_client.post("/predict", content=to_json({"records": [good]}), headers=headers)
        assert answer.status_code == 415

    @pytest.mark.parametrize("path", ["/predict", "/feedback"])
    def test_a_body_over_the_limit(self, shared_client, path):
        assert post(shared_client, b" " * (64 * 1024 + 1), path).status_code == 413
        assert post(shared_client, b" " * (64 * 1024), path).status_code == 400

    @pytest.mark.parametrize("path", ["/predict", "/feedback"])
    def test_a_body_over_the_limit_in_chunks_without_a_length(self, shared_client, path):
        headers = {"content-type": "application/json"}
        answer = shared_client.post(path, content=chunks(), headers=headers)
        assert "content-length" not in answer.request.headers
        assert answer.status_code == 413
        assert answer.headers["connection"] == "close"
        assert answer.json()["detail"] == "the body is over 64 KiB"

    def test_a_length_that_is_no_number(self, shared_client, good):
        assert post(shared_client, {"records": [good]}, **{"content-length": "abc"}).status_code < 500

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "/", 404),
            ("GET", "/predict/", 404),
            ("POST", "/../etc/passwd", 404),
            ("GET", "/predict", 405),
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
        answer = post(shared_client, body, "/feedback")
        assert answer.status_code == 422
        assert answer.json()["errors"][0]["field"] == field


class TestFailures:
    def test_a_model_that_fails_is_a_clean_answer_and_counted(self, fake_client, caplog):
        client = fake_client(error=ValueError(SECRET))
        answer = post(client, {"records": [{"age": 1}]})
        assert answer.status_code == 500
        assert answer.json()["detail"] == "the model could not answer"
        assert answer.json()["request_id"] == answer.headers["x-request-id"]
        assert value(client, "weighbridge_errors_total", kind="ModelFailed") == 1
        assert SECRET not in answer.text + "".join(JsonLines().format(record) for record in caplog.records)

    def test_what_nobody_expected_is_a_clean_answer_and_counted(self, fake_client, monkeypatch, caplog):
        def fails(*_):
            raise RuntimeError(SECRET)

        monkeypatch.setattr(RequestLogWriter, "offer", fails)
        client = fake_client()
        answer = post(client, {"records": [{"age": 1}]})
        assert answer.status_code == 500
        assert answer.json() == {
            "type": "about:blank",
            "title": "Internal Server Error",
            "status": 500,
            "detail": "unexpected error",
            "request_id": answer.headers["x-request-id"],
        }
        assert value(client, "weighbridge_errors_total", kind="Unexpected") == 1
        assert SECRET not in "".join(JsonLines().format(record) for record in caplog.records)

    def test_a_full_log_stops_labels_but_no_predictions(self, fake_client, memory_log, settings):
        memory_log.open.clear()
        client = fake_client(dataclasses.replace(settings, queue_records=2))
        statuses = [post(client, {"records": [{"age": 1}]}).status_code for _ in range(5)]
        assert statuses == [200] * 5
        answer = post(client, {"labels": [{"id": "a", "label": 1}]}, "/feedback")
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "1"
        assert value(client, "weighbridge_log_dropped_records_total") == 3

    def test_a_failed_warm_up_does_not_stop_the_start(self, fake_client, caplog):
        client = fake_client(error=ValueError(SECRET))
        assert client.get("/health/ready").status_code == 200
        assert "no warm-up" in caplog.messages


class TestOperation:
    def test_health(self, client):
        assert client.get("/health/live").json() == {"status": "live"}
        assert client.get("/health/ready").json() == {"status": "ready"}
        client.app.state.readiness.draining = True
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503

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
        post(client, {"records": [good, good]})
        post(client, {"records": []})
        client.get("/nowhere/7")
        lane = {"model": "lending", "version": "3"}
        assert value(client, "weighbridge_predictions_total", **lane) == 2
        assert value(client, "weighbridge_errors_total", kind="Invalid", **lane) == 1
        seconds = "weighbridge_request_seconds_count"
        assert value(client, seconds, route="/predict", status="200", **lane) == 1
        assert value(client, seconds, route="/predict", status="422", **lane) == 1
        assert value(client, seconds, route="other", status="404", **lane) == 1
        assert value(client, "weighbridge_model_info", task="binary", **lane) == 1
        for name in ("queue_records", "lag_seconds", "written_records_total", "store_errors_total"):
            assert value(client, f"weighbridge_log_{name}", **lane) is not None

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
        post(
            client,
            {"records": [{**good, "job": SECRET}]},
            "/predict?key=" + SECRET,
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
            "path": "/predict",
            "status": 200,
            "request_id": "r-1",
        }

    def test_the_log_line_of_a_refused_request_says_why(self, client, caplog):
        caplog.set_level(logging.INFO)
        post(client, {"records": []})
        assert [line.facts["problem"] for line in caplog.records if line.name == "weighbridge.access"] == [
            "Invalid"
        ]


class TestDocumentation:
    def test_the_example_works_at_once(self, client):
        document = client.get("/openapi.json").json()
        for path in ("/predict", "/feedback"):
            example = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]["example"]
            assert post(client, example, path).status_code == 200

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
        assert "PredictRequest" in names

    def test_the_page_is_there(self, client):
        assert "swagger" in client.get("/docs").text
