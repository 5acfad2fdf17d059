"""The application: its routes, what a request passes on its way, what starts and stops with it."""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import (
    AbstractAsyncContextManager,
    AbstractContextManager,
    ExitStack,
    asynccontextmanager,
    nullcontext,
)
from datetime import UTC, datetime
from functools import partial
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import Response

from mlops.packaging.bundle import Bundle
from mlops.serving.access.access import Access
from mlops.serving.access.house import LimitInFlight, SecurityHeaders, Timeout
from mlops.serving.access.middleware import Authenticate, LimitRate
from mlops.serving.config import ServeConfig
from mlops.serving.documentation import openapi
from mlops.serving.errors import RequestProblem
from mlops.serving.handler import Handler
from mlops.serving.jobs.jobs import Jobs
from mlops.serving.jobs.store import JobStore
from mlops.serving.jobs.webhooks import CALLBACK, Webhooks
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.metrics import InFlight, Metrics
from mlops.serving.middleware import Contain, LimitBody, Observe, problem
from mlops.serving.reload import Follower, Seat
from mlops.serving.routes.docs import docs_routes
from mlops.serving.routes.jobs import job_routes
from mlops.serving.routes.operation import Readiness, operation_routes
from mlops.serving.routes.predict import answer_routes, plain
from mlops.serving.settings import Settings
from mlops.serving.tracing import UNTRACED, Trace, Tracing, is_wanted
from mlops.serving.version import ServedModel, ServedVersion
from monitoring.store.base import RequestLog

_CORS: dict[str, Any] = {
    "allow_methods": ["GET", "POST"],
    "allow_headers": [
        *("authorization", "content-type", "prefer", "x-request-id", CALLBACK.lower()),
        # Instruments of a page's own send these (W3C Trace Context).
        *("traceparent", "tracestate"),
    ],
    "expose_headers": [
        *("location", "preference-applied", "x-request-id", "traceparent"),
        *("retry-after", "ratelimit", "ratelimit-policy"),
    ],
}


def create_app(  # noqa: PLR0913 - what it is put together from
    bundle: Bundle,
    model: ServedModel,
    request_log: RequestLog,
    settings: Settings,
    *,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    follower: Follower | None = None,
) -> FastAPI:
    """Put the server of one lane together; `app.state.readiness` is for whoever stops it.

    follower: puts other versions in this one's place while the server runs.
    Raises UserError for a signature that JSON cannot serve.
    """
    serve = settings.serve
    writer = RequestLogWriter(
        request_log,
        serve.log,
        folder=settings.log_dir,
        queue_records=settings.queue_records,
        batch_records=settings.batch_records,
        wait_s=settings.batch_wait_s,
        clock=clock,
    )
    in_flight = InFlight()
    metrics = Metrics(bundle, writer.state, in_flight)

    tracing = _tracing(serve, bundle)

    def prepare(bundle: Bundle, model: ServedModel) -> ServedVersion:
        counts = metrics.of(bundle)
        return ServedVersion(
            bundle,
            model,
            serve,
            threads=settings.threads,
            done=counts.asked,
            guarded=counts.guarded,
            steps=tracing or UNTRACED,
            clock=clock,
        )

    handler = Handler(prepare(bundle, model), writer, steps=tracing or UNTRACED, clock=clock)
    access = Access.of(serve.access, namespace=bundle.model)
    jobs = Jobs(
        serve.jobs,
        metrics,
        JobStore(settings.log_dir / "jobs", serve.jobs, clock=clock),
        Webhooks.of(serve.webhooks),
        tracing or UNTRACED,
        clock=clock,
    )
    readiness = Readiness()
    seat = Seat(handler, metrics, prepare)
    beside = (metrics.kept_fresh, nullcontext if follower is None else partial(follower.following, seat))

    app = FastAPI(
        title=f"{bundle.model} {bundle.version}",
        version=bundle.version,
        lifespan=_lifespan(handler, writer, access, readiness, beside, jobs, tracing),
        redirect_slashes=False,
        docs_url=None,
        redoc_url=None,
        # FastAPI's own telemetry would follow whatever provider a package sets up, with exceptions' messages in it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # First in the list is first to see a request and last to see its answer.
        middleware=[
            *([Middleware(Trace, tracing=tracing)] if tracing is not None else []),
            Middleware(Observe, metrics=metrics),
            Middleware(SecurityHeaders),
            Middleware(Contain, metrics=metrics),
            *(
                [Middleware(CORSMiddleware, **_CORS, allow_origins=serve.access.cors)]
                if serve.access.cors
                else []
            ),
            Middleware(Authenticate, authenticator=access.authenticator, metrics=metrics),
            *([Middleware(LimitRate, limits=access.limits, metrics=metrics)] if access.limits else []),
            # Inside of the door: neither strangers nor callers over their rate take others' places.
            Middleware(LimitInFlight, most=serve.max_in_flight, metrics=metrics, in_flight=in_flight),
            Middleware(Timeout, seconds=serve.timeout_s, metrics=metrics),
            Middleware(LimitBody, max_bytes=serve.max_body_kb * 1024),
        ],
        exception_handlers={
            RequestProblem: _refusal(metrics),
            HTTPException: _http_refusal,
        },
    )
    app.state.readiness = readiness
    answers = answer_routes(handler, metrics, jobs)
    # FastAPI describes these two; its own way to an endpoint would take about as long as everything else on theirs.
    app.router.routes.extend(plain(answers))
    app.include_router(job_routes(jobs))
    app.include_router(docs_routes())
    app.include_router(operation_routes(readiness, metrics, handler))
    app.openapi = openapi(app, handler, answers.routes, serve.access)  # type: ignore[method-assign]
    return app


def _lifespan(  # noqa: PLR0913, PLR0917 - what starts and stops with it
    handler: Handler,
    writer: RequestLogWriter,
    access: Access,
    readiness: Readiness,
    beside: Sequence[Callable[[], AbstractContextManager[None]]],
    jobs: Jobs,
    tracing: Tracing | None,
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        access.start()
        writer.start()
        await jobs.start()
        with ExitStack() as running:
            for each in beside:
                running.enter_context(each())
            yield
            readiness.draining = True
            await jobs.close()
        handler.version.batcher.close()
        await anyio.to_thread.run_sync(writer.close)
        await access.close()
        if tracing is not None:
            await anyio.to_thread.run_sync(tracing.close)

    return lifespan


def _tracing(serve: ServeConfig, bundle: Bundle) -> Tracing | None:
    if not is_wanted(serve.tracing, os.environ):
        return None
    return Tracing.exporting(facts={"weighbridge.model": bundle.model})


def _refusal(metrics: Metrics) -> Any:
    async def answer(request: Request, error: RequestProblem) -> Response:
        metrics.failed(error.kind, getattr(request.state, "lane", None))
        request.state.problem = error.kind
        if error.reason:
            request.state.reason = error.reason
        response = problem(error.status, error.detail, request.state.request_id, fields=error.fields)
        response.headers.update(error.headers)
        return response

    return answer


async def _http_refusal(request: Request, error: HTTPException) -> Response:
    response = problem(error.status_code, str(error.detail), request.state.request_id)
    response.headers.update(error.headers or {})
    return response
