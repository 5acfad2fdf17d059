"""POST /v1/predict and POST /v1/feedback."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.responses import Response

from mlops.serving.access.callers import ANYONE
from mlops.serving.errors import WrongType
from mlops.serving.handler import Accepted, Answer, Call, Handler
from mlops.serving.metrics import Metrics

_REFUSALS = (400, 401, 403, 408, 413, 415, 422, 429, 500, 503, 504)


def predict_routes(handler: Handler, metrics: Metrics) -> APIRouter:
    """Hand bodies to the handler."""
    router = APIRouter(prefix="/v1", tags=["answers"])
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": HTTPStatus(status).phrase, "content": {"application/problem+json": {}}}
        for status in _REFUSALS
    }

    @router.post("/predict", response_model=Answer, responses=refusals)
    async def predict(request: Request) -> Response:
        """Answer for one record, a list of records, or a list of values a column."""
        body = await json_body(request)
        # Whatever becomes of it, it is counted for the version that it meets now.
        lane = request.state.lane = metrics.lane
        answer = await handler.predict(body, call_of(request))
        metrics.predicted(len(answer.predictions), lane)
        return Response(to_json(answer), media_type="application/json")

    @router.post("/feedback", response_model=Accepted, responses=refusals)
    async def feedback(request: Request) -> Response:
        """Tell what became of answered records."""
        accepted = await handler.feedback(await json_body(request))
        return Response(to_json(accepted), media_type="application/json")

    return router


def call_of(request: Request) -> Call:
    """Which request this is, and who asks, as the middleware found out."""
    state = request.scope["state"]
    return Call(state["request_id"], state.get("caller", ANYONE))


async def json_body(request: Request) -> bytes:
    """The body of a request that says it is JSON; raises WrongType, TooLarge."""
    kind, _, options = request.headers.get("content-type", "").partition(";")
    charset = options.partition("charset=")[2].strip(' "').lower()
    if kind.strip().lower() != "application/json" or charset not in {"", "utf-8"}:
        raise WrongType("send application/json in UTF-8")
    return await request.body()
