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

# Routers and orchestrators ask these often and carry no key; they tell nothing about the model's answers.
FREE_PREFIX = "/health/"
# One of these scopes opens a route. What is not named here needs admin, so a new route is closed at first.
NEEDED: dict[str, frozenset[Scope]] = {
    "/v1/predict": frozenset({Scope.PREDICT}),
    "/v1/generate": frozenset({Scope.PREDICT}),
    "/v1/feedback": frozenset({Scope.FEEDBACK}),
    "/docs": frozenset({Scope.PREDICT, Scope.ADMIN}),
    "/openapi.json": frozenset({Scope.PREDICT, Scope.ADMIN}),
    "/metrics": frozenset({Scope.ADMIN}),
    "/model": frozenset({Scope.ADMIN}),
}
_CLOSED = frozenset({Scope.ADMIN})
_JOBS_PREFIX = "/v1/jobs/"


def needed(path: str) -> frozenset[Scope] | None:
    """The scopes of which one opens a path; None for a path that is free.

    >>> sorted(needed("/docs")), needed("/health/live"), sorted(needed("/new"))
    ([<Scope.ADMIN: 'admin'>, <Scope.PREDICT: 'predict'>], None, [<Scope.ADMIN: 'admin'>])
    """
    if path.startswith(FREE_PREFIX):
        return None
    # A job is its caller's alone; whoever may ask may look what became of it.
    if path.startswith(_JOBS_PREFIX):
        return NEEDED["/v1/predict"]
    return NEEDED["/docs"] if path.startswith("/docs/") else NEEDED.get(path, _CLOSED)
