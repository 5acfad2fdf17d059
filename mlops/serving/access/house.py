"""How many are in the house, for how long, and what a browser is told; plain ASGI."""

import asyncio

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlops.serving.access.reasons import Reason
from mlops.serving.access.refusals import FULL, TIMED_OUT, refuse
from mlops.serving.errors import SlowBody
from mlops.serving.metrics import InFlight, Metrics

# What the model has no part in is answered from memory at once, and is asked most when the house is full.
_WORK = "/v1/"
_HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
}
_POLICY = "default-src 'none'; frame-ancestors 'none'"
# Swagger UI has small pictures in its style sheet.
_DOCS_POLICY = (
    "default-src 'none'; connect-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)


class SecurityHeaders:
    """Tells a browser to guess, keep, frame and run nothing."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        policy = _DOCS_POLICY if scope["path"] == "/docs" else _POLICY

        async def send_safely(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers["content-security-policy"] = policy
            await send(message)

        await self._app(scope, receive, send_safely)


class LimitInFlight:
    """Answers 503 to a request beyond `most` that are in the house, instead of letting it wait."""

    def __init__(self, app: ASGIApp, most: int, metrics: Metrics, in_flight: InFlight | None = None) -> None:
        self._app = app
        self._most = most
        self._metrics = metrics
        self._in_flight = in_flight or InFlight()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 503."""
        if scope["type"] != "http" or not scope["path"].startswith(_WORK):
            await self._app(scope, receive, send)
            return
        if self._in_flight.requests >= self._most:
            await refuse(scope, receive, send, error=FULL, reason=Reason.FULL, metrics=self._metrics)
            return
        self._in_flight.requests += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._in_flight.requests -= 1


class Timeout:
    """Answers 504 to a request that has no answer after `seconds`, and 408 to one whose body is not there.

    What the model has begun goes on, as a thread cannot be killed; its answer is dropped. Stand this inside of
    LimitInFlight, so that such a request keeps its place there until the model is done with it.
    """

    def __init__(self, app: ASGIApp, seconds: float, metrics: Metrics) -> None:
        self._app = app
        self._seconds = seconds
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        await _Timed(scope, receive, send, self._metrics).run(self._app, self._seconds)


class _Timed:
    """One request against the clock; a timer instead of a task, which would cost every request more."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, metrics: Metrics) -> None:
        self._scope = scope
        self._receive = receive
        self._send = send
        self._metrics = metrics
        self._begun = self._late = self._slow = self._complete = False
        self._reader: asyncio.Task[object] | None = None
        self._refusal: asyncio.Task[None] | None = None

    async def run(self, app: ASGIApp, seconds: float) -> None:
        timer = asyncio.get_running_loop().call_later(seconds, self._expire)
        try:
            await app(self._scope, self._receive_timed, self._send_timed)
        finally:
            timer.cancel()
            if self._refusal is not None:
                await self._refusal

    def _expire(self) -> None:
        if self._reader is not None:
            self._slow = True
            self._reader.cancel()
        elif not self._begun:
            self._late = True
            answer = refuse(
                self._scope,
                self._receive,
                self._send,
                error=TIMED_OUT,
                reason=Reason.TIMED_OUT,
                metrics=self._metrics,
            )
            self._refusal = asyncio.ensure_future(answer)

    async def _receive_timed(self) -> Message:
        """The next part of the body; raises SlowBody when the time is over before it is there."""
        if self._complete:
            return await self._receive()
        reader = self._reader = asyncio.current_task()
        try:
            message = await self._receive()
        except asyncio.CancelledError:
            # Somebody else, such as a stopping server, may have cancelled it, too.
            if not self._slow or reader is None or reader.uncancel() > 0:
                raise
            self._metrics.refused(Reason.SLOW_BODY)
            raise SlowBody("the body did not arrive in time") from None
        finally:
            self._reader = None
        self._complete = not message.get("more_body", False)
        return message

    async def _send_timed(self, message: Message) -> None:
        if not self._late:
            self._begun = True
            await self._send(message)
