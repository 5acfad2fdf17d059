"""Answers that say again what they were given."""

import math
from collections.abc import Sequence

import numpy as np

from evaluation.text.declare import mean_of
from evaluation.text.ngrams import standing
from evaluation.text.references import NO_REFERENCE
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import Codes, numbered, words
from evaluation.types import FloatArray

NO_PROMPT = "the prompt is not known"
# Words in a row that count as copied: chance makes few runs of so many.
_RUN = 4


def prompt_echo(rows: TextRows) -> Scored:
    """Share of an answer's runs of four words that stand in its prompt; 0 for an answer of fewer words.

    >>> prompt_echo(TextRows.of(["Describe the blue mug now please"], prompt=["Describe the blue mug now!"])).values
    array([0.66666667])
    """
    number = numbered(rows, words)
    return of_known_prompts(rows, _echo(number(rows.answers), [number([text]) for text in rows.prompts]))


def prompt_echo_run(rows: TextRows) -> Scored:
    """Words of the longest run that an answer copies from its prompt.

    >>> prompt_echo_run(TextRows.of(["It is a blue mug"], prompt=["Write of a blue cup"])).values
    array([2.])
    """
    longest = [_longest(words(a), words(p)) for a, p in zip(rows.answers, rows.prompts, strict=True)]
    return of_known_prompts(rows, np.array(longest, dtype=np.float64))


def reference_echo(rows: TextRows) -> Scored:
    """Share of an answer's runs of four words that stand in one of its references; near 1 it may have seen them.

    >>> reference_echo(TextRows.of(["a mug of blue clay"], ("the mug of blue clay", "a cup"))).values
    array([0.5])
    """
    number = numbered(rows, words)
    values = _echo(number(rows.answers), [number(several) for several in rows.references])
    has = np.array([bool(several) for several in rows.references], dtype=np.bool_)
    return Scored(np.where(has, values, np.nan), [None if known else NO_REFERENCE for known in has])


def of_known_prompts(
    rows: TextRows, values: FloatArray, problems: Sequence[str | None] | None = None
) -> Scored:
    """Values of the rows whose prompt is known; the others have none."""
    known = np.array([bool(prompt) for prompt in rows.prompts], dtype=np.bool_)
    why = [
        problem if there else NO_PROMPT
        for problem, there in zip(problems or [None] * rows.n, known, strict=True)
    ]
    mask = known if values.ndim == 1 else known[:, None]
    return Scored(np.where(mask, values, np.nan), why)


def _echo(answers: Sequence[Codes], given: Sequence[Sequence[Codes]]) -> FloatArray:
    found = standing(answers, given, _RUN)
    return np.array([hits.mean() if len(hits) else 0.0 for hits in found], dtype=np.float64)


def _longest(answer: Sequence[str], prompt: Sequence[str]) -> int:
    """Words of the longest run that both have; a longer one is looked for from every word on."""
    text, best = f" {' '.join(prompt)} ", 0
    for start in range(len(answer)):
        while start + best < len(answer) and f" {' '.join(answer[start : start + best + 1])} " in text:
            best += 1
    return best


METRICS = (
    mean_of(prompt_echo, higher_is_better=False),
    mean_of(prompt_echo_run, higher_is_better=False, range=(0.0, math.inf), unit="words"),
    mean_of(reference_echo, higher_is_better=False, ranked=False),
)
