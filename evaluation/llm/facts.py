"""What is known of each answer beside its text, as a table with one row a request."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from evaluation.llm.values import Failed, Reply

if TYPE_CHECKING:
    import polars as pl


def answers_of(said: Sequence[Reply | Failed]) -> list[str | None]:
    """The texts, in order; None where there is no answer.

    >>> answers_of([Reply("Hello.", None, None, 3.0, "stop", None)])
    ['Hello.']
    """
    return [result.text if isinstance(result, Reply) else None for result in said]


def facts_of(
    said: Sequence[Reply | Failed],
    *,
    prompts: Sequence[str | None] | None = None,
    contexts: Sequence[Sequence[str]] | None = None,
    sources: Sequence[Sequence[str]] | None = None,
) -> pl.DataFrame:
    """One row a result, in order; null where something is not known.

    Columns: problem (why there is no answer, or null), prompt, contexts, sources (lists, empty where none are
    given), prompt_tokens, completion_tokens, first_token_ms, latency_ms, tokens_per_s, cost, finish_reason,
    attempts, cached.

    Raises ValueError where the sequences differ in length.
    """
    import polars as pl

    n = len(said)
    asked: Sequence[str | None] = [None] * n if prompts is None else prompts
    found: Sequence[Sequence[str]] = [()] * n if contexts is None else contexts
    places: Sequence[Sequence[str]] = [()] * n if sources is None else sources
    rows = [
        {"prompt": prompt, "contexts": list(texts), "sources": list(ids)} | _facts(result)
        for result, prompt, texts, ids in zip(said, asked, found, places, strict=True)
    ]
    return pl.DataFrame(
        rows,
        schema={
            "problem": pl.String,
            "prompt": pl.String,
            "contexts": pl.List(pl.String),
            "sources": pl.List(pl.String),
            "prompt_tokens": pl.Int64,
            "completion_tokens": pl.Int64,
            "first_token_ms": pl.Float64,
            "latency_ms": pl.Float64,
            "tokens_per_s": pl.Float64,
            "cost": pl.Float64,
            "finish_reason": pl.String,
            "attempts": pl.Int64,
            "cached": pl.Boolean,
        },
    )


def _facts(result: Reply | Failed) -> dict[str, object]:
    usage = result.usage
    took = {
        "prompt_tokens": None if usage is None else usage.prompt_tokens,
        "completion_tokens": None if usage is None else usage.completion_tokens,
        "cost": result.cost,
        "attempts": result.attempts,
    }
    if isinstance(result, Failed):
        return took | {"problem": f"{result.kind.value}: {result.detail}"}
    return took | {
        "first_token_ms": result.first_token_ms,
        "latency_ms": result.latency_ms,
        "tokens_per_s": result.tokens_per_s,
        "finish_reason": result.finish_reason,
        "cached": result.cached,
    }
