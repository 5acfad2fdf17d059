"""What becomes of a request that cannot be answered, as a tree; each error carries its HTTP status.

RequestProblem
├── BadSyntax    400  the body is not the JSON that it claims to be
├── Unknown      401  no key or token that counts came with the request
├── Forbidden    403  the caller's key or token is not for this
├── SlowBody     408  the body did not arrive in time
├── TooLarge     413  the body is over the limit
├── WrongType    415  the body does not claim to be JSON
├── Invalid      422  the JSON does not fit the model's signature; names the fields
├── Rejected     422  the policy refuses a value, or the answer to it; names the fields
├── TooMany      429  this caller asks more often than it may
├── ModelFailed  500  the model raised, or gave something that is no prediction
├── Unanswered   503  the language model behind the model gave no answer
├── Busy         503  the request log takes no more labels for now
├── NotRecorded  503  the journal could not keep the request, which it promises for every answer
├── Full         503  as many requests are in the house as it takes
└── TimedOut     504  there was no answer in time
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, ClassVar

# A field's name comes from the caller where it is one too many; and one request should not fill a screen.
_MAX_FIELD_CHARACTERS = 200
_MAX_FIELDS = 20
_AGAIN: Mapping[str, str] = {"retry-after": "1"}
# What is left of the body will not be read.
_CLOSE: Mapping[str, str] = {"connection": "close"}


@dataclass(frozen=True)
class FieldProblem:
    """What is wrong with one field, `records.0.age`; never its value."""

    field: str
    message: str


class RequestProblem(Exception):  # noqa: N818 - a tree of problems, named as callers see them
    """A request that cannot be answered; `detail` is for the caller and repeats nothing that was sent.

    reason: for the request's line in the log, which the caller does not see; empty where the class says it all.
    always: headers of every answer of a class; `headers` are those of this one.
    """

    status = HTTPStatus.INTERNAL_SERVER_ERROR
    always: ClassVar[Mapping[str, str]] = {}

    def __init__(
        self,
        detail: str,
        fields: Sequence[FieldProblem] = (),
        headers: Mapping[str, str] | None = None,
        reason: str = "",
    ) -> None:
        self.detail = detail
        self.fields = tuple(fields)
        self.headers: Mapping[str, str] = {**self.always, **(headers or {})}
        self.reason = reason
        super().__init__(detail)

    @property
    def kind(self) -> str:
        """The name under which it is counted."""
        return type(self).__name__


class BadSyntax(RequestProblem):
    """The body is not the JSON that it claims to be."""

    status = HTTPStatus.BAD_REQUEST


class Unknown(RequestProblem):
    """No key or token that counts came with the request; which of many reasons it was is not told."""

    status = HTTPStatus.UNAUTHORIZED


class Forbidden(RequestProblem):
    """The caller is known, and may not do this."""

    status = HTTPStatus.FORBIDDEN


class SlowBody(RequestProblem):
    """The body did not arrive in time."""

    status = HTTPStatus.REQUEST_TIMEOUT
    always = _CLOSE


class TooLarge(RequestProblem):
    """The body is over the limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    always = _CLOSE


class WrongType(RequestProblem):
    """The body does not claim to be JSON."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE


class Invalid(RequestProblem):
    """The JSON does not fit the model's signature."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class Rejected(RequestProblem):
    """The policy refuses a value, or the answer to it."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY


class TooMany(RequestProblem):
    """This caller asks more often than it may."""

    status = HTTPStatus.TOO_MANY_REQUESTS


class ModelFailed(RequestProblem):
    """The model raised, or gave something that is no prediction."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR


class Unanswered(RequestProblem):
    """The language model behind the model gave no answer; why is told in one word."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    always = _AGAIN


class Busy(RequestProblem):
    """The request log takes no more for now; the same request may succeed in a second."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    always = _AGAIN


class NotRecorded(RequestProblem):
    """The journal could not keep the request, and its promise holds for every answer: so there is none."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    always = _AGAIN


class Full(RequestProblem):
    """As many requests are in the house as it takes; one more would only wait."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    always = _AGAIN


class TimedOut(RequestProblem):
    """There was no answer in time; the model may still be at it."""

    status = HTTPStatus.GATEWAY_TIMEOUT


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
