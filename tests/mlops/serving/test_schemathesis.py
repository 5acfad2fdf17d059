"""The server against its own description: what the OpenAPI document says is taken is taken, answers are as it says."""

import socket
import threading

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.server import Server
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

SEVERAL = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))


@pytest.fixture(scope="module")
def live(bundle, model, tmp_path_factory):
    """The address of a real server on loopback, in a thread of its own."""
    told = Settings(log_dir=tmp_path_factory.mktemp("live"), serve=ServeConfig(max_records=50))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(create_app(bundle, model, DeltaRequestLog(told.log_dir), told), drain_s=0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        while not httpx.get(f"{url}/health/ready", timeout=60).is_success:
            pass
        yield url
        server.should_exit = True
        thread.join(60)


@pytest.fixture(scope="module")
def description(live):
    return schemathesis.openapi.from_url(f"{live}/openapi.json")


OPERATIONS = [
    ("POST", "/v1/predict"),
    ("POST", "/v1/feedback"),
    ("GET", "/v1/jobs/{job_id}"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
    ("GET", "/model"),
]


def test_every_operation_is_tried(description):
    found = [result.ok() for result in description.get_all_operations()]
    assert {(one.method.upper(), one.path) for one in found} == set(OPERATIONS)


def conform(operation, mode, prepared=lambda body: body, **validation):
    @given(case=operation.as_strategy(generation_mode=mode))
    @SEVERAL
    def conforms(case):
        case.body = prepared(case.body)
        case.call_and_validate(**validation)

    conforms()


def fitting(body):
    """What a schema cannot say: columns are equally long, and there is an id for each record."""
    columns = body.get("columns")
    if isinstance(columns, dict):
        shortest = min(map(len, columns.values()), default=0)
        body["columns"] = {name: values[:shortest] for name, values in columns.items()}
    ids = body.get("ids") or []
    if not len(set(ids)) == len(ids) == len(body.get("records") or []):
        body.pop("ids", None)
    return body


def test_requests_that_are_described_are_answered(description):
    conform(description["/v1/predict"]["POST"], GenerationMode.POSITIVE, fitting)


def test_labels_that_are_described_are_taken_or_refused(description):
    # Which labels there are is the model's, and not in the description.
    left_out = [positive_data_acceptance]
    conform(description["/v1/feedback"]["POST"], GenerationMode.POSITIVE, excluded_checks=left_out)


@pytest.mark.parametrize("path", ["/v1/predict", "/v1/feedback"])
def test_what_is_not_described_is_refused(description, path):
    conform(description[path]["POST"], GenerationMode.NEGATIVE)


@pytest.mark.parametrize("path", [path for method, path in OPERATIONS if method == "GET"])
def test_pages_are_as_described(description, path):
    conform(description[path]["GET"], GenerationMode.POSITIVE)
