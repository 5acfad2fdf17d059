"""What is done with a request; knows no HTTP, so that any server can stand in front of it."""

import logging
import time
import traceback
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

import anyio

from evaluation.types import Form as AnswerForm
from evaluation.types import Task
from mlops.serving.access.callers import ANYONE, Caller
from mlops.serving.batching import Row, Said
from mlops.serving.body import parse
from mlops.serving.errors import FieldProblem, Invalid, ModelFailed, RequestProblem
from mlops.serving.ids import uuid7
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.schemas import Asked, Label, validate
from mlops.serving.tracing import UNTRACED, Steps
from mlops.serving.version import ServedVersion
from monitoring.store.base import LabelRecord, RequestRecord, sources_of
from monitoring.store.base import Usage as LoggedUsage

_LOG = logging.getLogger("weighbridge.handler")
Scalar = bool | int | float | str
# From so many bytes, reading takes longer than a turn of the event loop should.
_LARGE = 64 * 1024
_TOOK = ("prompt_tokens", "completion_tokens", "cost", "finish_reason")


class Form(StrEnum):
    """How a body is written, by media type."""

    JSON = "application/json"
    ARROW = "application/vnd.apache.arrow.stream"


@dataclass(frozen=True)
class Call:
    """Which request this is, and who asks."""

    request_id: str
    caller: Caller = ANYONE


@dataclass(frozen=True)
class Prediction:
    """One row's answer; `score` is the probability of the positive (binary) or predicted class.

    flags: what the guards said of the row.
    """

    id: str
    prediction: Scalar
    score: float | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Answer:
    """The answer to one request, and who gave it."""

    model: str
    version: str
    release_id: str
    request_id: str
    predictions: list[Prediction]

    @property
    def count(self) -> int:
        """How many rows were answered."""
        return len(self.predictions)


@dataclass(frozen=True)
class Usage:
    """Tokens as the language model counted them, None where it does not tell; cost by the policy's price table."""

    prompt_tokens: int | None
    completion_tokens: int | None
    cost: float | None


@dataclass(frozen=True)
class Generation:
    """One row's text. sources: ids of the passages that it was given, best first; finish_reason: stop, length, ..."""

    id: str
    text: str
    usage: Usage
    sources: list[str]
    finish_reason: str | None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True)
class Generated:
    """The answer to one request for texts; prompt: the version of the prompt that wrote them, as NAME/VERSION."""

    model: str
    version: str
    release_id: str
    request_id: str
    prompt: str | None
    generations: list[Generation]

    @property
    def count(self) -> int:
        """How many rows were answered."""
        return len(self.generations)


@dataclass(frozen=True)
class _Answered:
    """What the model said of a request's rows, guarded and in the log."""

    ids: list[str]
    said: Said
    flags: list[tuple[str, ...]]


@dataclass(frozen=True)
class Accepted:
    """How many labels were taken."""

    accepted: int


class Handler:
    """Validates, asks the model, logs and answers, on one event loop.

    `version` may be put in another's place at any time; a request is answered by the one that it met.
    """

    def __init__(
        self,
        version: ServedVersion,
        writer: RequestLogWriter,
        *,
        steps: Steps = UNTRACED,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.version = version
        self._steps = steps
        self._writer = writer
        self._clock = clock

    async def predict(self, body: bytes, call: Call, form: Form = Form.JSON) -> Answer:
        """Answer for the records in a body, and put them into the log.

        Raises BadSyntax, Invalid, Rejected, ModelFailed, or NotRecorded where the log cannot keep its promise.
        """
        version = self.version
        with version:
            found = await self._answer(version, body, call, form)
        bundle = version.bundle
        rows = zip(found.ids, found.said.labels, found.said.scores, found.flags, strict=True)
        predictions = [Prediction(*row) for row in rows]
        return Answer(bundle.model, bundle.version, bundle.release_id, call.request_id, predictions)

    async def generate(self, body: bytes, call: Call) -> Generated:
        """Write a text for each record in a body, and put them into the log.

        Raises as `predict` does, and Unanswered where the language model gave no text for any of them.
        """
        version = self.version
        with version:
            found = await self._answer(version, body, call, Form.JSON)
        bundle = version.bundle
        rows = zip(found.ids, found.said.labels, found.said.facts, found.flags, strict=True)
        generations = [
            Generation(
                id=id_,
                text=text,
                usage=Usage(facts.get("prompt_tokens"), facts.get("completion_tokens"), facts.get("cost")),
                sources=list(facts.get("sources") or ()),
                finish_reason=facts.get("finish_reason"),
                flags=flags,
            )
            for id_, text, facts, flags in rows
        ]
        return Generated(
            bundle.model, bundle.version, bundle.release_id, call.request_id, version.prompt, generations
        )

    async def _answer(self, version: ServedVersion, body: bytes, call: Call, form: Form) -> _Answered:
        started = time.perf_counter()
        with self._steps.step("validate"):
            asked = await _read(version, body, form)
            rows, seen = version.guards.before(asked.rows) if version.guards.active else (asked.rows, None)
        said = await self._ask(version, rows, call)
        labels, scores, after = version.guards.after(said.labels, said.scores)
        flags = after if seen is None else [(*was, *now) for was, now in zip(seen, after, strict=True)]
        latency_ms = (time.perf_counter() - started) * 1000
        answered = _Answered(_record_ids(asked), Said(labels, scores, said.facts), flags)
        with self._steps.step("log"):
            await self._writer.record(self._records(version, rows, answered, latency_ms, call))
        return answered

    async def feedback(self, body: bytes) -> Accepted:
        """Take the labels in a JSON body for the log. Raises BadSyntax, Invalid, Busy or NotRecorded."""
        version = self.version
        request = validate(version.schemas.feedback, parse(body))
        at = self._clock()
        known = {label: label for label in version.classes}
        labels = [
            LabelRecord(label.id, at, _truth(version.bundle.task, known, label, number))
            for number, label in enumerate(request.labels)
        ]
        await self._writer.record_labels(labels)
        return Accepted(len(labels))

    async def _ask(self, version: ServedVersion, rows: Sequence[Row], call: Call) -> Said:
        try:
            with self._steps.step("model", version.facts):
                return await version.batcher.submit(rows)
        except RequestProblem:
            raise
        except Exception as error:
            # The message may quote the caller's values; where it happened does not.
            where = "".join(traceback.format_tb(error.__traceback__)[-4:])
            facts = {"reason": type(error).__name__, "where": where, "request_id": call.request_id}
            _LOG.error("model failed", extra={"facts": facts})
            raise ModelFailed("the model could not answer") from error

    def _records(
        self,
        version: ServedVersion,
        rows: Sequence[Row],
        answered: _Answered,
        latency_ms: float,
        call: Call,
    ) -> list[RequestRecord]:
        at, names = self._clock(), version.schemas.names
        model, number, release_id = version.bundle.model, version.bundle.version, version.bundle.release_id
        caller = None if call.caller is ANYONE else call.caller.id
        # By position: names would make it half as slow again, on the way of every request.
        return [
            RequestRecord(
                id_,
                at,
                model,
                number,
                release_id,
                latency_ms,
                label,
                score,
                dict(zip(names, row, strict=True)),
                flags,
                caller,
                usage,
                sources,
            )
            for row, id_, label, score, flags, usage, sources in zip(
                rows,
                answered.ids,
                answered.said.labels,
                answered.said.scores,
                answered.flags,
                _usages(answered.said),
                _sources(answered.said),
                strict=True,
            )
        ]


def _usages(said: Said) -> Iterable[LoggedUsage | None]:
    """What each text took; nothing is known of other answers."""
    if not said.facts:
        return [None] * len(said.labels)
    return [LoggedUsage(**{name: facts.get(name) for name in _TOOK}) for facts in said.facts]


def _sources(said: Said) -> Iterable[tuple[str, ...] | None]:
    """What each text was given to go on; nothing is known of other answers."""
    if not said.facts:
        return [None] * len(said.labels)
    return map(sources_of, said.facts)


async def _read(version: ServedVersion, body: bytes, form: Form) -> Asked:
    """The rows in a body; a large one is read in a thread, so that small ones need not wait for it."""
    if len(body) > _LARGE:
        return await anyio.to_thread.run_sync(_parse, version, body, form)
    return _parse(version, body, form)


def _parse(version: ServedVersion, body: bytes, form: Form) -> Asked:
    if form is Form.ARROW:
        from mlops.serving import arrow

        return arrow.read(body, version.inputs, max_records=version.schemas.max_records)
    return version.schemas.read(parse(body))


def _truth(task: Task, known: dict[Any, Any], label: Label, number: int) -> Scalar:
    """The label as the model names it: 1, 1.0 and true are the same class to a caller."""
    field = f"labels.{number}.label"
    if task.form is AnswerForm.TEXT:
        if not isinstance(label.label, str):
            raise Invalid("a label does not fit", [FieldProblem(field, "should be a text")])
        return label.label
    if task.form is AnswerForm.NUMBER:
        if isinstance(label.label, bool | str):
            raise Invalid("a label does not fit", [FieldProblem(field, "should be a number")])
        return float(label.label)
    if task is Task.BINARY and label.label not in known:
        raise Invalid("a label does not fit", [FieldProblem(field, "should be one of the model's classes")])
    found: Scalar = known.get(label.label, label.label)
    return found


def _record_ids(asked: Asked) -> list[str]:
    """The caller's ids, or fresh ones; never derived from X-Request-Id, which may come twice."""
    if asked.ids is not None:
        return asked.ids
    base = uuid7()
    return [f"{base}-{number}" for number in range(len(asked.rows))]
