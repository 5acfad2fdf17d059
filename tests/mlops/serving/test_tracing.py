"""Spans of requests: their names, their family, and what is not in them."""

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.responses import JSONResponse
from starlette.routing import Route

from evaluation.errors import UserError
from mlops.serving.app import create_app
from mlops.serving.tracing import UNTRACED, Trace, Tracing, is_wanted
from monitoring.store.delta import DeltaRequestLog

SECRET = "s3cr3t-4711"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


class Traced:
    """A small application behind `Trace`, and the spans that it left."""

    def __init__(self):
        self.kept = InMemorySpanExporter()
        provider = TracerProvider(shutdown_on_exit=False)
        provider.add_span_processor(SimpleSpanProcessor(self.kept))
        self.tracing = Tracing(provider)
        self.app = application(self.tracing)

    def ask(self, method, path, **options):
        async def call():
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://lane:8000") as client:
                return await client.request(method, path, **options)

        self.kept.clear()
        return asyncio.run(call())

    @property
    def spans(self):
        return {span.name: span for span in self.kept.get_finished_spans()}


def application(tracing):
    async def predict(request):
        with tracing.step("validate"):
            await request.body()
        began = time.perf_counter()
        tracing.passed("batch wait", began, began + 0.5, {"weighbridge.batch.rows": 3})
        if "fail" in request.query_params:
            with tracing.step("model"):
                raise ValueError(SECRET)
        with tracing.step("log"):
            pass
        return JSONResponse({"carried": tracing.headers()}, int(request.query_params.get("status", 200)))

    class Routed:
        """FastAPI names the route that it found; Starlette by itself does not."""

        def __init__(self, app):
            self.app = app

        async def __call__(self, scope, receive, send):
            scope.setdefault("state", {})["request_id"] = "r-1"
            scope["route"] = next((one for one in routes if one.path == scope["path"]), None)
            await self.app(scope, receive, send)

    routes = [Route("/v1/predict", predict, methods=["POST"]), Route("/health/ready", predict)]
    return Starlette(routes=routes, middleware=[Middleware(Trace, tracing=tracing), Middleware(Routed)])


@pytest.fixture
def traced():
    made = Traced()
    yield made
    made.tracing.close()


class TestSpans:
    def test_a_request_and_its_steps(self, traced):
        traced.ask("POST", "/v1/predict?key=" + SECRET, content=SECRET, headers={"authorization": SECRET})
        spans = traced.spans
        whole = spans["POST /v1/predict"]
        assert whole.kind is SpanKind.SERVER
        assert whole.parent is None
        assert dict(whole.attributes) == {
            "http.request.method": "POST",
            "http.route": "/v1/predict",
            "http.response.status_code": 200,
            "network.protocol.version": "1.1",
            "server.address": "lane",
            "server.port": 8000,
            "url.path": "/v1/predict",
            "url.scheme": "http",
            "weighbridge.request_id": "r-1",
        }
        assert spans.keys() == {"POST /v1/predict", "validate", "batch wait", "log"}
        for name in ("validate", "batch wait", "log"):
            assert spans[name].parent.span_id == whole.context.span_id
        waited = spans["batch wait"]
        assert waited.end_time - waited.start_time == pytest.approx(5e8, rel=1e-3)
        assert abs(waited.start_time - whole.start_time) < 60e9
        assert dict(waited.attributes) == {"weighbridge.batch.rows": 3}
        assert SECRET not in "".join(span.to_json() for span in spans.values())

    def test_the_callers_trace_goes_on_to_the_answer_and_further(self, traced):
        answer = traced.ask("POST", "/v1/predict", headers={"traceparent": PARENT})
        whole = traced.spans["POST /v1/predict"]
        assert f"{whole.context.trace_id:032x}" == PARENT.split("-")[1]
        assert f"{whole.parent.span_id:016x}" == PARENT.split("-")[2]
        mine = f"00-{whole.context.trace_id:032x}-{whole.context.span_id:016x}-01"
        assert answer.headers["traceparent"] == mine
        assert answer.json()["carried"] == {"traceparent": mine}

    @pytest.mark.parametrize(
        "sent", ["", "00-0-0-01", SECRET, PARENT.replace("-01", ""), "00-" + "0" * 32 + "-1-01"]
    )
    def test_a_parent_that_is_none_begins_a_new_trace(self, traced, sent):
        answer = traced.ask("POST", "/v1/predict", headers={"traceparent": sent})
        assert traced.spans["POST /v1/predict"].parent is None
        # The other bit says that the trace's id is random.
        assert answer.headers["traceparent"].endswith(("-01", "-03"))

    def test_an_unsampled_parent_leaves_no_spans(self, traced):
        answer = traced.ask("POST", "/v1/predict", headers={"traceparent": PARENT[:-1] + "0"})
        assert traced.spans == {}
        assert answer.headers["traceparent"].endswith("-00")

    def test_an_error_leaves_its_class_and_nothing_else(self, traced):
        assert traced.ask("POST", "/v1/predict?fail").status_code == 500
        for name in ("model", "POST /v1/predict"):
            span = traced.spans[name]
            assert span.attributes["error.type"] == "ValueError"
            assert span.status.status_code is StatusCode.ERROR
            assert (span.status.description, span.events) == (None, ())

    @pytest.mark.parametrize(
        ("status", "failed"), [(200, False), (422, False), (429, False), (500, True), (503, True)]
    )
    def test_only_the_servers_own_errors_are_errors(self, traced, status, failed):
        traced.ask("POST", f"/v1/predict?status={status}")
        span = traced.spans["POST /v1/predict"]
        assert span.attributes["http.response.status_code"] == status
        assert (span.status.status_code is StatusCode.ERROR) is failed
        assert ("error.type" in span.attributes) is failed

    def test_what_no_route_has_is_no_name(self, traced):
        traced.ask("BREW", "/" + SECRET)
        (span,) = traced.spans.values()
        assert span.name == "HTTP"
        assert span.attributes["http.request.method"] == "_OTHER"
        assert SECRET not in span.to_json()

    def test_probes_leave_none(self, traced):
        traced.ask("GET", "/health/ready")
        assert "GET" not in str(traced.spans)


class TestWhetherToTrace:
    @pytest.mark.parametrize(
        ("asked", "environment", "wanted"),
        [
            (None, {}, False),
            (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
            (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://c"}, True),
            (False, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://c"}, False),
            (True, {}, True),
        ],
    )
    def test_the_policy_before_the_environment(self, asked, environment, wanted):
        assert is_wanted(asked, environment) is wanted

    def test_off_it_imports_nothing(self):
        program = "import sys, mlops.serving.tracing; sys.exit('opentelemetry' in sys.modules)"
        subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
        with UNTRACED.step("a"):
            UNTRACED.passed("a", 0, 1)

    def test_without_the_packages_it_says_which(self, monkeypatch):
        monkeypatch.setitem(sys.modules, "opentelemetry.exporter.otlp.proto.http.trace_exporter", None)
        with pytest.raises(UserError, match=r"weighbridge\[tracing\]"):
            Tracing.exporting(facts={})


@pytest.fixture
def settings(settings):
    return replace(settings, serve=settings.serve.model_copy(update={"tracing": True}))


@pytest.fixture
def serve(monkeypatch, traced, bundle, model, settings, open_client):  # noqa: PLR0917 - fixtures
    """Open a client of an application over the real bundle, whose spans `traced` keeps."""
    monkeypatch.setattr(Tracing, "exporting", lambda **_: traced.tracing)
    log = DeltaRequestLog(settings.log_dir)
    return lambda follower=None: open_client(create_app(bundle, model, log, settings, follower=follower))


def test_after_a_reload_spans_tell_the_other_version(serve, traced, bundle, model, good):
    follower = Once(replace(bundle, version="4"), model)
    with serve(follower) as client:
        assert client.post_json({"record": good}).json()["version"] == "3"
        assert told(traced) == ("3", "3")
        follower.go_on(client)
        traced.kept.clear()
        assert client.post_json({"record": good}).json()["version"] == "4"
        assert told(traced) == ("4", "4")
    assert traced.spans["model"].attributes["weighbridge.release"] == bundle.release_id


def test_the_wait_for_a_call_is_a_part_of_asking_the_model(serve, traced, good):
    with serve() as client:
        client.post_json({"records": [good] * 3})
    waited, asked = traced.spans["batch wait"], traced.spans["model"]
    assert waited.parent.span_id == asked.context.span_id
    assert waited.attributes["weighbridge.batch.rows"] == 3
    assert waited.start_time <= waited.end_time


class Once:
    """Puts one other version into the seat when it is told to."""

    def __init__(self, bundle, model):
        self._next = (bundle, model)

    @contextmanager
    def following(self, seat):
        self._seat = seat
        yield

    def go_on(self, client):
        client.call(self._seat.take, self._seat.prepare(*self._next))


def told(traced):
    """The version on the request's span, and on that of the model in it."""
    return tuple(
        traced.spans[name].attributes["weighbridge.version"] for name in ("POST /v1/predict", "model")
    )


class Collector(HTTPServer):
    """Keeps what is posted to it."""

    def __init__(self):
        self.posted = []
        super().__init__(("127.0.0.1", 0), Posted)


class Posted(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posted.append((self.path, self.headers["content-type"], body))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_collector_gets_them_over_http(monkeypatch):
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{collector.server_port}")
        monkeypatch.setenv("OTEL_SERVICE_NAME", "lending-api")
        tracing = Tracing.exporting(facts={"weighbridge.model": "lending"})
        with tracing.step("model"):
            pass
        tracing.close()
        collector.shutdown()
        thread.join(30)
    ((path, kind, body),) = collector.posted
    assert (path, kind) == ("/v1/traces", "application/x-protobuf")
    (sent,) = ExportTraceServiceRequest.FromString(body).resource_spans
    about = {item.key: item.value.string_value for item in sent.resource.attributes}
    assert about.items() >= {
        ("service.name", "lending-api"),
        ("service.version", version("weighbridge")),
        ("weighbridge.model", "lending"),
    }
    assert [span.name for scope in sent.scope_spans for span in scope.spans] == ["model"]
