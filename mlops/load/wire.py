"""HTTP/1.1 as an asyncio protocol on httptools: one request, its answer, the next one, over a kept connection.

httpx makes a few hundred requests a second in one process; what is measured should be the server.
"""

import asyncio
import ssl
from dataclasses import dataclass
from enum import StrEnum
from typing import Self, cast
from urllib.parse import urlsplit

import httptools

from evaluation.errors import UserError


class Fault(StrEnum):
    """Why a request got no HTTP answer."""

    UNREACHABLE = "no connection"
    CLOSED = "closed before the answer"
    TIMEOUT = "out of time"
    NOT_HTTP = "no HTTP"


class NoAnswer(Exception):  # noqa: N818 - an outcome that is counted
    """A request without an HTTP answer."""

    def __init__(self, fault: Fault) -> None:
        self.fault = fault
        super().__init__(fault.value)


@dataclass(frozen=True)
class Target:
    """Where requests go; `base` is the address without the route, as people write it."""

    base: str
    host: str
    port: int
    path: str
    encrypted: bool

    @classmethod
    def of(cls, url: str) -> Self:
        """Read an address such as http://127.0.0.1:8000; raises UserError for what is none."""
        try:
            parts = urlsplit(url)
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            parts, port = urlsplit(""), 0
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise UserError(
                "this is no address of a server",
                expected="http://HOST:PORT, without a user or a query",
                next_step="weighbridge load http://127.0.0.1:8000",
            )
        return cls(url.rstrip("/"), parts.hostname, port, parts.path.rstrip("/"), parts.scheme == "https")

    def post(self, route: str, body: bytes, key: str | None = None) -> bytes:
        """The bytes of one request.

        >>> Target.of("http://lane:8000").post("/v1/predict", b"{}").splitlines()[:2]
        [b'POST /v1/predict HTTP/1.1', b'host: lane:8000']
        """
        host = f"[{self.host}]" if ":" in self.host else self.host
        lines = [
            f"POST {self.path}{route} HTTP/1.1",
            f"host: {host}:{self.port}",
            "content-type: application/json",
            f"content-length: {len(body)}",
            *([] if key is None else [f"authorization: Bearer {key}"]),
        ]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


class Connection(asyncio.Protocol):
    """A connection that is asked one thing at a time; `open` turns False when the next needs a new one."""

    def __init__(self) -> None:
        self.open = False
        self._answer: asyncio.Future[int] | None = None
        self._head_read = self._has_length = False
        self._parser = httptools.HttpResponseParser(self)

    @classmethod
    async def to(cls, target: Target) -> Self:
        """Connect; raises NoAnswer."""
        secure = ssl.create_default_context() if target.encrypted else None
        try:
            _, made = await asyncio.get_running_loop().create_connection(
                cls, target.host, target.port, ssl=secure
            )
        except OSError as error:
            raise NoAnswer(Fault.UNREACHABLE) from error
        return made

    def ask(self, request: bytes) -> asyncio.Future[int]:
        """Send; the future holds the answer's status once its body has come, or raises NoAnswer."""
        self._answer = asyncio.get_running_loop().create_future()
        self._head_read = self._has_length = False
        self._transport.write(request)
        return self._answer

    def abort(self) -> None:
        """Close at once, whatever is on its way."""
        self.open = False
        self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast("asyncio.Transport", transport)
        self.open = True

    def data_received(self, data: bytes) -> None:
        """Bytes of an answer."""
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._end(NoAnswer(Fault.NOT_HTTP))
            self.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """The end of the connection, and of an answer that has no other (RFC 9112, 6.3)."""
        self.open = False
        if self._head_read and not self._has_length and exc is None:
            self._end(self._parser.get_status_code())
        else:
            self._end(NoAnswer(Fault.CLOSED))

    def on_header(self, name: bytes, _: bytes) -> None:
        """A header: does it say where the body ends?"""
        if name.lower() in {b"content-length", b"transfer-encoding"}:
            self._has_length = True

    def on_headers_complete(self) -> None:
        """The head of an answer."""
        self._head_read = True

    def on_message_complete(self) -> None:
        """A whole answer; one of 1xx only goes before it."""
        status = self._parser.get_status_code()
        if status < 200:
            self._head_read = self._has_length = False
            return
        if not self._parser.should_keep_alive():
            self.open = False
            self._transport.close()
        self._end(status)

    def _end(self, outcome: int | NoAnswer) -> None:
        answer, self._answer = self._answer, None
        if answer is None or answer.done():
            return
        if isinstance(outcome, NoAnswer):
            answer.set_exception(outcome)
        else:
            answer.set_result(outcome)
