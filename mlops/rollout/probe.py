"""Asking a lane, past the router, whether it is ready and which version it serves."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException

from evaluation.errors import EnvironmentProblem
from mlops.rollout.targets.base import Lane, Target

_ANSWER_WITHIN_S = 5.0
_POLL_S = 0.05
_LOG_LINES = 20


@dataclass(frozen=True)
class Clock:
    """Time that passes, so that a test can make it pass."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


def is_ready(lane: Lane) -> bool:
    """Whether GET /health/ready answers 200; False also when nobody answers within five seconds."""
    return _get(lane, "/health/ready") is not None


def served_version(lane: Lane) -> str | None:
    """The version that GET /health/ready names, None when it names none; it asks for no key, as /model may."""
    try:
        content = json.loads(_get(lane, "/health/ready") or b"")
        return str(content["version"])
    except (ValueError, KeyError, TypeError):
        return None


def wait_ready(lane: Lane, target: Target, *, within_s: float, clock: Clock) -> None:
    """Return once the lane is ready and serves its version.

    Raises EnvironmentProblem with the end of its log when it ends, is late, or serves another version.
    """
    deadline = clock.now() + within_s
    while not is_ready(lane):
        if not target.alive(lane):
            raise _problem(f"the lane of version {lane.version} ended before it was ready", lane, target)
        if clock.now() >= deadline:
            raise _problem(
                f"the lane of version {lane.version} was not ready within {within_s:g} s", lane, target
            )
        clock.sleep(_POLL_S)
    if (version := served_version(lane)) != lane.version:
        raise _problem(f"{lane.url}/health/ready names version {version}, not {lane.version}", lane, target)
    if not target.alive(lane):  # somebody else's server answers on its port
        raise _problem(
            f"the lane of version {lane.version} ended; port {lane.port} is not its own", lane, target
        )


def _problem(found: str, lane: Lane, target: Target) -> EnvironmentProblem:
    lines = target.log_tail(lane, lines=_LOG_LINES)
    said = "".join(f"\n    {line}" for line in lines) or " nothing"
    return EnvironmentProblem(
        f"{found}; its log {lane.log} says:{said}",
        expected=f"a server that is ready on {lane.url} and serves version {lane.version}",
        next_step="correct what the log says, or raise rollout.ready_within_s, then: weighbridge deploy",
    )


def _get(lane: Lane, path: str) -> bytes | None:
    """The body of a 200, None for anything else."""
    with closing(HTTPConnection(lane.host, lane.port, timeout=_ANSWER_WITHIN_S)) as connection:
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, HTTPException):
            return None
    return body if answer.status == 200 else None
