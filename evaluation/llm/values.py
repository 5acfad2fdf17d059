"""What is asked of a language model, and what came back. Imports nothing heavy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class Role(StrEnum):
    """Who says a message."""

    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True)
class Sampling:
    """How an answer is drawn.

    temperature 0 takes the likeliest token; json_schema or grammar (GBNF, as llama.cpp takes it; other servers
    refuse it) bind the answer's form, not both; logprobs asks for the log-probability of each token of the
    answer, top_logprobs (0 to 20) for those of so many candidates at each place as well. seed, stop and schema
    reach the endpoint only where they are set.
    """

    temperature: float = 0.0
    max_tokens: int = 256
    top_p: float = 1.0
    seed: int | None = None
    stop: tuple[str, ...] = ()
    json_schema: Mapping[str, Any] | None = field(default=None, hash=False)
    grammar: str | None = None
    logprobs: bool = False
    top_logprobs: int = 0

    def __post_init__(self) -> None:
        if self.json_schema is not None and self.grammar is not None:
            msg = "an answer is bound by json_schema or by grammar, not by both"
            raise ValueError(msg)


@dataclass(frozen=True)
class Ask:
    """One request: the messages and how the answer is drawn; `repeat` keeps equal requests apart in the cache.

    >>> Ask.of("Describe a red scarf.").messages
    (Message(role=<Role.USER: 'user'>, text='Describe a red scarf.'),)
    """

    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    repeat: int = 0

    @classmethod
    def of(
        cls,
        prompt: str,
        sampling: Sampling | None = None,
        *,
        system: str = "",
        turns: Sequence[tuple[str, str]] = (),
        repeat: int = 0,
    ) -> "Ask":
        """A request with one message of the user, after a system message where there is one.

        turns: what was asked and answered before, as examples of good answers.
        """
        first = (Message(Role.SYSTEM, system),) if system else ()
        before = (
            Message(*said) for turn in turns for said in zip((Role.USER, Role.ASSISTANT), turn, strict=True)
        )
        return cls((*first, *before, Message(Role.USER, prompt)), sampling or Sampling(), repeat)


@dataclass(frozen=True)
class Usage:
    """Tokens as the endpoint counted them; we never guess."""

    prompt_tokens: int
    completion_tokens: int

    @property
    def total(self) -> int:
        """Tokens in both directions."""
        return self.prompt_tokens + self.completion_tokens


@dataclass(frozen=True)
class Reply:
    """An answer, with what it took.

    first_token_ms and latency_ms are of the try that answered, waiting for a free place not counted; a cached
    reply keeps those of the call that was paid. usage and cost are None where the endpoint or the price table
    does not tell. logprobs: (token, natural logarithm) of each token; top_logprobs: the same of the candidates
    at each place, likeliest first. Both are None where they were not asked for.
    """

    text: str
    usage: Usage | None
    first_token_ms: float | None
    latency_ms: float
    finish_reason: str | None
    cost: float | None
    cached: bool = False
    logprobs: tuple[tuple[str, float], ...] | None = None
    top_logprobs: tuple[tuple[tuple[str, float], ...], ...] | None = None
    attempts: int = 1

    @property
    def tokens_per_s(self) -> float | None:
        """Tokens a second once the first was there; None below two tokens or without usage.

        >>> Reply("a b", Usage(3, 11), 100.0, 600.0, "stop", None).tokens_per_s
        20.0
        """
        if self.usage is None or self.first_token_ms is None or self.usage.completion_tokens < 2:
            return None
        seconds = (self.latency_ms - self.first_token_ms) / 1000
        return (self.usage.completion_tokens - 1) / seconds if seconds > 0 else None


class FailureKind(StrEnum):
    """Why there is no answer."""

    DOWN = "down"  # no connection, or the server says that it has a fault
    TIMEOUT = "timeout"
    RATE_LIMITED = "rate_limited"
    REFUSED_KEY = "refused_key"
    REJECTED = "rejected"  # the server does not take this request: unknown model, wrong parameter
    BAD_ANSWER = "bad_answer"  # HTML, invalid JSON, a redirect, more than was asked for
    CUT_OFF = "cut_off"  # the answer ended before its end
    EMPTY = "empty"
    FILTERED = "filtered"  # the provider's content filter
    CONTEXT_OVERFLOW = "context_overflow"
    BUDGET = "budget"  # not asked: the budget is spent
    RAISED = "raised"  # the user's own code that was to answer raised an error


@dataclass(frozen=True)
class Failed:
    """No answer: why, in words without the key or what the server sent, and after how many tries (0: not asked).

    usage and cost: what the last try took none the less, as one that spent all its tokens on thinking; None where
    nobody tells.
    """

    kind: FailureKind
    detail: str
    attempts: int
    usage: Usage | None = None
    cost: float | None = None
