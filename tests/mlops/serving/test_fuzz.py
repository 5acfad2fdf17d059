"""Whatever is sent, the answer is clean: JSON, with a request id, and never a 5xx."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
FIELDS = st.sampled_from(["age", "sepal length (cm)", "income", "job", "records", "f0", ""])
RECORDS = st.dictionaries(FIELDS, JSON, max_size=6) | st.fixed_dictionaries(
    {"age": st.integers(), "sepal length (cm)": st.floats(), "job": st.text()},
    optional={"income": st.floats() | st.none()},
)
REQUESTS = st.fixed_dictionaries(
    {"records": st.lists(RECORDS, max_size=4)}, optional={"ids": JSON | st.lists(st.text())}
)
LABELS = st.fixed_dictionaries(
    {"labels": st.lists(st.fixed_dictionaries({"id": st.text(), "label": JSON}), max_size=3)}
)
SEVERAL = settings(
    max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@pytest.fixture(scope="module")
def client(bundle, model, tmp_path_factory, open_client):
    options = Settings(log_dir=tmp_path_factory.mktemp("log"), serve=ServeConfig(max_body_kb=64))
    with open_client(create_app(bundle, model, DeltaRequestLog(options.log_dir), options)) as client:
        yield client


def check(answer):
    assert answer.status_code < 500
    assert "x-request-id" in answer.headers
    json.loads(answer.content, parse_constant=pytest.fail)


@given(path=st.sampled_from(["/v1/predict", "/v1/feedback"]), body=JSON | REQUESTS | LABELS)
@SEVERAL
def test_json(client, path, body):
    check(client.post(path, content=json.dumps(body), headers={"content-type": "application/json"}))


@given(body=st.binary(max_size=200))
@SEVERAL
def test_bytes(client, body):
    check(client.post("/v1/predict", content=body, headers={"content-type": "application/json"}))


@given(
    age=st.integers(-(2**63), 2**63 - 1),
    length=st.floats(allow_nan=False, allow_infinity=False),
    income=st.none() | st.floats(allow_nan=False, allow_infinity=False),
    job=st.text(st.characters(exclude_categories=["Cs"])),
)
@SEVERAL
def test_everything_that_the_signature_takes_is_answered(client, age, length, income, job):
    record = {"age": age, "sepal length (cm)": length, "income": income, "job": job}
    answer = client.post("/v1/predict", json={"records": [record]})
    assert answer.status_code == 200


@given(kind=st.text(max_size=40), name=st.text(max_size=40))
@SEVERAL
def test_headers(client, kind, name):
    headers = {"content-type": kind.encode(), "x-request-id": name.encode()}
    check(client.post("/v1/predict", content=b"{}", headers=headers))
