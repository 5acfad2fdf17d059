"""GET /v1/jobs/ID, and what POST /v1/predict answers to a caller who prefers not to wait (RFC 7240)."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic_core import to_json
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mlops.serving.errors import FieldProblem, Invalid
from mlops.serving.handler import Call
from mlops.serving.jobs.jobs import Ask, Job, Jobs
from mlops.serving.jobs.webhooks import CALLBACK
from mlops.serving.routes.predict import call_of

_PREFERENCE = "respond-async"


def job_routes(jobs: Jobs) -> APIRouter:
    """Tell callers of their jobs."""
    router = APIRouter(prefix="/v1", tags=["answers"])
    missing: dict[int | str, dict[str, Any]] = {
        404: {"description": "No such job of yours", "content": {"application/problem+json": {}}}
    }

    @router.get("/jobs/{job_id}", responses=missing)
    async def job(request: Request, job_id: str) -> Response:
        """How far a job is, and its answer once it has one; kept for an hour unless the policy says otherwise."""
        found = jobs.find(job_id, call_of(request).caller.id)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return _told(found, HTTPStatus.OK, {"cache-control": "no-store"})

    return router


def prefers_async(prefer: Iterable[str]) -> bool:
    """Whether Prefer headers ask for an answer later.

    >>> prefers_async(["return=minimal, Respond-Async; q=1"]), prefers_async(["wait=10"])
    (True, False)
    """
    preferences = (part for header in prefer for part in header.split(","))
    return any(part.partition(";")[0].strip().lower() == _PREFERENCE for part in preferences)


def accept(
    jobs: Jobs, request: Request, ask: Ask, call: Call, headers: Mapping[str, str] | None = None
) -> Response:
    """Take the request as a job, which `ask` answers: 202 and where to ask for it; `headers` go with its webhook.

    Raises Busy, or Invalid for a callback that the server does not post to.
    """
    callback = None
    if (url := request.headers.get(CALLBACK)) is not None:
        if jobs.webhooks is None:
            raise Invalid(
                "the callback cannot be used", [FieldProblem(CALLBACK, "this server posts to none")]
            )
        callback = jobs.webhooks.place(url)
    job = jobs.submit(ask, call, callback, headers)
    more = {"location": f"/v1/jobs/{job.id}", "preference-applied": _PREFERENCE, "retry-after": "1"}
    return _told(job, HTTPStatus.ACCEPTED, more)


def _told(job: Job, status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    return Response(to_json(job.told()), status, headers, media_type="application/json")
