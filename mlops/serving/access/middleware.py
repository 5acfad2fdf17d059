"""Who asks, and whether it asks too often; plain ASGI."""

from typing import Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from mlops.serving.access.callers import ANYONE, Caller, needed
from mlops.serving.access.limits import RateLimits, caller_name
from mlops.serving.access.reasons import Reason
from mlops.serving.access.refusals import FORBIDDEN, UNKNOWN, Patience, refuse, too_many
from mlops.serving.metrics import Metrics

REFUSAL_AFTER_S = 0.1


class Authenticator(Protocol):
    """Turns what stands in an Authorization header into a caller; Doorkeeper is one."""

    async def admit(self, authorization: bytes) -> Caller | Reason:
        """The caller, or why there is none."""
        ...


class Authenticate:
    """Puts the caller into `scope["state"]["caller"]`; without an authenticator that is ANYONE."""

    def __init__(
        self,
        app: ASGIApp,
        authenticator: Authenticator | None,
        metrics: Metrics,
        pause_s: float = REFUSAL_AFTER_S,
    ) -> None:
        self._app = app
        self._patience = Patience(pause_s)
        self._authenticator = authenticator
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 401 or 403."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scopes = needed(scope["path"])
        if self._authenticator is None or scopes is None:
            scope["state"]["caller"] = ANYONE
            await self._app(scope, receive, send)
            return
        sent = [value for name, value in scope["headers"] if name == b"authorization"]
        caller: Caller | Reason
        if len(sent) == 1:
            caller = await self._authenticator.admit(sent[0])
        else:
            caller = Reason.MALFORMED if sent else Reason.MISSING
        if isinstance(caller, Reason):
            await self._patience.pause()
            await refuse(scope, receive, send, error=UNKNOWN, reason=caller, metrics=self._metrics)
        elif scopes.isdisjoint(caller.scopes):
            scope["state"]["caller"] = caller
            await refuse(scope, receive, send, error=FORBIDDEN, reason=Reason.SCOPE, metrics=self._metrics)
        else:
            scope["state"]["caller"] = caller
            await self._app(scope, receive, send)


class LimitRate:
    """Answers 429 to a caller that is over its rate or quota; health is free of it."""

    def __init__(
        self,
        app: ASGIApp,
        limits: RateLimits | None,
        metrics: Metrics,
        pause_s: float = REFUSAL_AFTER_S,
    ) -> None:
        self._app = app
        self._patience = Patience(pause_s)
        self._limits = limits
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or answer 429."""
        if scope["type"] != "http" or self._limits is None or needed(scope["path"]) is None:
            await self._app(scope, receive, send)
            return
        over = await self._limits.take(caller_name(scope))
        if over is None:
            await self._app(scope, receive, send)
            return
        await self._patience.pause()
        error = too_many(over.retry_after_s, over.headers())
        await refuse(scope, receive, send, error=error, reason=over.reason, metrics=self._metrics)
