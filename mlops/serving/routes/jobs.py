"""GET /v1/jobs/ID: how far a job is, and its answer."""

from http import HTTPStatus
from typing import Any

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response

from mlops.serving.jobs.accept import told
from mlops.serving.jobs.jobs import Jobs
from mlops.serving.routes.predict import call_of


def job_routes(jobs: Jobs) -> APIRouter:
    """Tell callers of their jobs."""
    router = APIRouter(prefix="/v1", tags=["answers"])
    missing: dict[int | str, dict[str, Any]] = {
        404: {"description": "No such job of yours", "content": {"application/problem+json": {}}}
    }

    @router.get("/jobs/{job_id}", responses=missing)
    async def job(request: Request, job_id: str) -> Response:
        """How far a job is, and its answer once it has one; kept for an hour unless the policy says otherwise."""
        found = await jobs.find(job_id, call_of(request).caller.id)
        if found is None:
            raise HTTPException(HTTPStatus.NOT_FOUND)
        return told(found, HTTPStatus.OK, {"cache-control": "no-store"})

    return router
