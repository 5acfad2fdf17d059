"""The application: its routes, what a request passes on its way, what starts and stops with it."""

import logging
from collections.abc import AsyncIterator, Callable, Mapping
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
from mlops.serving.example import typical_record
from mlops.serving.handler import Handler, ServedModel
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.metrics import Metrics
from mlops.serving.middleware import Contain, LimitBody, Observe, problem
from mlops.serving.routes.operation import Readiness, operation_routes
from mlops.serving.routes.predict import predict_routes
from mlops.serving.schemas import Schemas
from mlops.serving.settings import Settings
from monitoring.store.base import RequestLog

_LOG = logging.getLogger("weighbridge.server")


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
    schemas = Schemas(model.inputs, max_records=settings.serve.max_records)
    writer = RequestLogWriter(
        request_log,
        queue_records=settings.queue_records,
        batch_records=settings.batch_records,
        wait_s=settings.batch_wait_s,
        clock=clock,
    )
    metrics = Metrics(bundle, writer.state)
    handler = Handler(bundle, model, schemas, writer, clock=clock)
    example = typical_record(model.inputs, bundle.reference)
    readiness = Readiness()

    app = FastAPI(
        title=f"{bundle.model} {bundle.version}",
        version=bundle.version,
        lifespan=_lifespan(handler, writer, readiness, example),
        redirect_slashes=False,
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
    app.include_router(predict_routes(handler, metrics, threads=settings.threads))
    app.include_router(operation_routes(readiness, metrics, _about(bundle, model, clock())))
    app.openapi = openapi(app, schemas, example)  # type: ignore[method-assign]
    return app


def _lifespan(
    handler: Handler, writer: RequestLogWriter, readiness: Readiness, example: Mapping[str, Any]
) -> Callable[[FastAPI], AbstractAsyncContextManager[None]]:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        _warm_up(handler, example)
        writer.start()
        yield
        readiness.draining = True
        await anyio.to_thread.run_sync(writer.close)

    return lifespan


def _warm_up(handler: Handler, example: Mapping[str, Any]) -> None:
    try:
        handler.warm_up(dict(example))
    except RequestProblem as error:
        # The record is made up; a model that does not know such a value may still know its callers'.
        _LOG.warning("no warm-up", extra={"facts": {"reason": error.detail}})


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
