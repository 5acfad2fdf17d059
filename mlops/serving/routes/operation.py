"""What operators and routers ask: health, metrics, and which model this is."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from mlops.serving.metrics import Metrics


@dataclass
class Readiness:
    """Whether this process wants requests; a stopping one still answers those that it has."""

    draining: bool = False


def operation_routes(readiness: Readiness, metrics: Metrics, about: Mapping[str, Any]) -> APIRouter:
    """Answer from memory, on the event loop, so that a busy model does not make the process look dead."""
    router = APIRouter(tags=["operation"])

    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "live"}

    @router.get("/health/ready", responses={503: {"description": "Draining"}})
    async def ready() -> JSONResponse:
        """Whether the process wants requests."""
        if readiness.draining:
            return JSONResponse({"status": "draining"}, 503)
        # Whoever deploys asks which version came up, and has no key.
        return JSONResponse({"status": "ready", "version": about["version"]})

    @router.get("/metrics", response_class=Response)
    async def exposition() -> Response:
        """Metrics in Prometheus' text format."""
        return Response(metrics.exposition(), media_type=CONTENT_TYPE_LATEST)

    @router.get("/model")
    async def model() -> dict[str, Any]:
        """Which model this is, and what it was decided on."""
        return dict(about)

    return router
