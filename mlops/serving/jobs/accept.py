"""A request whose caller prefers not to wait (RFC 7240): taken as a job, answered 202."""

from collections.abc import Iterable, Mapping
from http import HTTPStatus

from starlette.requests import Request
from starlette.responses import Response

from mlops.serving.errors import FieldProblem, Invalid
from mlops.serving.handler import Call
from mlops.serving.jobs.job import Job
from mlops.serving.jobs.jobs import Ask, Jobs
from mlops.serving.jobs.webhooks import CALLBACK

_PREFERENCE = "respond-async"


def prefers_async(prefer: Iterable[str]) -> bool:
    """Whether Prefer headers ask for an answer later.

    >>> prefers_async(["return=minimal, Respond-Async; q=1"]), prefers_async(["wait=10"])
    (True, False)
    """
    preferences = (part for header in prefer for part in header.split(","))
    return any(part.partition(";")[0].strip().lower() == _PREFERENCE for part in preferences)


async def accept(jobs: Jobs, request: Request, ask: Ask, call: Call) -> Response:
    """Take the request as a job, which `ask` answers: 202 and where to ask for it.

    Raises Busy, or Invalid for a callback that the server does not post to.
    """
    callback = None
    if (url := request.headers.get(CALLBACK)) is not None:
        if jobs.webhooks is None:
            raise Invalid(
                "the callback cannot be used", [FieldProblem(CALLBACK, "this server posts to none")]
            )
        callback = jobs.webhooks.place(url)
    job = await jobs.submit(ask, call, callback)
    more = {"location": f"/v1/jobs/{job.id}", "preference-applied": _PREFERENCE, "retry-after": "1"}
    return told(job, HTTPStatus.ACCEPTED, more)


def told(job: Job, status: HTTPStatus, headers: Mapping[str, str]) -> Response:
    """A job as JSON."""
    return Response(job.told(), status, headers, media_type="application/json")
