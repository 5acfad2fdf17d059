"""The address that a server listens on, taken before anything slow is done."""

import socket

from evaluation.errors import EnvironmentProblem
from mlops.serving.settings import Settings


def bind(settings: Settings) -> socket.socket:
    """Take the address; nobody can connect until the server listens.

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
