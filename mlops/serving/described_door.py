"""What the OpenAPI document says of who may ask, and of refusals."""

from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from mlops.serving.access.callers import needed
from mlops.serving.access.config import AccessConfig

_PROBLEM: dict[str, Any] = {
    "title": "Problem",
    "description": "A refusal as RFC 9457 has it; it repeats nothing that was sent.",
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "request_id": {"type": "string"},
        "errors": {
            "type": "array",
            "description": "The fields at fault.",
            "items": {
                "type": "object",
                "required": ["field", "message"],
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}
_PROBLEM_JSON = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
_RETRY_AFTER = {
    "Retry-After": {
        "description": "Seconds until it may be worth asking again.",
        "required": True,
        "schema": {"type": "integer", "minimum": 0},
    }
}
_CHALLENGE = {"WWW-Authenticate": {"required": True, "schema": {"type": "string"}}}
_HEADERS = {401: _CHALLENGE, 429: _RETRY_AFTER, 503: _RETRY_AFTER}
# FastAPI's own; paths are read as they come, and bodies by the handler.
_NEVER_SENT = "HTTPValidationError"


def add_door(document: dict[str, Any], access: AccessConfig) -> None:
    """Name the security schemes of the policy on the routes that want them, and describe every refusal.

    A route that wants a key also answers 401 and 403, one that is counted 429; none of it is there where it is off.
    """
    components = document.setdefault("components", {})
    schemes = _schemes(access)
    if schemes:
        components["securitySchemes"] = schemes
    for path, operation in _operations(document):
        scopes = needed(path)
        statuses = [401, 403] if schemes and scopes else []
        statuses += [429] if scopes and (access.rate or access.quota) else []
        for status in statuses:
            operation["responses"][str(status)] = {"description": HTTPStatus(status).phrase}
        if schemes:
            operation["security"] = [{name: sorted(scopes)} for name in schemes] if scopes else []
        if scopes:
            _describe_refusals(operation["responses"])
        operation["responses"] = dict(sorted(operation["responses"].items()))
    schemas = components["schemas"]
    schemas["Problem"] = _PROBLEM
    for name in (_NEVER_SENT, "ValidationError"):
        schemas.pop(name, None)


def _schemes(access: AccessConfig) -> dict[str, Any]:
    """Either is sent as a bearer token; their scopes are predict, feedback and admin."""
    found: dict[str, Any] = {}
    if access.keys:
        found["key"] = {
            "type": "http",
            "scheme": "bearer",
            "description": "An API key of this server.",
        }
    if access.oidc is not None:
        found["token"] = {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": f"A token of {access.oidc.issuer} for the audience {access.oidc.audience}.",
        }
    return found


def _operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    return ((path, operation) for path, each in document["paths"].items() for operation in each.values())


def _describe_refusals(responses: dict[str, Any]) -> None:
    for status, response in list(responses.items()):
        if _NEVER_SENT in str(response):
            del responses[status]
        elif int(status) >= 400:
            response["content"] = _PROBLEM_JSON
            if int(status) in _HEADERS:
                response["headers"] = _HEADERS[int(status)]
