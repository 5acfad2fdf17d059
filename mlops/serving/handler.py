"""What is done with a request; knows no HTTP, so that any server can stand in front of it."""

import logging
import math
import time
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import polars as pl

from evaluation.types import Outputs, Task
from mlops.packaging.bundle import Bundle
from mlops.packaging.load import InputField
from mlops.serving.body import parse
from mlops.serving.errors import Busy, FieldProblem, Invalid, ModelFailed
from mlops.serving.ids import uuid7
from mlops.serving.log.writer import RequestLogWriter
from mlops.serving.schemas import Label, PredictRequest, Schemas, validate
from monitoring.store.base import LabelRecord, RequestRecord

_LOG = logging.getLogger("weighbridge.handler")
Scalar = bool | int | float | str


class ServedModel(Protocol):
    """What the server asks of a model; mlops.packaging.load.LoadedModel is one."""

    @property
    def inputs(self) -> tuple[InputField, ...]:
        """The fields of the signature."""
        ...

    @property
    def classes(self) -> tuple[Any, ...]:
        """The classes in the order of the scores; unused for regression."""
        ...

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every row, in order."""
        ...


@dataclass(frozen=True)
class Prediction:
    """One row's answer; `score` is the probability of the positive (binary) or predicted class."""

    id: str
    prediction: Scalar
    score: float | None


@dataclass(frozen=True)
class Answer:
    """The answer to one request, and who gave it."""

    model: str
    version: str
    release_id: str
    request_id: str
    predictions: list[Prediction]


@dataclass(frozen=True)
class Accepted:
    """How many labels were taken."""

    accepted: int


class Handler:
    """Validates, asks the model, logs and answers; safe to call from several threads at once."""

    def __init__(
        self,
        bundle: Bundle,
        model: ServedModel,
        schemas: Schemas,
        writer: RequestLogWriter,
        *,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._bundle = bundle
        self._model = model
        self._schemas = schemas
        self._writer = writer
        self._clock = clock
        # 1, 1.0 and true are the same class to a caller; what is logged is the class as the model names it.
        self._classes = {label: label for label in model.classes}

    def predict(self, body: bytes, request_id: str) -> Answer:
        """Answer for the records in a JSON body, and put them into the log.

        Raises BadSyntax, Invalid or ModelFailed.
        """
        started = time.perf_counter()
        request = validate(self._schemas.predict, parse(body))
        ids = _record_ids(request)
        rows = self._schemas.rows(request)
        labels, scores = self._ask(rows, request_id)
        latency_ms = (time.perf_counter() - started) * 1000
        predictions = [Prediction(*each) for each in zip(ids, labels, scores, strict=True)]
        self._log(rows, predictions, latency_ms)
        return Answer(
            self._bundle.model, self._bundle.version, self._bundle.release_id, request_id, predictions
        )

    def feedback(self, body: bytes) -> Accepted:
        """Take the labels in a JSON body for the log. Raises BadSyntax, Invalid or Busy."""
        request = validate(self._schemas.feedback, parse(body))
        at = self._clock()
        labels = [
            LabelRecord(label.id, at, self._truth(label, number))
            for number, label in enumerate(request.labels)
        ]
        if not self._writer.offer_labels(labels):
            raise Busy("the request log is full; send the labels again")
        return Accepted(len(labels))

    def warm_up(self, record: dict[str, Any]) -> None:
        """Ask the model once, unlogged, so that the first caller does not pay for what it does only once."""
        request = validate(self._schemas.predict, {"records": [record]})
        self._ask(self._schemas.rows(request), "warm-up")

    def _ask(
        self, rows: Sequence[tuple[Any, ...]], request_id: str
    ) -> tuple[list[Scalar], list[float | None]]:
        try:
            outputs = self._model.predict(self._schemas.frame(rows))
            return _plain(outputs, len(rows))
        except Exception as error:
            # The message may quote the caller's values; where it happened does not.
            where = "".join(traceback.format_tb(error.__traceback__)[-4:])
            facts = {"reason": type(error).__name__, "where": where, "request_id": request_id}
            _LOG.error("model failed", extra={"facts": facts})
            raise ModelFailed("the model could not answer") from error

    def _log(
        self, rows: Sequence[tuple[Any, ...]], predictions: Sequence[Prediction], latency_ms: float
    ) -> None:
        at = self._clock()
        names = self._schemas.names
        bundle = self._bundle
        self._writer.offer(
            [
                RequestRecord(
                    id=said.id,
                    at=at,
                    model=bundle.model,
                    version=bundle.version,
                    release_id=bundle.release_id,
                    latency_ms=latency_ms,
                    label=said.prediction,
                    score=said.score,
                    inputs=dict(zip(names, row, strict=True)),
                )
                for row, said in zip(rows, predictions, strict=True)
            ]
        )

    def _truth(self, label: Label, number: int) -> Scalar:
        """The label as the model names it."""
        field = f"labels.{number}.label"
        if self._bundle.task is Task.REGRESSION:
            if isinstance(label.label, bool | str):
                raise Invalid("a label does not fit", [FieldProblem(field, "should be a number")])
            return float(label.label)
        if self._bundle.task is Task.BINARY and label.label not in self._classes:
            raise Invalid(
                "a label does not fit", [FieldProblem(field, "should be one of the model's classes")]
            )
        known: Scalar = self._classes.get(label.label, label.label)
        return known


def _record_ids(request: PredictRequest) -> list[str]:
    """The caller's ids, or fresh ones; never derived from X-Request-Id, which may come twice."""
    count = len(request.records)
    if request.ids is None:
        base = uuid7()
        return [f"{base}-{number}" for number in range(count)]
    if len(request.ids) != count:
        raise Invalid("ids do not fit", [FieldProblem("ids", "should be as many as records")])
    if len(set(request.ids)) != count:
        raise Invalid("ids do not fit", [FieldProblem("ids", "should differ from each other")])
    return request.ids


def _plain(outputs: Outputs, count: int) -> tuple[list[Scalar], list[float | None]]:
    """Predictions as JSON's own types; raises ValueError for what is no prediction."""
    labels: list[Any] = outputs.labels.tolist()
    scores: list[float | None] = [None] * count
    if outputs.scores is not None:
        found = outputs.scores if outputs.scores.ndim == 1 else np.max(outputs.scores, axis=1)
        scores = found.tolist()
    if len(labels) != count or len(scores) != count:
        raise ValueError("not one prediction for each row")
    if not all(isinstance(label, bool | int | float | str) for label in labels):
        raise TypeError("a prediction that is no JSON scalar")
    numbers = [value for value in (*labels, *scores) if isinstance(value, float)]
    if not all(map(math.isfinite, numbers)):
        raise ValueError("a prediction that is not finite")
    return labels, scores
