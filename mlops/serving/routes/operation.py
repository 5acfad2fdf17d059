"""What operators and routers ask: health, metrics, and which model this is."""

from dataclasses import asdict, dataclass
from typing import Any

import anyio
from fastapi import APIRouter
from prometheus_client import CONTENT_TYPE_LATEST
from starlette.responses import JSONResponse, Response

from mlops.serving.handler import Handler
from mlops.serving.metrics import Metrics
from mlops.serving.version import ServedVersion


@dataclass
class Readiness:
    """Whether this process wants requests; a stopping one still answers those that it has."""

    draining: bool = False


def operation_routes(readiness: Readiness, metrics: Metrics, handler: Handler) -> APIRouter:
    """Answer from memory, on the event loop, so that a busy model does not make the process look dead."""
    router = APIRouter(tags=["operation"])

    # Some load balancers and watchers ask by HEAD.
    @router.head("/health/live", include_in_schema=False)
    @router.get("/health/live")
    async def live() -> dict[str, str]:
        """Whether the process runs."""
        return {"status": "live"}

    @router.head("/health/ready", include_in_schema=False)
    @router.get("/health/ready", responses={503: {"description": "Draining"}})
    async def ready() -> JSONResponse:
        """Whether the process wants requests."""
        if readiness.draining:
            return JSONResponse({"status": "draining"}, 503)
        # Whoever deploys asks which version came up, and has no key.
        return JSONResponse({"status": "ready", "version": handler.version.bundle.version})

    @router.get("/metrics", response_class=Response)
    async def exposition() -> Response:
        """Metrics in Prometheus' text format."""
        metrics.refresh()
        # What other processes wrote lies in files.
        text = await anyio.to_thread.run_sync(metrics.exposition) if metrics.shared else metrics.exposition()
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    @router.get("/model")
    async def model() -> dict[str, Any]:
        """Which model this is, and what it was decided on."""
        return _about(handler.version)

    return router


def _about(version: ServedVersion) -> dict[str, Any]:
    bundle = version.bundle
    return {
        "model": bundle.model,
        "version": bundle.version,
        "release_id": bundle.release_id,
        "task": str(bundle.task),
        "threshold": bundle.threshold,
        "model_digest": bundle.model_digest,
        "decision_digest": bundle.decision_digest,
        "loaded_at": version.loaded_at.isoformat(timespec="seconds"),
        "inputs": [asdict(field) for field in version.inputs],
    }
