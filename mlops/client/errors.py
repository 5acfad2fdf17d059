"""Why a call gave no answer, as a tree; nothing in it repeats the key or a record.

CallFailed
├── Refused              the server does not take this request: 4xx
│   └── TooManyRequests  429; `retry_after_s` where the server said when
├── ServerFailed         the server could not answer: 5xx, or an answer of another server
└── Unreachable          no answer came: no connection, a connection cut, or out of time
"""

from collections.abc import Sequence


class CallFailed(Exception):  # noqa: N818 - a tree of outcomes, named as callers see them
    """A call without an answer, with the fields of the server's problem+json where there was one (RFC 9457).

    status: of HTTP, None where no answer came. errors: (field, message) of each field at fault.

    >>> print(Refused("1 problem(s)", status=422, request_id="a-1", errors=[("records.0.age", "Field required")]))
    422: 1 problem(s); records.0.age: Field required (request a-1)
    """

    def __init__(  # noqa: PLR0913 - the members of a problem, as RFC 9457 has them
        self,
        detail: str,
        *,
        status: int | None = None,
        title: str = "",
        request_id: str = "",
        errors: Sequence[tuple[str, str]] = (),
        retry_after_s: float | None = None,
    ) -> None:
        self.detail = detail
        self.status = status
        self.title = title
        self.request_id = request_id
        self.errors = tuple(errors)
        self.retry_after_s = retry_after_s
        said = "; ".join([detail or title, *(f"{field}: {message}" for field, message in self.errors)])
        super().__init__(f"{f'{status}: ' if status else ''}{said} (request {request_id})")


class Refused(CallFailed):
    """The server does not take this request; the same one will be refused again."""


class TooManyRequests(Refused):
    """The caller asks more often than it may."""


class ServerFailed(CallFailed):
    """The server could not answer, or what answered is no Weighbridge server."""


class Unreachable(CallFailed):
    """No answer came."""
