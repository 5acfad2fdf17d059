"""Who asks, what a caller may do, and which route needs what."""

from dataclasses import dataclass
from enum import StrEnum


class Scope(StrEnum):
    """What a key or token allows; none of them includes another."""

    PREDICT = "predict"
    FEEDBACK = "feedback"
    ADMIN = "admin"


@dataclass(frozen=True)
class Caller:
    """Who asks: `key:ID`, `token:SUBJECT`, or `anyone` where access control is off."""

    id: str
    scopes: frozenset[Scope]


ANYONE = Caller("anyone", frozenset(Scope))

# Routers and orchestrators ask after the health often and carry no key, nor does a browser that opens a page; none of
# them tells anything of the model.
FREE = ("/health/", "/docs/")
# One of these scopes opens a route. What is not named here needs admin, so a new route is closed at first.
NEEDED: dict[str, frozenset[Scope]] = {
    "/v1/predict": frozenset({Scope.PREDICT}),
    "/v1/generate": frozenset({Scope.PREDICT}),
    "/v1/feedback": frozenset({Scope.FEEDBACK}),
    "/openapi.json": frozenset({Scope.PREDICT, Scope.ADMIN}),
    "/metrics": frozenset({Scope.ADMIN}),
    "/model": frozenset({Scope.ADMIN}),
}
_CLOSED = frozenset({Scope.ADMIN})
_JOBS_PREFIX = "/v1/jobs/"


def needed(path: str) -> frozenset[Scope] | None:
    """The scopes of which one opens a path; None for a path that is free.

    >>> sorted(needed("/openapi.json")), needed("/health/live"), sorted(needed("/new"))
    ([<Scope.ADMIN: 'admin'>, <Scope.PREDICT: 'predict'>], None, [<Scope.ADMIN: 'admin'>])
    """
    if path == "/docs" or path.startswith(FREE):
        return None
    # A job is its caller's alone; whoever may ask may look what became of it.
    if path.startswith(_JOBS_PREFIX):
        return NEEDED["/v1/predict"]
    return NEEDED.get(path, _CLOSED)
