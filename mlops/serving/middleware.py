"""What every request passes on its way in and out; plain ASGI, because a wrapper of responses costs more."""

import logging
import time
from collections.abc import Callable
from urllib.parse import quote

from pydantic_core import to_json
from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mlops.serving.errors import TooLarge, problem_json
from mlops.serving.ids import request_id
from mlops.serving.metrics import Metrics

_ACCESS = logging.getLogger("weighbridge.access")
_LOG = logging.getLogger("weighbridge.server")
# What a caller sees who hung up before the answer; nginx's number, as HTTP has none.
CLIENT_CLOSED = 499
_MAX_PATH = 200


class Observe:
    """Gives the request its id, and leaves one log line and one measurement behind."""

    def __init__(
        self, app: ASGIApp, metrics: Metrics, timer: Callable[[], float] = time.perf_counter
    ) -> None:
        self._app = app
        self._metrics = metrics
        self._timer = timer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = self._timer()
        name = request_id(Headers(scope=scope).get("x-request-id"))
        scope.setdefault("state", {})["request_id"] = name
        status = CLIENT_CLOSED
        told = False

        def tell() -> None:
            nonlocal told
            if not told:
                told = True
                self._tell(scope, name, status, self._timer() - started)

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = name
            await send(message)
            # Not only when the application returns: after a 504 the model may go on for long.
            if message["type"] == "http.response.body" and not message.get("more_body", False):
                tell()

        try:
            await self._app(scope, receive, send_named)
        finally:
            tell()

    def _tell(self, scope: Scope, name: str, status: int, seconds: float) -> None:
        # Paths that no route has would make a measurement each.
        route = getattr(scope.get("route"), "path", "other")
        self._metrics.request(route, status, seconds, scope["state"].get("lane"))
        facts = {
            "method": scope["method"],
            "path": quote(scope["path"], safe="/")[:_MAX_PATH],
            "status": status,
            "ms": round(seconds * 1000, 2),
            "request_id": name,
        }
        state = scope["state"]
        facts |= {fact: state[fact] for fact in ("problem", "reason") if fact in state}
        if (caller := state.get("caller")) is not None:
            facts["caller"] = caller.id
        _ACCESS.info("request", extra={"facts": facts})


class Contain:
    """Turns what nobody expected into a clean answer; the trace goes to the log."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on."""
        begun = False

        async def send_noted(message: Message) -> None:
            nonlocal begun
            begun = begun or message["type"] == "http.response.start"
            try:
                await send(message)
            except RuntimeError as error:
                # uvloop's word for a caller who sent several requests in one piece and hung up before the answers.
                raise ClientDisconnect from error

        try:
            await self._app(scope, receive, send_noted)
        except ClientDisconnect:
            self._metrics.failed("ClientDisconnect")
        except Exception:
            if scope["type"] != "http":
                raise
            self._metrics.failed("Unexpected")
            _LOG.exception("unexpected error", extra={"facts": {"request_id": scope["state"]["request_id"]}})
            if begun:
                raise
            await problem(500, "unexpected error", scope["state"]["request_id"])(scope, receive, send)


class LimitBody:
    """Refuses a body over the limit: by its announced length, and by count where there is none or it lies."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; whoever reads too much of the body gets TooLarge."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        too_long = announced.isdecimal() and int(announced) > self._max
        seen = 0

        async def receive_counted() -> Message:
            nonlocal seen
            if too_long:
                raise self._error()
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._max:
                raise self._error()
            return message

        await self._app(scope, receive_counted, send)

    def _error(self) -> TooLarge:
        return TooLarge(f"the body is over {self._max // 1024} KiB")


def problem(status: int, detail: str, name: str, **more: object) -> Response:
    """A problem+json answer."""
    content = to_json(problem_json(status, detail, name, **more))  # type: ignore[arg-type]
    return Response(content, status, media_type="application/problem+json")
