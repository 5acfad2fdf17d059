"""POST /v1/predict and POST /v1/feedback."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

import anyio
from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from mlops.serving.errors import WrongType
from mlops.serving.handler import Accepted, Answer, Handler
from mlops.serving.metrics import Metrics

_REFUSALS = (400, 413, 415, 422, 500, 503)
Result = TypeVar("Result")


def predict_routes(handler: Handler, metrics: Metrics, *, threads: int) -> APIRouter:
    """Hand bodies to the handler, off the event loop: a model may take its time."""
    router = APIRouter(tags=["answers"])
    limiter = anyio.CapacityLimiter(threads)
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": {"application/problem+json": {}}}
        for status in _REFUSALS
    }

    async def off_loop(work: Callable[..., Result], *given: object) -> Result:
        return await anyio.to_thread.run_sync(work, *given, limiter=limiter)

    @router.post("/v1/predict", response_model=Answer, responses=refusals)
    async def predict(request: Request) -> Response:
        """Answer for one or more records."""
        answer = await off_loop(handler.predict, await json_body(request), request.state.request_id)
        metrics.predicted(len(answer.predictions))
        return Response(to_json(answer), media_type="application/json")

    @router.post("/v1/feedback", response_model=Accepted, responses=refusals)
    async def feedback(request: Request) -> Response:
        """Tell what became of answered records."""
        accepted = await off_loop(handler.feedback, await json_body(request))
        return Response(to_json(accepted), media_type="application/json")

    return router


async def json_body(request: Request) -> bytes:
    """The body of a request that says it is JSON; raises WrongType, TooLarge."""
    kind, _, options = request.headers.get("content-type", "").partition(";")
    charset = options.partition("charset=")[2].strip(' "').lower()
    if kind.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
        raise WrongType("send application/json in UTF-8")
    return await request.body()
