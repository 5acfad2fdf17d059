"""The application: its routes, what a request passes on its way, what starts and stops with it."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import anyio
from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response

from mlops.packaging.bundle import Bundle
from mlops.serving.documentation import openapi
from mlops.serving.errors import RequestProblem
from mlops.serving.handler import Handler
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.metrics import Metrics
from mlops.serving.middleware import Contain, LimitBody, Observe, problem
from mlops.serving.routes.operation import Readiness, operation_routes
from mlops.serving.routes.predict import predict_routes
from mlops.serving.settings import Settings
from mlops.serving.version import ServedModel, ServedVersion
from monitoring.store.base import RequestLog


def create_app(
    bundle: Bundle,
    model: ServedModel,
    request_log: RequestLog,
    settings: Settings,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """Put the server of one lane together; `app.state.readiness` is for whoever stops it.

    Raises UserError for a signature that JSON cannot serve.
    """
    writer = RequestLogWriter(
        request_log,
        queue_records=settings.queue_records,
        batch_records=settings.batch_records,
        wait_s=settings.batch_wait_s,
        clock=clock,
    )
    metrics = Metrics(bundle, writer.state)
    version = ServedVersion(
        bundle,
        model,
        settings.serve,
        threads=settings.threads,
        done=metrics.asked,
        guarded=metrics.guarded,
    )
    handler = Handler(version, writer, clock=clock)
    readiness = Readiness()

    app = FastAPI(
        title=f"{bundle.model} {bundle.version}",
        version=bundle.version,
        lifespan=_lifespan(handler, writer, readiness),
        redirect_slashes=False,
        # FastAPI's own telemetry would follow whatever provider a package sets up, with exceptions' messages in it.
        telemetry={"tracing": False, "metrics": False, "logs": False},
        # First in the list is first to see a request and last to see its answer.
        middleware=[
            Middleware(Observe, metrics=metrics),
            Middleware(Contain, metrics=metrics),
            Middleware(LimitBody, max_bytes=settings.serve.max_body_kb * 1024),
        ],
        exception_handlers={
            RequestProblem: _refusal(metrics),
            HTTPException: _http_refusal,
        },
    )
    app.state.readiness = readiness
    app.include_router(predict_routes(handler, metrics))
    app.include_router(operation_routes(readiness, metrics, _about(bundle, model, clock())))
    app.openapi = openapi(app, handler)  # type: ignore[method-assign]
    return app


def _lifespan(
    handler: Handler, writer: RequestLogWriter, readiness: Readiness
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        writer.start()
        yield
        readiness.draining = True
        handler.version.batcher.close()
        await anyio.to_thread.run_sync(writer.close)

    return lifespan


def _about(bundle: Bundle, model: ServedModel, loaded_at: datetime) -> dict[str, Any]:
    return {
        "model": bundle.model,
        "version": bundle.version,
        "release_id": bundle.release_id,
        "task": str(bundle.task),
        "threshold": bundle.threshold,
        "model_digest": bundle.model_digest,
        "decision_digest": bundle.decision_digest,
        "loaded_at": loaded_at.isoformat(timespec="seconds"),
        "inputs": [asdict(field) for field in model.inputs],
    }


def _refusal(metrics: Metrics) -> Any:
    async def answer(request: Request, error: RequestProblem) -> Response:
        metrics.failed(error.kind)
        request.state.problem = error.kind
        response = problem(error.status, error.detail, request.state.request_id, fields=error.fields)
        if error.status == 503:
            response.headers["retry-after"] = "1"
        if error.status == 413:
            # What is left of the body will not be read.
            response.headers["connection"] = "close"
        return response

    return answer


async def _http_refusal(request: Request, error: HTTPException) -> Response:
    response = problem(error.status_code, str(error.detail), request.state.request_id)
    response.headers.update(error.headers or {})
    return response
