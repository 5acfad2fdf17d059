"""GET /v1/jobs/ID: how far a job is, and its answer."""

from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mlops.serving.answers import Answer
from mlops.serving.jobs.accept import told
from mlops.serving.jobs.job import State
from mlops.serving.jobs.jobs import Jobs
from mlops.serving.routes.predict import call_of


class Told(BaseModel):
    """A job; `answer` once it is done, `problem` once it failed."""

    id: str
    state: State
    made_at: datetime
    answer: Answer | None = None
    problem: dict[str, Any] | None = None


def job_routes(jobs: Jobs) -> APIRouter:
    """Tell callers of their jobs."""
    router = APIRouter(prefix="/v1", tags=["answers"])
    refusals: dict[int | str, dict[str, Any]] = {
        404: {"description": "No such job of yours"},
        503: {"description": "Jobs cannot be told for now"},
    }

    @router.get("/jobs/{job_id}", responses=refusals, response_model=Told)
    async def job(request: Request, job_id: str) -> Response:
        """How far a job is, and its answer once it has one; kept for an hour unless the policy says otherwise."""
        found = await jobs.find(job_id, call_of(request).caller.id)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return told(found, HTTPStatus.OK, {"cache-control": "no-store"})

    return router
