"""HTTP as uvicorn speaks it, with an end to what a stranger may send before anybody has looked at it.

uvicorn bounds neither the length of a request's head nor the time that it takes; both come before any middleware.
"""

import asyncio
import json
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from mlops.serving.errors import problem_json
from mlops.serving.ids import uuid7

# Heads have some hundred bytes, with a token some thousand. What comes at once may be as much again.
MOST_BYTES = 64 * 1024
# HAProxy's `timeout http-request`, which is before us where there is a router.
WITHIN_S = 15.0


class BoundedProtocol(HttpToolsProtocol):
    """Ends a connection whose request has too much beside its body, or does not get on.

    A request that comes in one piece costs it a few comparisons. A clock runs for those that come in parts while nobody
    else waits for them, and for connections on which nothing has come yet.
    """

    _timer: asyncio.TimerHandle | None = None
    # Which request comes in parts, how many bytes since its first part, and those of its body among them.
    _counted: object = None
    _came = _body = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Somebody has connected, and may wait a while."""
        super().connection_made(transport)
        self._begin()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nobody is there any more."""
        self._stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Bytes of one request or several."""
        super().data_received(data)
        cycle = self.cycle
        if cycle is None or cycle.more_body or cycle.scope is not self.scope:
            self._bound(len(data))
        elif self._timer is not None:
            self._stop()

    def on_body(self, body: bytes) -> None:
        """A part of a body, which is bounded by who reads it."""
        self._body += len(body)
        super().on_body(body)

    def _bound(self, came: int) -> None:
        if self.transport.is_closing():
            return
        if self._counted is not self.scope:
            self._counted = self.scope
            # What came may have the end of another request in it, unless this is the first.
            self._came, self._body = (came, 0) if self.cycle is None else (0, 0)
        else:
            self._came += came
            if self._came - self._body > MOST_BYTES:
                self._end(
                    HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, f"the head is over {MOST_BYTES // 1024} KiB"
                )
                return
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop()
        elif self._timer is None:
            # A head, or what is left of a body whose request is answered.
            self._begin()

    def _begin(self) -> None:
        self._timer = self.loop.call_later(WITHIN_S, self._late)

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _late(self) -> None:
        self._timer = None
        self._end(HTTPStatus.REQUEST_TIMEOUT, "the head did not arrive in time")

    def _end(self, status: HTTPStatus, detail: str) -> None:
        """Close; answer before where a part of a head is all that there is."""
        cycle = self.cycle
        begun = self.scope is not None and (cycle is None or cycle.scope is not self.scope)
        if begun and (cycle is None or cycle.response_complete) and not self.transport.is_closing():
            content = json.dumps(problem_json(status, detail, uuid7())).encode()
            head = (
                f"HTTP/1.1 {status.value} {status.phrase}\r\ncontent-type: application/problem+json\r\n"
                f"content-length: {len(content)}\r\nconnection: close\r\n\r\n"
            )
            self.transport.write(head.encode() + content)
        self.transport.close()
