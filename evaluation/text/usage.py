"""What answers took: tokens, time and money, as the endpoint told."""

import math

import numpy as np

from evaluation.metrics.base import divide
from evaluation.text.declare import mean_of, sums_of
from evaluation.text.rows import Scored, TextRows
from evaluation.types import FloatArray

_NOT_TOLD = "the endpoint did not tell"


def answer_tokens(rows: TextRows) -> Scored:
    """Tokens of an answer, as the endpoint counted them.

    >>> answer_tokens(TextRows.of(["a mug"], completion_tokens=[3])).values
    array([3.])
    """
    return _told(rows.fact("completion_tokens"))


def prompt_tokens(rows: TextRows) -> Scored:
    """Tokens of a prompt, as the endpoint counted them.

    >>> prompt_tokens(TextRows.of(["a mug", "a cup"], prompt_tokens=[7, None])).problems
    [None, 'the endpoint did not tell']
    """
    return _told(rows.fact("prompt_tokens"))


def first_token_ms(rows: TextRows) -> Scored:
    """Milliseconds until the first token of an answer.

    >>> first_token_ms(TextRows.of(["a mug"], first_token_ms=[80.0])).values
    array([80.])
    """
    return _told(rows.fact("first_token_ms"))


def cost_per_1000_answers(rows: TextRows) -> Scored:
    """Money for a thousand answers, in the currency of the price table.

    >>> cost_per_1000_answers(TextRows.of(["a mug"], cost=[0.002])).values
    array([2.])
    """
    return _told(1000 * rows.fact("cost"), "the endpoint did not tell its tokens, or has no price")


def tokens_per_s(rows: TextRows) -> Scored:
    """Tokens a second once the first was there, over all answers together.

    One row adds tokens after the first, and seconds; an answer of one token adds nothing.

    >>> tokens_per_s(TextRows.of(["a"], completion_tokens=[11], first_token_ms=[100.0], latency_ms=[600.0])).values
    array([[10. ,  0.5]])
    """
    tokens, first, last = map(rows.fact, ("completion_tokens", "first_token_ms", "latency_ms"))
    seconds = (last - first) / 1000
    adds = (tokens >= 2) & (seconds > 0)
    known = np.isfinite(tokens + seconds)
    columns = np.where(adds[:, None], np.column_stack([tokens - 1, seconds]), 0.0)
    return Scored(
        np.where(known[:, None], columns, np.nan), [None if there else _NOT_TOLD for there in known]
    )


def _quotient(sums: FloatArray) -> FloatArray:
    return divide(sums[:, 0], sums[:, 1])


def _told(values: FloatArray, problem: str = _NOT_TOLD) -> Scored:
    return Scored(values, [None if known else problem for known in np.isfinite(values)])


METRICS = (
    mean_of(answer_tokens, higher_is_better=False, range=(0.0, math.inf), unit="tokens"),
    mean_of(prompt_tokens, higher_is_better=False, range=(0.0, math.inf), unit="tokens"),
    mean_of(first_token_ms, higher_is_better=False, range=(0.0, math.inf), unit="ms"),
    mean_of(cost_per_1000_answers, higher_is_better=False, range=(0.0, math.inf), unit="currency"),
    sums_of(tokens_per_s, _quotient, range=(0.0, math.inf), unit="tokens/s"),
)
