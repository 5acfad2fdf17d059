"""GET /docs: Swagger UI over the OpenAPI document, from this server alone: works offline, tells nobody who looks."""

from importlib.util import find_spec
from pathlib import Path

from fastapi import APIRouter
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse

_SWAGGER = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon.png": "image/png",
}
# Everything in files of their own, so that the page's policy need not allow what is written into it.
_OWN = {"start.css": "text/css", "start.js": "text/javascript"}
_PAGE = Path(__file__).with_name("docs_page")


def docs_routes() -> APIRouter:
    """The page and its files; of the package `fastapi-offline` only the files are used, not its code.

    They tell nothing of the model and are for everyone; the document is not, and the page asks for a key where it is
    refused.
    """
    router = APIRouter(include_in_schema=False)
    known = {name: (_folder() / name, kind) for name, kind in _SWAGGER.items()}
    known |= {name: (_PAGE / name, kind) for name, kind in _OWN.items()}

    @router.get("/docs")
    async def page() -> FileResponse:
        """The page."""
        return FileResponse(_PAGE / "page.html", media_type="text/html")

    @router.get("/docs/{name}")
    async def file(name: str) -> FileResponse:
        """One of its files."""
        if name not in known:
            raise HTTPException(404)
        path, kind = known[name]
        return FileResponse(path, media_type=kind)

    return router


def _folder() -> Path:
    """Where the package keeps them, found without importing it."""
    found = find_spec("fastapi_offline")
    if found is None or found.origin is None:
        raise ModuleNotFoundError("No module named 'fastapi_offline'", name="fastapi_offline")
    return Path(found.origin).parent / "static"
