"""GET /docs: Swagger UI over the OpenAPI document, from this server alone: works offline, tells nobody who looks."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, HTMLResponse, Response

_FILES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon.png": "image/png",
}
# Everything in files of their own, so that the page's policy need not allow what is written into it.
_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Weighbridge</title>
<link rel="icon" href="docs/favicon.png">
<link rel="stylesheet" href="docs/swagger-ui.css">
</head>
<body>
<div id="swagger-ui"></div>
<script src="docs/swagger-ui-bundle.js"></script>
<script src="docs/start.js"></script>
</body>
</html>
"""
_START = """SwaggerUIBundle({
  url: "openapi.json",
  dom_id: "#swagger-ui",
  deepLinking: true,
});
"""


def docs_routes() -> APIRouter:
    """The page and its files; of the package `fastapi-offline` only the files are used, not its code."""
    router = APIRouter(include_in_schema=False)
    folder = _folder()

    @router.get("/docs")
    async def page() -> HTMLResponse:
        """The page."""
        return HTMLResponse(_PAGE)

    @router.get("/docs/start.js")
    async def start() -> Response:
        """What begins the page."""
        return Response(_START, media_type="text/javascript")

    @router.get("/docs/{name}")
    async def file(name: str) -> FileResponse:
        """One of Swagger UI's files."""
        if name not in _FILES:
            raise HTTPException(404)
        return FileResponse(folder / name, media_type=_FILES[name])

    return router


def _folder() -> Path:
    """Where the package keeps them, found without importing it."""
    found = find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'fastapi_offline'", name="fastapi_offline")
    return Path(found.origin).parent / "static"
