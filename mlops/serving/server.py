"""uvicorn with an end that loses nothing."""

import asyncio
import signal
import socket
from types import FrameType

import uvicorn
from fastapi import FastAPI

from evaluation.errors import EnvironmentProblem
from mlops.serving.settings import Settings

_FINISH_WITHIN_S = 30


class Server(uvicorn.Server):
    """Stops in order at SIGTERM or SIGINT: not ready, what is in flight answered, log flushed, exit 0."""

    def __init__(self, app: FastAPI, *, drain_s: float) -> None:
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            ws="none",
            lifespan="on",
            server_header=False,
            timeout_graceful_shutdown=_FINISH_WITHIN_S,
        )
        super().__init__(config)
        self._readiness = app.state.readiness
        self._drain_s = drain_s

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002 - uvicorn's signature
        """Begin to stop; a second signal ends the drain, a second SIGINT everything.

        Unlike uvicorn's own, this does not raise the signal again afterwards: an orderly end is exit code 0.
        """
        if self._readiness.draining or self._drain_s == 0:
            self.force_exit = self.should_exit and sig == signal.SIGINT
            self.should_exit = True
        else:
            asyncio.get_running_loop().call_later(self._drain_s, self._stop)
        self._readiness.draining = True

    def _stop(self) -> None:
        self.should_exit = True


def bind(settings: Settings) -> socket.socket:
    """Take the address before anything slow is done; nobody can connect until the server listens.

    Raises EnvironmentProblem for an address that is taken or not this machine's.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        raise EnvironmentProblem(
            f"cannot listen on {settings.host}:{settings.port}: {error.strerror or error}",
            expected="an address of this machine and a free port",
            next_step="choose another --port, or stop what listens there",
        ) from error
    return listener
