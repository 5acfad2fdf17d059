"""What a chain may give for a case, read strictly."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, ValidationError

from evaluation.llm.budget import cost_of
from evaluation.llm.config import Price
from evaluation.llm.values import Failed, FailureKind, Reply, Usage
from evaluation.section import Section

_MOST_CHARACTERS = 1_000_000
_MOST_TOKENS = 2**53


@dataclass(frozen=True)
class Answer:
    """A text or why there is none, with what is known of it."""

    result: Reply | Failed
    prompt: str | None = None
    contexts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()


@dataclass(frozen=True)
class Raised:
    """What was raised in place of an answer."""

    error: BaseException


class Seen(Protocol):
    """What was seen on the way to an answer; mlops.generation.watch.Watch is one."""

    @property
    def prompt(self) -> str | None:
        """What the language model was asked."""
        ...

    @property
    def finish_reason(self) -> str | None:
        """Why its answer ended."""
        ...

    @property
    def usage(self) -> Usage | None:
        """Tokens."""
        ...

    @property
    def told(self) -> Usage | None:
        """Tokens of those calls that told them."""
        ...

    @property
    def saved(self) -> Usage:
        """Tokens of replies that were kept, among all of them."""
        ...

    @property
    def earlier_ms(self) -> float:
        """Milliseconds that those took when they were asked for."""
        ...

    @property
    def cached(self) -> bool:
        """Whether all replies were kept."""
        ...

    @property
    def contexts(self) -> tuple[str, ...]:
        """The texts that were looked up."""
        ...

    @property
    def sources(self) -> tuple[str, ...]:
        """Their ids."""
        ...


class _Tokens(BaseModel):
    """As OpenAI or LangChain names them; what else they tell is left aside."""

    model_config = ConfigDict(frozen=True)

    prompt_tokens: int = Field(
        ge=0, le=_MOST_TOKENS, validation_alias=AliasChoices("prompt_tokens", "input_tokens")
    )
    completion_tokens: int = Field(
        ge=0, le=_MOST_TOKENS, validation_alias=AliasChoices("completion_tokens", "output_tokens")
    )


class _Told(Section):
    """The mapping that a chain may give in place of a text."""

    model_config = ConfigDict(coerce_numbers_to_str=True)

    text: str
    prompt: str | None = None
    contexts: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    usage: _Tokens | None = None
    cost: float | None = Field(None, ge=0, allow_inf_nan=False)
    finish_reason: str | None = None


def read_answer(given: Any, seen: Seen | None, *, latency_ms: float, price: Price | None) -> Answer:
    """An answer of what a chain gave: a text, a message with a text, or a mapping with `text` and what it knows.

    What it does not tell is taken from what was seen. Anything else is a failure, and so is an empty text.
    latency_ms: what it took now; where replies of language models were kept, what those took is added.

    >>> read_answer({"text": "Ahab.", "sources": ["whale"]}, None, latency_ms=2.0, price=None).sources
    ('whale',)
    >>> read_answer(7, None, latency_ms=2.0, price=None).result.detail
    'the chain gave int, and no text'
    """
    try:
        told = _told(given)
    except ValidationError as error:
        # What was given may be about a person; which part of it is wrong is not.
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        wrong = Failed(FailureKind.BAD_ANSWER, f"the chain's {place}: {first['msg']}", 1)
        return _with(seen, None, costing(wrong, seen, price))
    if told is None:
        return _with(
            seen,
            None,
            costing(
                Failed(FailureKind.BAD_ANSWER, f"the chain gave {type(given).__name__}, and no text", 1),
                seen,
                price,
            ),
        )
    if problem := _problem(told.text):
        return _with(seen, told, costing(problem, seen, price))
    usage = seen.usage if told.usage is None and seen is not None else None
    if told.usage is not None:
        usage = Usage(told.usage.prompt_tokens, told.usage.completion_tokens)
    reply = Reply(
        text=told.text,
        usage=usage,
        first_token_ms=None,
        latency_ms=latency_ms + (0.0 if seen is None else seen.earlier_ms),
        finish_reason=told.finish_reason or (seen.finish_reason if seen is not None else None),
        cost=told.cost if told.cost is not None else cost_of(usage, price),
        cached=seen is not None and seen.cached,
    )
    return _with(seen, told, reply)


def costing(failed: Failed, seen: Seen | None, price: Price | None) -> Failed:
    """A failure with what the calls before it took, as far as they told."""
    usage = None if seen is None else seen.told
    return replace(failed, usage=usage, cost=cost_of(usage, price))


def _told(given: Any) -> _Told | None:
    if isinstance(given, str):
        return _Told(text=str(given))
    if isinstance(given, Mapping):
        return _Told.model_validate(dict(given))
    # A message of LangChain's.
    text = getattr(given, "text", None)
    return _Told(text=str(text)) if isinstance(text, str) else None


def _problem(text: str) -> Failed | None:
    if not text.strip():
        return Failed(FailureKind.EMPTY, "an empty answer", 1)
    if len(text) > _MOST_CHARACTERS:
        return Failed(FailureKind.BAD_ANSWER, f"an answer of {len(text):,} characters", 1)
    if text != _whole(text):
        return Failed(FailureKind.BAD_ANSWER, "the answer holds half a character", 1)
    return None


def _with(seen: Seen | None, told: _Told | None, result: Reply | Failed) -> Answer:
    answer = Answer(result)
    if seen is not None:
        answer = replace(answer, prompt=seen.prompt, contexts=seen.contexts, sources=seen.sources)
    if told is not None:
        given = {name: getattr(told, name) for name in ("prompt", "contexts", "sources")}
        answer = replace(answer, **{name: value for name, value in given.items() if value})
    return replace(
        answer,
        prompt=None if answer.prompt is None else _whole(answer.prompt),
        contexts=_all_whole(answer.contexts),
        sources=_all_whole(answer.sources),
    )


def _all_whole(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(map(_whole, texts))


def _whole(text: str) -> str:
    """The text without halves of characters, which no table can hold."""
    return text.encode("utf-8", "replace").decode("utf-8")
