"""POST /v1/predict or /v1/generate, and POST /v1/feedback."""

from dataclasses import replace
from functools import partial
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from fastapi.routing import APIRoute
from pydantic_core import to_json
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from evaluation.types import Form as AnswerForm
from mlops.serving.access.callers import ANYONE
from mlops.serving.answers import Accepted, Answer, Generated
from mlops.serving.body import Form
from mlops.serving.errors import WrongType
from mlops.serving.handler import Call, Handler
from mlops.serving.jobs.accept import accept, prefers_async
from mlops.serving.jobs.jobs import Jobs
from mlops.serving.metrics import Metrics
from mlops.serving.trace_context import trace_of

_PLAIN = b"identity"
# Those of the door and of its limits are described where they are on.
_REFUSALS = (400, 408, 413, 415, 422, 500, 503, 504)
_LATER: dict[int | str, dict[str, Any]] = {
    202: {"description": "Taken as a job, as `Prefer: respond-async` asks; its place is in Location"}
}


def answer_routes(handler: Handler, metrics: Metrics, jobs: Jobs) -> APIRouter:
    """Hand bodies to the handler, at once, or as a job where the caller prefers that.

    A model that writes has /v1/generate in place of /v1/predict.
    """
    router = APIRouter(prefix="/v1", tags=["answers"])
    if handler.version.bundle.task.form is AnswerForm.TEXT:
        _add_generate(router, handler, metrics, jobs)
    else:
        _add_predict(router, handler, metrics, jobs)

    @router.post("/feedback", response_model=Accepted, responses=_refusals())
    async def feedback(request: Request) -> Response:
        """Tell what became of answered records."""
        form_of(request, Form.JSON)
        accepted = await handler.feedback(await request.body())
        return Response(to_json(accepted), media_type="application/json")

    return router


def _add_predict(router: APIRouter, handler: Handler, metrics: Metrics, jobs: Jobs) -> None:
    @router.post("/predict", response_model=Answer, responses=_refusals() | _LATER)
    async def predict(request: Request) -> Response:
        """Answer for one record, a list of records, or a list of values a column; in Arrow what is sent as Arrow."""
        form = form_of(request, *Form)
        body, call = await request.body(), call_of(request)
        if prefers_async(request.headers.getlist("prefer")):
            return await accept(jobs, request, partial(handler.predict, body, call, form), call)
        # Whatever becomes of it, it is counted for the version that it meets now.
        lane = request.state.lane = metrics.lane
        answer = await handler.predict(body, call, form)
        metrics.predicted(answer.count, lane)
        return Response(_written(answer, form), media_type=form)


def _add_generate(router: APIRouter, handler: Handler, metrics: Metrics, jobs: Jobs) -> None:
    @router.post("/generate", response_model=Generated, responses=_refusals() | _LATER)
    async def generate(request: Request) -> Response:
        """Write a text for one record, a list of records, or a list of values a column."""
        form_of(request, Form.JSON)
        call = replace(call_of(request), trace=trace_of(request.scope["headers"]))
        body = await request.body()
        if prefers_async(request.headers.getlist("prefer")):
            return await accept(jobs, request, partial(handler.generate, body, call), call)
        lane = request.state.lane = metrics.lane
        answer = await handler.generate(body, call)
        metrics.predicted(answer.count, lane)
        return Response(to_json(answer), media_type="application/json")


def _refusals() -> dict[int | str, dict[str, Any]]:
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {"application/problem+json": {}}}
        for status in _REFUSALS
    }


class Plain(Route):
    """A route of Starlette's that says its name, as those of FastAPI do, so that requests are counted by it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Whether and how a request matches."""
        match, found = super().matches(scope)
        return match, {**found, "route": self}


def plain(router: APIRouter) -> list[Plain]:
    """The same endpoints without FastAPI on their way: nothing is injected, and what they give is sent as it is."""
    return [
        Plain(route.path, route.endpoint, methods=sorted(route.methods or ()))
        for route in router.routes
        if isinstance(route, APIRoute)
    ]


def call_of(request: Request) -> Call:
    """Which request this is, and who asks, as the middleware found out."""
    state = request.scope["state"]
    return Call(state["request_id"], state.get("caller", ANYONE))


def form_of(request: Request, *taken: Form) -> Form:
    """How the body says that it is written; raises WrongType for what is not taken."""
    sent: dict[bytes, bytes] = dict(request.scope["headers"])
    if sent.get(b"content-encoding", _PLAIN).strip().lower() != _PLAIN:
        raise WrongType("send the body as it is, without a content-encoding")
    kind, _, options = sent.get(b"content-type", b"").decode("latin-1").partition(";")
    charset = options.partition("charset=")[2].strip(' "').lower()
    kind = kind.strip().lower()
    if kind not in taken or charset not in {"", "utf-8"}:
        raise WrongType(f"send {' or '.join(taken)}, text in UTF-8")
    return Form(kind)


def _written(answer: Answer, form: Form) -> bytes:
    if form is Form.ARROW:
        from mlops.serving import arrow

        return arrow.write(answer)
    return to_json(answer)
