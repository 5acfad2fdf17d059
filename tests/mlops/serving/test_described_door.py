"""What the OpenAPI document says of keys, tokens and refusals, held against what the server answers."""

import json
from datetime import UTC, datetime

import pytest

from mlops.serving.access.callers import Scope
from mlops.serving.access.keys import API_KEYS, KeyFile, make_key
from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.errors import Busy
from mlops.serving.jobs.store import JobStore
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

OIDC = {"issuer": "https://id.example", "audience": "lending"}
SCOPES = {
    "/v1/predict": ["predict"],
    "/v1/feedback": ["feedback"],
    "/v1/jobs/{job_id}": ["predict"],
    "/metrics": ["admin"],
    "/model": ["admin"],
}


@pytest.fixture
def opened(bundle, model, tmp_path, open_client, monkeypatch):
    keys = KeyFile(tmp_path / "access" / "keys.json")
    monkeypatch.setenv(API_KEYS, str(keys.path))

    def opened(serve=None, **access):
        settings = Settings(
            log_dir=tmp_path / "log", serve=ServeConfig.model_validate({**(serve or {}), "access": access})
        )
        return open_client(create_app(bundle, model, DeltaRequestLog(settings.log_dir), settings))

    opened.keys = keys
    return opened


def key_for(opened, scope):
    made, kept = make_key(str(scope), [scope], now=datetime.now(UTC))
    opened.keys.add(kept)
    return made


def operations(document):
    return {path: operation for path, methods in document["paths"].items() for operation in methods.values()}


def described(client):
    return client.app.openapi()


@pytest.mark.parametrize(
    ("access", "schemes"),
    [
        ({"keys": True}, ["key"]),
        ({"oidc": OIDC}, ["token"]),
        ({"keys": True, "oidc": OIDC}, ["key", "token"]),
    ],
    ids=["keys", "tokens", "both"],
)
def test_schemes_are_named_where_they_are_wanted(opened, access, schemes):
    key_for(opened, Scope.PREDICT)
    document = described(opened(**access))
    found = document["components"]["securitySchemes"]
    assert list(found) == schemes
    assert {(each["type"], each["scheme"]) for each in found.values()} == {("http", "bearer")}
    for path, operation in operations(document).items():
        scopes = SCOPES.get(path)
        assert operation["security"] == ([{name: scopes} for name in schemes] if scopes else [])
        assert ({"401", "403"} <= operation["responses"].keys()) is (scopes is not None)
        assert "429" not in operation["responses"]


def test_without_a_door_none_is_described(opened):
    document = described(opened())
    assert "securitySchemes" not in document["components"]
    for operation in operations(document).values():
        assert "security" not in operation
        assert not {"401", "403", "429"} & operation["responses"].keys()


def as_described(document, path, answer):
    """Whether a refusal has the form and the headers that the document gives it."""
    said = operations(document)[path]["responses"][str(answer.status_code)]
    assert answer.headers["content-type"] in said["content"]
    problem = document["components"]["schemas"]["Problem"]
    content = answer.json()
    assert set(problem["required"]) <= content.keys() <= problem["properties"].keys()
    missing = [name for name in said.get("headers", ()) if name.lower() not in answer.headers]
    assert missing == []
    return sorted(said.get("headers", ()))


def test_refusals_at_the_door_are_as_described(opened, good):
    predict, feedback = key_for(opened, Scope.PREDICT), key_for(opened, Scope.FEEDBACK)
    with opened(keys=True, rate="1/day") as client:
        document = described(client)
        body = {"record": good}
        unknown = client.post_json(body)
        other = client.post_json(body, authorization=f"Bearer {feedback}")
        first, second = (client.post_json(body, authorization=f"Bearer {predict}") for _ in range(2))
    statuses = [answer.status_code for answer in (unknown, other, first, second)]
    assert statuses == [401, 403, 200, 429]
    assert as_described(document, "/v1/predict", unknown) == ["WWW-Authenticate"]
    assert as_described(document, "/v1/predict", other) == []
    assert as_described(document, "/v1/predict", second) == ["Retry-After"]


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/jobs/{job_id}"])
def test_503_is_as_described(opened, good, monkeypatch, path):
    def busy(*_):
        raise Busy("jobs cannot be kept for now")

    for method in ("add", "find"):
        monkeypatch.setattr(JobStore, method, busy)
    with opened() as client:
        document = described(client)
        if path == "/v1/predict":
            answer = client.post_json({"record": good}, prefer="respond-async")
        else:
            answer = client.get("/v1/jobs/1")
    assert answer.status_code == 503
    assert as_described(document, path, answer) == ["Retry-After"]


def test_no_refusal_is_described_that_is_never_sent(opened):
    assert "HTTPValidationError" not in json.dumps(described(opened()))
