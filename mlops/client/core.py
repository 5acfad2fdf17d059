"""What both clients share: what is sent, what an answer means, and when to ask again."""

import json
import random
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from tenacity import RetryCallState

from mlops.client.answers import Answer, Generated, Scalar, read_answer, read_generated
from mlops.client.errors import CallFailed, Refused, ServerFailed, TooManyRequests, Unreachable
from mlops.serving.ids import uuid7

# RFC 9110 and RFC 6585: the request was not at fault, or came too early.
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 502, 503, 504})
_MAX_TEXT = 1000


@dataclass(frozen=True)
class Patience:
    """How long a call may take, and how often it is tried.

    timeout_s is for one try, deadline_s for all of them with the waits between. Before try n + 1 the wait is drawn
    from 0 to min(longest_wait_s, first_wait_s * 2^(n-1)), and what the server asked for by Retry-After is added.
    Source: M. Brooker, Exponential Backoff and Jitter, AWS Architecture Blog, 2015 (full jitter).
    """

    timeout_s: float = 10.0
    deadline_s: float = 30.0
    tries: int = 5
    first_wait_s: float = 0.1
    longest_wait_s: float = 5.0

    def __post_init__(self) -> None:
        if self.tries < 1 or min(self.timeout_s, self.deadline_s) <= 0:
            raise ValueError("expected at least one try, and times over zero")


@dataclass(frozen=True)
class World:
    """Time and chance, so that a test can bring its own; `clock` in seconds, `draw` from 0 to 1."""

    clock: Callable[[], float] = time.monotonic
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    draw: Callable[[], float] = random.random


@dataclass(frozen=True)
class Call:
    """One request, the same bytes and ids in every try, so that a server can recognise a repeated one."""

    method: str
    path: str
    request_id: str
    body: bytes | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers of every try; the key is not among them."""
        kind = {} if self.body is None else {"content-type": "application/json"}
        return {"x-request-id": self.request_id, **kind}


class Course:
    """How one call goes: the time it has left, and whether and when another try is worth it."""

    def __init__(self, patience: Patience, world: World) -> None:
        self._patience = patience
        self._world = world
        self._ends = world.clock() + patience.deadline_s

    def time_left_s(self) -> float:
        """For the next try; never zero, which httpx would take for a wish not to wait at all."""
        return max(0.001, min(self._patience.timeout_s, self._ends - self._world.clock()))

    @property
    def over(self) -> bool:
        """Whether the deadline has passed."""
        return self._world.clock() >= self._ends

    def again(self, error: BaseException) -> bool:
        """Whether the same request may have another fate."""
        if not isinstance(error, CallFailed):
            return False
        return isinstance(error, Unreachable) or error.status in _WORTH_ANOTHER_TRY

    def wait(self, state: RetryCallState) -> float:
        """Seconds before the next try."""
        patience = self._patience
        longest = min(patience.longest_wait_s, patience.first_wait_s * 2.0 ** (state.attempt_number - 1))
        error = state.outcome.exception() if state.outcome else None
        asked = error.retry_after_s if isinstance(error, CallFailed) else None
        return self._world.draw() * longest + (asked or 0.0)

    def stop(self, state: RetryCallState) -> bool:
        """Whether to give up: tried often enough, or the next try would come after the deadline."""
        late = self._world.clock() + state.upcoming_sleep >= self._ends
        return late or state.attempt_number >= self._patience.tries


class Core:
    """What is sent, and what an answer means; knows no connection."""

    def __init__(self, url: str, key: str | None, patience: Patience, world: World, max_records: int) -> None:
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname or parts.username or parts.query:
            raise ValueError("expected an address such as http://127.0.0.1:8000, without a user or a query")
        if key is not None and not (key.isascii() and key.isprintable() and key.strip() == key and key):
            raise ValueError(
                "the key is no text for a header; expected printable ASCII without spaces around it"
            )
        self.url = url.rstrip("/")
        self.headers = {"accept": "application/json", "user-agent": "weighbridge-client"}
        if key is not None:
            self.headers["authorization"] = f"Bearer {key}"
        self._patience = patience
        self._world = world
        self._max_records = max_records

    def course(self) -> Course:
        """Begin a call: its deadline runs from now."""
        return Course(self._patience, self._world)

    def predict(
        self, records: Sequence[Mapping[str, Any]], ids: Sequence[str] | None
    ) -> tuple[Call, list[str]]:
        """The request for these records, and their ids; raises ValueError for what no server would take."""
        return self._records("/v1/predict", records, ids)

    def generate(
        self, records: Sequence[Mapping[str, Any]], ids: Sequence[str] | None
    ) -> tuple[Call, list[str]]:
        """The same for texts."""
        return self._records("/v1/generate", records, ids)

    def _records(
        self, path: str, records: Sequence[Mapping[str, Any]], ids: Sequence[str] | None
    ) -> tuple[Call, list[str]]:
        if not 0 < len(records) <= self._max_records:
            raise ValueError(
                f"{len(records)} records in one request; expected 1 to {self._max_records} "
                "(max_records): send them in several calls"
            )
        base = uuid7()
        named = [f"{base}-{number}" for number in range(len(records))] if ids is None else list(ids)
        if not all(isinstance(name, str) for name in named):
            raise ValueError("an id is no text; expected text")
        if len(named) != len(records) or len(set(named)) != len(named):
            raise ValueError(
                f"{len(named)} ids for {len(records)} records; expected a different one for each"
            )
        rows = [dict(record) for record in records]
        body = _json({"records": rows, "ids": named}) or _complain(rows)
        return Call("POST", path, base, body), named

    def feedback(self, labels: Mapping[str, Scalar]) -> Call:
        """The request that tells labels by id; raises ValueError for what no server would take."""
        if not 0 < len(labels) <= self._max_records:
            raise ValueError(f"{len(labels)} labels in one request; expected 1 to {self._max_records}")
        rows = [{"id": name, "label": label} for name, label in labels.items()]
        return Call("POST", "/v1/feedback", uuid7(), _json({"labels": rows}) or _complain(rows))

    def ask(self, path: str) -> Call:
        """A request without a body."""
        return Call("GET", path, uuid7())

    def content(self, call: Call, status: int, headers: Mapping[str, str], body: bytes) -> dict[str, Any]:
        """The parsed JSON of a good answer; raises a CallFailed for any other."""
        try:
            content = json.loads(body)
        except (ValueError, RecursionError):
            content = None
        if status == HTTPStatus.OK:
            if not isinstance(content, dict):
                raise _foreign(call)
            return content
        raise _failure(call, status, headers, content, self._world.now())

    def answer(self, call: Call, ids: Sequence[str], content: Any) -> Answer:
        """The predictions; raises ServerFailed when they are not for these records."""
        try:
            answer = read_answer(content)
        except (KeyError, TypeError, AttributeError):
            answer = None
        if answer is None or [row.id for row in answer.predictions] != list(ids):
            raise _foreign(call)
        return answer

    def generated(self, call: Call, ids: Sequence[str], content: Any) -> Generated:
        """The texts; raises ServerFailed when they are not for these records."""
        try:
            answer = read_generated(content)
        except (KeyError, TypeError, AttributeError):
            answer = None
        if answer is None or [row.id for row in answer.generations] != list(ids):
            raise _foreign(call)
        return answer

    def accepted(self, call: Call, content: Any) -> int:
        """How many labels were taken."""
        if not isinstance(count := content.get("accepted"), int):
            raise _foreign(call)
        return count

    def unreachable(self, call: Call, error: Exception) -> Unreachable:
        """What became of a try without an answer: the kind of fault, not its text, which may repeat a header."""
        return Unreachable(f"no answer from {self.url}: {type(error).__name__}", request_id=call.request_id)


def retry_after_s(value: str | None, now: datetime) -> float | None:
    """Seconds that a Retry-After header asks for, None where there is none that can be read.

    >>> retry_after_s("120", datetime(2026, 1, 1, tzinfo=UTC))
    120.0
    >>> retry_after_s("Thu, 01 Jan 2026 00:00:05 GMT", datetime(2026, 1, 1, tzinfo=UTC))
    5.0
    """
    if value is None:
        return None
    if value.strip().isdecimal() and len(value) < 12:
        return float(value)
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - now).total_seconds())


def _failure(call: Call, status: int, headers: Mapping[str, str], content: Any, now: datetime) -> CallFailed:
    if not isinstance(content, dict) or "detail" not in content:
        # A proxy in between answers 429, 502 or 503 in words of its own.
        content = {"detail": "an answer that is no problem+json"}
    kind = TooManyRequests if status == 429 else Refused if 400 <= status < 500 else ServerFailed
    # By the server's own clock, where it tells it.
    told = headers.get("date")
    try:
        there = parsedate_to_datetime(told) if told else now
    except ValueError:
        there = now
    return kind(
        str(content["detail"])[:_MAX_TEXT],
        status=status,
        title=str(content.get("title", ""))[:_MAX_TEXT],
        request_id=str(content.get("request_id") or call.request_id)[:_MAX_TEXT],
        errors=list(_fields(content.get("errors"))),
        retry_after_s=retry_after_s(headers.get("retry-after"), there),
    )


def _fields(errors: Any) -> Iterable[tuple[str, str]]:
    for item in errors if isinstance(errors, list) else ():
        if isinstance(item, dict):
            yield str(item.get("field", ""))[:_MAX_TEXT], str(item.get("message", ""))[:_MAX_TEXT]


def _foreign(call: Call) -> ServerFailed:
    return ServerFailed("not the answer that was expected", status=200, request_id=call.request_id)


def _json(content: Any) -> bytes | None:
    try:
        return json.dumps(content, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError):
        return None


def _complain(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Raise ValueError that names the first field that is no JSON, without its value."""
    for number, row in enumerate(rows):
        for name, value in row.items():
            if _json({name: value}) is None:
                raise ValueError(
                    f"row {number}, field {name!r} is {type(value).__name__}; expected JSON's own types, "
                    "numbers finite, None for a missing value"
                )
    raise ValueError("the request is no JSON")
