"""One request that is answered later."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from http import HTTPStatus

from pydantic_core import to_json

from mlops.serving.errors import problem_json


class State(StrEnum):
    """How far a job is."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


@dataclass(frozen=True)
class Job:
    """One request that is answered later; `headers` go with the post to `callback`.

    outcome: JSON of an object with one member, `answer` or `problem`; None before the end.
    """

    id: str
    caller: str
    request_id: str
    made_at: datetime
    callback: str | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    owner: str = ""
    state: State = State.QUEUED
    outcome: bytes | None = None

    @property
    def ended(self) -> bool:
        """Whether there is an answer, or will be none."""
        return self.outcome is not None

    def told(self) -> bytes:
        """What its caller sees, as JSON.

        >>> from datetime import UTC
        >>> Job("7", "key:1", "q", datetime(2026, 3, 1, tzinfo=UTC), outcome=b'{"answer":{}}').told()
        b'{"id":"7","state":"queued","made_at":"2026-03-01T00:00:00.000+00:00","answer":{}}'
        """
        made_at = self.made_at.isoformat(timespec="milliseconds")
        head = to_json({"id": self.id, "state": self.state, "made_at": made_at})
        return head if self.outcome is None else head[:-1] + b"," + self.outcome[1:]


def lost(request_id: str, detail: str = "the process that had the job ended before its answer") -> bytes:
    """The outcome of a job that will have no answer."""
    return to_json({"problem": problem_json(HTTPStatus.SERVICE_UNAVAILABLE, detail, request_id)})
