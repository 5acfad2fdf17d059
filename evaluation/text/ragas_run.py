"""Running a metric of RAGAS over answers, one sample a row; a sample that fails is a row without value."""

import asyncio
import logging
import os
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np

from evaluation.errors import NotInstalled, UserError
from evaluation.text.ragas_config import RagasConfig
from evaluation.text.references import NO_REFERENCE
from evaluation.text.rows import Scored, TextRows

NO_PASSAGES = "the answer was given no passages"
NO_RIGHT_PASSAGES = "the case names no right passage"
_NO_VALUE = "RAGAS gave no value"
_LONGEST = 300
_HEALTH = "health of RAGAS's judge"


class Part(Enum):
    """What a sample of RAGAS is made of, by the name that RAGAS has for it."""

    QUESTION = "user_input"
    ANSWER = "response"
    REFERENCE = "reference"
    PASSAGES = "retrieved_contexts"
    RIGHT_PASSAGES = "reference_contexts"


@dataclass(frozen=True)
class RagasMetric:
    """A metric of RAGAS: its class's name, and the parts of a sample that it reads."""

    name: str
    parts: tuple[Part, ...]

    def score(self, rows: TextRows) -> Scored:
        """Its value for every row; raises UserError where the judge, a column or a package is missing."""
        samples, problems = _samples(rows, self.parts)
        ready = [row for row, problem in enumerate(problems) if problem is None]
        if rows.n and not ready:
            return Scored(np.full(rows.n, np.nan), problems)
        with quiet_ragas():
            from ragas.dataset_schema import SingleTurnSample

            metric = self._made(rows)
            made = [SingleTurnSample(**samples[row]) for row in ready]
            judge = rows.settings.ragas.judge if hasattr(metric, "llm") else None
            found = wait(metric.single_turn_ascore, made, None if judge is None else 2 * judge.concurrency)
        return collected(rows.n, ready, found, problems)

    def _made(self, rows: TextRows) -> Any:
        import ragas.metrics
        from ragas.run_config import RunConfig

        try:
            metric = getattr(ragas.metrics, self.name)()
        except ImportError as error:
            raise NotInstalled(
                f"RAGAS's {self.name} needs a package that is not installed: {error}",
                next_step="pip install rapidfuzz",
            ) from error
        if hasattr(metric, "llm"):
            metric.llm = _judge(rows, self.name)
        if hasattr(metric, "embeddings"):
            from evaluation.embeddings.base import embedder
            from evaluation.text.ragas_judge import RagasEmbeddings

            metric.embeddings = RagasEmbeddings(embedder(rows.settings.embeddings, rows.settings.folder))
        metric.init(RunConfig(max_retries=1))
        return metric


def _judge(rows: TextRows, name: str) -> Any:
    from evaluation.llm.client import Endpoint
    from evaluation.llm.health import Health
    from evaluation.text.ragas_judge import ragas_llm

    settings: RagasConfig = rows.settings.ragas
    if settings.judge is None:
        raise UserError(
            f"RAGAS's {name} asks a language model, and none is named",
            expected="an endpoint that judges, such as {url: https://api.openai.com/v1, model: ..., key: NAME}",
            next_step="texts: {ragas: {judge: ...}} in weighbridge.yaml, or the check context_support, which asks none",
        )
    # A dead judge is dead for all metrics of these rows; the budget is one metric's.
    health = rows.shared.setdefault(_HEALTH, Health(settings.judge.concurrency))
    endpoint = Endpoint.of(settings.judge, cache=rows.replies, budget=settings.budget, health=health)
    return ragas_llm(endpoint, settings.max_tokens)


@contextmanager
def quiet_ragas() -> Iterator[None]:
    """RAGAS without its telemetry, its warnings about its own names, and its log: each row says what went wrong."""
    # Read once by RAGAS, when it would first send something.
    os.environ["RAGAS_DO_NOT_TRACK"] = "true"
    log = logging.getLogger("ragas")
    before = log.level
    log.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        log.setLevel(before)


def wait(
    score: Callable[[Any], Any], samples: Sequence[Any], at_once: int | None = None
) -> list[float | Exception]:
    """What an asynchronous metric gives for each sample, or what it raised; so many samples at a time.

    Raises UserError where one does: what is missing, such as a key, is missing for all.
    """
    from evaluation.llm.loop import Work

    async def all_of_them() -> list[Any]:
        # Each sample that asks has the file of kept replies open, and files are not without number.
        places = asyncio.Semaphore(at_once or max(1, len(samples)))

        async def one(sample: Any) -> Any:
            async with places:
                return await score(sample)

        return await asyncio.gather(*(one(sample) for sample in samples), return_exceptions=True)

    found = Work(all_of_them()).wait()
    for each in found:
        if isinstance(each, UserError):
            raise each
    return found


def collected(
    n: int, ready: Sequence[int], found: Sequence[float | Exception], problems: Sequence[str | None]
) -> Scored:
    """Values of n rows from those of some, each row without a value with its reason."""
    values, reasons = np.full(n, np.nan), list(problems)
    for row, value in zip(ready, found, strict=True):
        if isinstance(value, BaseException):
            reasons[row] = f"{type(value).__name__}: {value}"[:_LONGEST]
        elif value is None or not np.isfinite(value):
            reasons[row] = _NO_VALUE
        else:
            values[row] = value
    return Scored(values, reasons)


def _samples(rows: TextRows, parts: Sequence[Part]) -> tuple[list[dict[str, Any]], list[str | None]]:
    """The parts of each row by RAGAS's names, and why a row has not all of them."""
    samples: list[dict[str, Any]] = [{} for _ in range(rows.n)]
    problems: list[str | None] = [None] * rows.n
    for part in parts:
        values, lack = _PARTS[part](rows)
        for row, value in enumerate(values):
            samples[row][part.value] = value
            if not value:
                problems[row] = problems[row] or lack
    return samples, problems


def _questions(rows: TextRows) -> list[Any]:
    return [None if value is None else str(value) for value in rows.column(rows.settings.ragas.question)]


def _right_passages(rows: TextRows) -> list[Any]:
    column = rows.settings.ragas.contexts
    if column is None:
        raise UserError(
            "nothing says which passages are right",
            expected="a column with the right passage, or a list of them",
            next_step="texts: {ragas: {contexts: COLUMN}} in weighbridge.yaml",
        )
    return [[value] if isinstance(value, str) else list(value or ()) for value in rows.column(column)]


_PARTS: dict[Part, Callable[[TextRows], tuple[list[Any], str]]] = {
    Part.QUESTION: lambda rows: (_questions(rows), "the case has no question"),
    Part.ANSWER: lambda rows: (list(rows.answers), "the answer is empty"),
    Part.REFERENCE: lambda rows: (
        [several[0] if several else None for several in rows.references],
        NO_REFERENCE,
    ),
    Part.PASSAGES: lambda rows: ([list(found) for found in rows.contexts], NO_PASSAGES),
    Part.RIGHT_PASSAGES: lambda rows: (_right_passages(rows), NO_RIGHT_PASSAGES),
}
