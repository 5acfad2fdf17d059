"""The rating page: answers shown blind and in random order, scored by key, kept in a file as each is given."""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import UserError
from evaluation.judges.config import ScaleConfig
from evaluation.judges.ratings import LONGEST_NAME, Rateable, append_rating, order_for, rated_by

if TYPE_CHECKING:
    from starlette.applications import Starlette
    from starlette.requests import Request

HERE = "127.0.0.1"
_KINDS = {"page.html": "text/html", "page.css": "text/css", "page.js": "text/javascript"}
_HEADERS = {
    "content-security-policy": "default-src 'self'; img-src data:; frame-ancestors 'none'; base-uri 'none'; "
    "form-action 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}


@dataclass(frozen=True)
class Round:
    """What is to be rated, by which rubric and scale, and the file that ratings go to."""

    rateables: Sequence[Rateable]
    rubric: str
    scale: ScaleConfig
    file: Path
    seed: int = 0

    def state(self, rater: str) -> dict[str, Any]:
        """All answers in the rater's own order with what they said of each so far; nobody learns who wrote what."""
        said = rated_by(self.file, rater)
        return {
            "rubric": self.rubric,
            "points": list(self.scale.points),
            "items": [
                {
                    "id": each.id,
                    "prompt": each.item.prompt,
                    "answer": each.item.answer,
                    "reference": each.item.reference,
                    "score": said.get(each.id),
                }
                for each in order_for(rater, self.rateables, self.seed)
            ],
        }

    def rate(self, told: Any) -> None:
        """Keep one rating; raises UserError where it is none."""
        if not isinstance(told, dict) or not isinstance(told.get("rater"), str):
            raise UserError("a rating names its rater, an answer and a score")
        found = {each.id: each for each in self.rateables}.get(str(told.get("id")))
        if found is None:
            raise UserError("there is no such answer here")
        score = told.get("score")
        known = any(type(score) is type(point) and score == point for point in self.scale.points)
        if not isinstance(score, int | str) or not known:
            raise UserError(f"{score!r} is not on the scale")
        append_rating(self.file, found, told["rater"], score)


def rating_app(rated: Round) -> "Starlette":
    """The page and its two calls, for requests to this machine by its own names only."""
    from starlette.applications import Starlette
    from starlette.middleware import Middleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware
    from starlette.responses import JSONResponse, Response
    from starlette.routing import Route

    def refused(problem: str, status: int = 422) -> Response:
        return JSONResponse({"problem": problem}, status, _HEADERS)

    async def part(request: "Request") -> Response:
        name = request.path_params.get("name", "page.html")
        if name not in _KINDS:
            return refused("no such page", 404)
        text = files(__package__).joinpath(name).read_text(encoding="utf-8")
        return Response(text, media_type=_KINDS[name], headers=_HEADERS)

    async def items(request: "Request") -> Response:
        rater = request.query_params.get("rater", "")
        if not rater.strip() or len(rater) > LONGEST_NAME:
            return refused("say who you are")
        return JSONResponse(rated.state(rater), headers=_HEADERS)

    async def rate(request: "Request") -> Response:
        # A page of another site can't send this type without asking first, and is then refused.
        if request.headers.get("content-type", "").partition(";")[0] != "application/json":
            return refused("JSON is expected", 415)
        try:
            rated.rate(await request.json())
        except UserError as error:
            return refused(error.found)
        except ValueError:
            return refused("no JSON")
        return JSONResponse({"kept": True}, headers=_HEADERS)

    # Another name that leads here would let a page of another site read what is shown.
    only_here = Middleware(TrustedHostMiddleware, allowed_hosts=[HERE, "localhost"])
    routes = [
        Route("/", part),
        Route("/items", items),
        Route("/ratings", rate, methods=["POST"]),
        Route("/{name}", part),
    ]
    return Starlette(routes=routes, middleware=[only_here])


def serve(rated: Round, port: int) -> None:
    """Serve the page on loopback until interrupted."""
    import uvicorn

    uvicorn.run(rating_app(rated), host=HERE, port=port, log_level="warning", access_log=False)
