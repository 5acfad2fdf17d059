"""What is done with a request; knows no HTTP, so that any server can stand in front of it."""

import logging
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from evaluation.llm.trace import traced
from mlops.serving.access.callers import ANYONE, Caller
from mlops.serving.answers import Accepted, Answer, Generated, Generation, Prediction, Usage
from mlops.serving.batching import Row, Said
from mlops.serving.body import Form, read_rows
from mlops.serving.errors import ModelFailed, RequestProblem
from mlops.serving.ids import uuid7
from mlops.serving.labels import labels_in
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.records import Answered, records_of
from mlops.serving.schemas import Asked
from mlops.serving.tracing import UNTRACED, Steps
from mlops.serving.version import ServedVersion
from monitoring.store.base import RequestRecord

_LOG = logging.getLogger("weighbridge.handler")


@dataclass(frozen=True)
class Call:
    """Which request this is, and who asks.

    trace: of a request for texts, the headers that name its trace, for the language model; None of others.
    """

    request_id: str
    caller: Caller = ANYONE
    trace: Mapping[str, str] | None = None


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

    async def _answer(self, version: ServedVersion, body: bytes, call: Call, form: Form) -> Answered:
        started = time.perf_counter()
        with self._steps.step("validate"):
            asked = await read_rows(body, form, version)
            rows, seen = version.guards.before(asked.rows) if version.guards.active else (asked.rows, None)
        said = await self._ask(version, rows, call)
        labels, scores, after = version.guards.after(said.labels, said.scores)
        flags = after if seen is None else [(*was, *now) for was, now in zip(seen, after, strict=True)]
        latency_ms = (time.perf_counter() - started) * 1000
        answered = Answered(_ids(asked), rows, Said(labels, scores, said.facts), flags)
        with self._steps.step("log"):
            await self._writer.record(self._records(answered, version, call, latency_ms))
        return answered

    async def feedback(self, body: bytes) -> Accepted:
        """Take the labels in a JSON body for the log. Raises BadSyntax, Invalid, Busy or NotRecorded."""
        labels = labels_in(body, self.version, self._clock())
        await self._writer.record_labels(labels)
        return Accepted(len(labels))

    async def _ask(self, version: ServedVersion, rows: Sequence[Row], call: Call) -> Said:
        try:
            with self._steps.step("model", version.facts):
                if call.trace is None:
                    return await version.batcher.submit(rows)
                with traced(self._steps.headers() or call.trace):
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
        self, answered: Answered, version: ServedVersion, call: Call, latency_ms: float
    ) -> list[RequestRecord]:
        return records_of(answered, version, call.caller, at=self._clock(), latency_ms=latency_ms)


def _ids(asked: Asked) -> list[str]:
    """The caller's ids, or fresh ones; never derived from X-Request-Id, which may come twice."""
    if asked.ids is not None:
        return asked.ids
    base = uuid7()
    return [f"{base}-{number}" for number in range(len(asked.rows))]
