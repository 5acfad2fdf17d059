"""Traces of requests by OpenTelemetry: off unless asked for, and then without a body, a key or a message in them."""

import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from importlib import metadata
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Protocol

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from evaluation.errors import UserError

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

# As the specification of OpenTelemetry's environment variables names them.
ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"})
# Asked every few seconds by routers and scrapers: they would be most of the traces.
_UNTRACED_PATHS = frozenset({"/health/live", "/health/ready", "/metrics"})

Fact = str | int
_NO_FACTS: Mapping[str, Fact] = MappingProxyType({})


class Steps(Protocol):
    """What the handler tells of a request's way, whether somebody listens or not."""

    def step(self, name: str, facts: Mapping[str, Fact] = _NO_FACTS) -> AbstractContextManager[None]:
        """A stretch of the request at hand, from the context's beginning to its end."""
        ...

    def passed(
        self, name: str, began_s: float, ended_s: float, facts: Mapping[str, Fact] = _NO_FACTS
    ) -> None:
        """A stretch that is over, between two readings of time.perf_counter: what another thread did."""
        ...

    def headers(self) -> dict[str, str]:
        """What a request to another server carries so that its trace goes on (W3C Trace Context)."""
        ...


class Untraced:
    """Steps that nobody hears of; nothing is imported for them.

    >>> with Untraced().step("model"):
    ...     pass
    >>> Untraced().headers()
    {}
    """

    def step(self, name: str, facts: Mapping[str, Fact] = _NO_FACTS) -> AbstractContextManager[None]:
        """Nothing."""
        del name, facts
        return _NOTHING

    def passed(
        self, name: str, began_s: float, ended_s: float, facts: Mapping[str, Fact] = _NO_FACTS
    ) -> None:
        """Nothing."""

    def headers(self) -> dict[str, str]:
        """None."""
        return {}


_NOTHING: AbstractContextManager[None] = nullcontext()
UNTRACED = Untraced()


def is_wanted(asked: bool | None, environment: Mapping[str, str]) -> bool:
    """Whether to trace: as the policy says, else where a collector's address is set.

    >>> is_wanted(None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"})
    True
    """
    return any(environment.get(name) for name in ENDPOINTS) if asked is None else asked


class Tracing:
    """The spans of one server process; `provider` decides where they go."""

    def __init__(self, provider: "TracerProvider") -> None:
        from opentelemetry.trace import SpanKind, StatusCode
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        self._provider = provider
        self._tracer = provider.get_tracer("weighbridge")
        self._propagator = TraceContextTextMapPropagator()
        self._server = SpanKind.SERVER
        self._error = StatusCode.ERROR

    @classmethod
    def exporting(cls, *, facts: Mapping[str, str]) -> "Tracing":
        """Send spans in the background by OTLP over HTTP, as the environment's OTEL_ variables say.

        facts: what tells this server from others for as long as it runs, and so not the version of its model.
        Raises UserError where the packages are missing.
        """
        try:
            from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
            from opentelemetry.sdk.resources import Resource
            from opentelemetry.sdk.trace import TracerProvider
            from opentelemetry.sdk.trace.export import BatchSpanProcessor
        except ImportError as error:
            raise UserError(
                f"tracing is on, and {error.name} is not installed",
                expected="the packages of the extra `tracing`",
                next_step="pip install 'weighbridge[tracing]', or serve: {tracing: false}",
            ) from error
        about = {"service.name": "weighbridge", "service.version": metadata.version("weighbridge"), **facts}
        # What the environment says comes last: a service's name is its operator's.
        resource = Resource(about).merge(Resource.create())
        provider = TracerProvider(resource=resource)
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        return cls(provider)

    @contextmanager
    def step(self, name: str, facts: Mapping[str, Fact] = _NO_FACTS) -> Iterator[None]:
        """A span inside of the request's; of an error only its class is kept."""
        with self._tracer.start_as_current_span(
            name, attributes=facts, record_exception=False, set_status_on_exception=False
        ) as span:
            try:
                yield
            except Exception as error:
                self.failed(span, type(error).__name__)
                raise

    def passed(
        self, name: str, began_s: float, ended_s: float, facts: Mapping[str, Fact] = _NO_FACTS
    ) -> None:
        """A span inside of the request's that is over."""
        zero_ns = time.time_ns() - time.perf_counter_ns()
        span = self._tracer.start_span(name, attributes=facts, start_time=zero_ns + int(began_s * 1e9))
        span.end(zero_ns + int(ended_s * 1e9))

    def headers(self) -> dict[str, str]:
        """The traceparent of the span at hand."""
        carrier: dict[str, str] = {}
        self._propagator.inject(carrier)
        return carrier

    def request(self, method: str, headers: Mapping[str, str]) -> "AbstractContextManager[Span]":
        """The span of a whole request, inside of its caller's where a traceparent says so."""
        return self._tracer.start_as_current_span(
            method,
            context=self._propagator.extract(headers),
            kind=self._server,
            record_exception=False,
            set_status_on_exception=False,
        )

    def failed(self, span: "Span", kind: str) -> None:
        """Mark a span as failed, by a class and without a message."""
        span.set_attribute("error.type", kind)
        span.set_status(self._error)

    def close(self) -> None:
        """Send what waits; takes as long as the exporter's timeout at most."""
        self._provider.shutdown()


class Trace:
    """Puts a span around each request, named and described by the HTTP semantic conventions.

    FastAPI's own telemetry would keep queries and the messages of errors, which may hold what a caller sent.
    Source: https://opentelemetry.io/docs/specs/semconv/http/http-spans/
    """

    def __init__(self, app: ASGIApp, tracing: Tracing) -> None:
        self._app = app
        self._tracing = tracing

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http" or scope["path"] in _UNTRACED_PATHS:
            await self._app(scope, receive, send)
            return
        method = scope["method"] if scope["method"] in _METHODS else "HTTP"
        with self._tracing.request(method, Headers(scope=scope)) as span:
            status: int | None = None

            async def send_marked(message: Message) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = message["status"]
                    MutableHeaders(scope=message).update(self._tracing.headers())
                await send(message)

            # What a caller sees who hung up before the answer.
            fault = "ClientDisconnect"
            try:
                await self._app(scope, receive, send_marked)
            except Exception as error:
                fault = type(error).__name__
                raise
            finally:
                self._describe(span, method, scope, status or fault)

    def _describe(self, span: "Span", method: str, scope: Scope, outcome: int | str) -> None:
        span.set_attributes(_attributes(method, scope))
        # A path that no route has is whatever was sent, and so is no name.
        if route := getattr(scope.get("route"), "path", None):
            span.update_name(f"{method} {route}")
            span.set_attributes({"http.route": route, "url.path": scope["path"]})
        if isinstance(outcome, str):
            self._tracing.failed(span, outcome)
            return
        span.set_attribute("http.response.status_code", outcome)
        if outcome >= 500:
            self._tracing.failed(span, scope.get("state", {}).get("problem") or str(outcome))


def _attributes(method: str, scope: Scope) -> dict[str, Any]:
    state = scope.get("state", {})
    # Of what a model was asked for: the version that it met, whichever answers by now.
    model, version = state.get("lane", (None, None))
    host, port = scope.get("server") or (None, None)
    found = {
        "http.request.method": "_OTHER" if method == "HTTP" else method,
        "url.scheme": scope.get("scheme", "http"),
        "network.protocol.version": scope.get("http_version", "1.1"),
        "server.address": host,
        "server.port": port,
        "weighbridge.request_id": state.get("request_id"),
        "weighbridge.model": model,
        "weighbridge.version": version,
    }
    return {name: value for name, value in found.items() if value is not None}
