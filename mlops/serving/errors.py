"""What becomes of a request that cannot be answered, as a tree; each error carries its HTTP status.

RequestProblem
├── BadSyntax    400  the body is not the JSON that it claims to be
├── TooLarge     413  the body is over the limit
├── WrongType    415  the body does not claim to be JSON
├── Invalid      422  the JSON does not fit the model's signature; names the fields
├── ModelFailed  500  the model raised, or gave something that is no prediction
└── Busy         503  the request log takes no more labels for now
"""

from collections.abc import Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

# A field's name comes from the caller where it is one too many; and one request should not fill a screen.
_MAX_FIELD_CHARACTERS = 200
_MAX_FIELDS = 20


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field, `records.0.age`; never its value."""

    field: str
    message: str


class RequestProblem(Exception):  # noqa: N818 - a tree of problems, named as callers see them
    """A request that cannot be answered; `detail` is for the caller and repeats nothing that was sent."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str, fields: Sequence[FieldProblem] = ()) -> None:
        self.detail = detail
        self.fields = tuple(fields)
        super().__init__(detail)

    @property
    def kind(self) -> str:
        """The name under which it is counted."""
        return type(self).__name__


class BadSyntax(RequestProblem):
    """The body is not the JSON that it claims to be."""

    status = HTTPStatus.BAD_REQUEST


class TooLarge(RequestProblem):
    """The body is over the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE


class WrongType(RequestProblem):
    """The body does not claim to be JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Invalid(RequestProblem):
    """The JSON does not fit the model's signature."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class ModelFailed(RequestProblem):
    """The model raised, or gave something that is no prediction."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class Busy(RequestProblem):
    """The request log takes no more for now; the same request may succeed in a second."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


def problem_json(
    status: int, detail: str, request_id: str, fields: Sequence[FieldProblem] = ()
) -> dict[str, Any]:
    """An answer in the form of RFC 9457, with the request's id and the fields at fault.

    >>> missing = FieldProblem("records.0.age", "Field required")
    >>> problem_json(422, "1 problem", "a-1", [missing])["errors"]
    [{'field': 'records.0.age', 'message': 'Field required'}]
    """
    answer: dict[str, Any] = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "request_id": request_id,
    }
    if fields:
        answer["errors"] = [
            {"field": _printable(item.field), "message": item.message} for item in fields[:_MAX_FIELDS]
        ]
    return answer


def _printable(name: str) -> str:
    short = name if len(name) <= _MAX_FIELD_CHARACTERS else name[:_MAX_FIELD_CHARACTERS] + "..."
    return short.encode("utf-8", "replace").decode()
