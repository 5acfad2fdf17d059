"""uvicorn with an end that loses nothing, and that comes."""

import asyncio
import logging
import math
import os
import socket
import ssl
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import NoReturn

import uvicorn
from fastapi import FastAPI

from evaluation.errors import ExitCode
from mlops.serving.batching import THREADS
from mlops.serving.protocol import BoundedProtocol

_LOG = logging.getLogger("weighbridge.server")
# After the last request was answered or given up.
_MODEL_WITHIN_S = 1.0


class Server(uvicorn.Server):
    """Stops in order at SIGTERM or SIGINT: not ready, what is in flight answered, log flushed, exit 0.

    drain_s: how long it still takes requests after the first signal.
    finish_s: how long what is in flight after that may take; then it is given up.
    started: called when requests are taken.
    tls: what connections are encrypted with, None for plain HTTP.
    """

    def __init__(
        self,
        app: FastAPI,
        *,
        drain_s: float,
        finish_s: float = 30.0,
        started: Callable[[], None] = lambda: None,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        config = uvicorn.Config(
            app,
            http=BoundedProtocol,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=math.ceil(finish_s),
            ssl_context_factory=None if tls is None else lambda *_: tls,
        )
        super().__init__(config)
        self._readiness = app.state.readiness
        self._drain_s = drain_s
        self._tell_started = started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, and tell it."""
        await super().startup(sockets)
        self._tell_started()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Finish what is in flight, then flush the log, also where somebody is in haste."""
        await super().shutdown(sockets)
        if self.force_exit:
            _LOG.warning("requests given up")
            await self.lifespan.shutdown()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Begin to stop; the next signal ends the drain, and one more does not wait for what is in flight.

        Unlike uvicorn's own, this does not raise the signal again afterwards: an orderly end is exit code 0.
        """
        if self.should_exit:
            self.force_exit = True
        elif self._readiness.draining or self._drain_s == 0:
            self.should_exit = True
        else:
            asyncio.get_running_loop().call_later(self._drain_s, self._stop)
        self._readiness.draining = True

    def _stop(self) -> None:
        self.should_exit = True


def end_despite_the_model() -> None:
    """Call last: ends the process where a call of the model does not come back, for which Python would wait."""
    deadline = time.monotonic() + _MODEL_WITHIN_S
    asking = [thread for thread in threading.enumerate() if thread.name.startswith(f"{THREADS}_")]
    for thread in asking:
        thread.join(max(0.0, deadline - time.monotonic()))
    hung = sum(thread.is_alive() for thread in asking)
    if hung:
        _LOG.error("the model did not answer", extra={"facts": {"calls": hung}})
        _leave(ExitCode.ENVIRONMENT)


def _leave(code: ExitCode) -> NoReturn:
    logging.shutdown()
    os._exit(code)
