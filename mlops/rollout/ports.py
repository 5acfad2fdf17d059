"""Which port is free, and who has it when it is not."""

import errno
import secrets
import socket
from contextlib import closing, suppress

from evaluation.errors import EnvironmentProblem

# Below the range that Linux (32768) and macOS (49152) hand to outgoing connections: a server that takes
# seconds to start would otherwise lose its port to one of them now and then.
_FIRST, _COUNT = 20_000, 12_000


def free_port(host: str) -> int:
    """A port on which nobody listens and which no outgoing connection will take.

    Raises EnvironmentProblem when the host is not an address of this machine or 200 ports in a row are taken.
    """
    for _ in range(200):
        port = _FIRST + secrets.randbelow(_COUNT)
        fault = _try(host, port)
        if fault is None:
            return port
        if fault.errno != errno.EADDRINUSE:
            raise _problem(host, port, fault)
    raise EnvironmentProblem(f"no free port on {host} between {_FIRST} and {_FIRST + _COUNT - 1}")


def require_free(host: str, port: int) -> None:
    """Raise EnvironmentProblem, naming who has the port if the system tells, unless it is free."""
    if (fault := _try(host, port)) is not None:
        raise _problem(host, port, fault)


def address(host: str) -> str:
    """A host as a numeric address; raises EnvironmentProblem for a name that is not known."""
    try:
        return str(socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)[0][4][0])
    except (OSError, UnicodeError) as error:
        raise EnvironmentProblem(
            f"serve.host {host!r} is not an address",
            expected="an address of this machine, such as 127.0.0.1 or 0.0.0.0",
            next_step="correct serve.host in weighbridge.yaml",
        ) from error


def holder(port: int) -> int | None:
    """Pid of the process that listens on a port, None when the system does not tell."""
    import psutil

    with suppress(psutil.Error, OSError):
        for found in psutil.net_connections("inet"):
            if found.status == psutil.CONN_LISTEN and found.laddr and found.laddr.port == port and found.pid:
                return int(found.pid)
    return None


def _try(host: str, port: int) -> OSError | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with closing(socket.socket(family, socket.SOCK_STREAM)) as probe:
        # As the router does: closed connections of an earlier one are no obstacle, a listener still is.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as error:
            return error
    return None


def _problem(host: str, port: int, fault: OSError) -> EnvironmentProblem:
    if fault.errno != errno.EADDRINUSE:
        return EnvironmentProblem(
            f"cannot listen on {host} port {port}: {fault.strerror}",
            expected="an address of this machine, and a port that this user may open",
            next_step="correct serve.host or serve.port in weighbridge.yaml, then: weighbridge deploy",
        )
    pid = holder(port)
    return EnvironmentProblem(
        f"port {port} on {host} is in use{_name(pid)}",
        expected="a port of our own",
        next_step=(f"kill {pid}, or " if pid else "")
        + "set serve.port in weighbridge.yaml (0 takes a free one), "
        "then: weighbridge deploy",
    )


def _name(pid: int | None) -> str:
    import psutil

    if pid is None:
        return ""
    with suppress(psutil.Error):
        return f" by {psutil.Process(pid).name()} (process {pid})"
    return f" by process {pid}"
