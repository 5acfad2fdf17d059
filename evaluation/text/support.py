"""How far passages support an answer, by words and by meaning: cheap, and no language model is asked."""

import re
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from evaluation.embeddings.base import embedder
from evaluation.metrics.base import divide
from evaluation.text.answerability import declines
from evaluation.text.declare import RAG_ONLY, sums_of
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import words
from evaluation.types import FloatArray

NO_PASSAGES = "the answer was given no passages"
_END = re.compile(r"(?<=[.!?])\s+|\n+")


def context_support(rows: TextRows) -> Scored:
    """How far the passages support what an answer says beyond its question; the rest is the model's own.

    The mean over its sentences of the larger of two: the share of their stems that the passages have, stop words and
    words of the question left out; and the cosine with the sentence of the passages that is nearest in meaning.
    (n, 2) sums: that, and 1; two zeros for an answer that claims nothing, such as "not in the text". For English.
    It is no RAGAS faithfulness: it takes no logic, so that words in a wrong order, or a "not" too many, are supported.

    >>> given = [["Captain Ahab loses a leg to the whale."]] * 3
    >>> rows = TextRows.of(["Ahab lost his legs.", "The captain loses a leg.", "Not in the text."], contexts=given)
    >>> context_support(rows).values.round(2).tolist()
    [[0.76, 1.0], [1.0, 1.0], [0.0, 0.0]]
    """
    claims = [_claims(answer, asked) for answer, asked in zip(rows.answers, _questions(rows), strict=True)]
    by_words = _by_words(rows, claims)
    by_meaning = _by_meaning(rows, claims, by_words)
    found = np.zeros((rows.n, 2))
    problems: list[str | None] = [None] * rows.n
    for row, passages in enumerate(rows.contexts):
        if not passages:
            found[row], problems[row] = np.nan, NO_PASSAGES
        elif claims[row]:
            found[row] = np.maximum(by_words[row], by_meaning[row]).mean(), 1.0
    return Scored(found, problems)


def _claims(answer: str, question: str) -> dict[str, frozenset[str]]:
    """Sentences of an answer with the stems that each adds to the question; those that add none are no claim."""
    if declines(answer):
        return {}
    asked = _stems(question)
    found = {sentence: _stems(sentence) - asked for sentence in sentences(answer)}
    return {sentence: stems for sentence, stems in found.items() if stems}


def _by_words(rows: TextRows, claims: Sequence[dict[str, frozenset[str]]]) -> list[FloatArray]:
    """The share of each claim's stems that the passages have."""
    found = []
    for said, passages in zip(claims, rows.contexts, strict=True):
        there = frozenset().union(*(_stems(passage) for passage in passages))
        found.append(np.array([len(stems & there) / len(stems) for stems in said.values()]))
    return found


def _by_meaning(
    rows: TextRows, claims: Sequence[dict[str, frozenset[str]]], by_words: Sequence[FloatArray]
) -> list[FloatArray]:
    """The cosine of each claim with the nearest sentence of the passages, 0 where its words are all there."""
    needed = [row for row, shares in enumerate(by_words) if (shares < 1).any()]
    texts = dict.fromkeys(sentence for row in needed for sentence in claims[row])
    there = {row: [each for passage in rows.contexts[row] for each in sentences(passage)] for row in needed}
    texts.update(dict.fromkeys(sentence for row in needed for sentence in there[row]))
    vectors = dict(zip(texts, _embedded(rows, list(texts)), strict=True))
    found = [np.zeros(len(shares)) for shares in by_words]
    for row in needed:
        if there[row]:
            said = np.array([vectors[sentence] for sentence in claims[row]])
            passages = np.array([vectors[sentence] for sentence in there[row]])
            found[row] = np.clip((said @ passages.T).max(axis=1), 0.0, 1.0)
    return found


def _embedded(rows: TextRows, texts: Sequence[str]) -> Iterable[object]:
    return embedder(rows.settings.embeddings, rows.settings.folder).embed(texts)


def sentences(text: str) -> list[str]:
    """The sentences of a text, as full stops, question marks and lines part it.

    >>> sentences("A whale! Where?\\nThere.")
    ['A whale!', 'Where?', 'There.']
    """
    return [part.strip() for part in _END.split(text) if part.strip()]


@lru_cache(maxsize=100_000)
def _stem(word: str) -> str:
    return str(_stemmer().stem(word))


@lru_cache(maxsize=1)
def _stemmer() -> Any:
    from nltk.stem.snowball import SnowballStemmer

    return SnowballStemmer("english")


@lru_cache(maxsize=20_000)
def _stems(text: str) -> frozenset[str]:
    """The stems of a text's words that mean something by themselves."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    return frozenset(_stem(word) for word in words(text) if word not in ENGLISH_STOP_WORDS and len(word) > 1)


def _questions(rows: TextRows) -> list[str]:
    column = rows.settings.ragas.question
    if column not in rows.inputs.columns:
        return [""] * rows.n
    return ["" if value is None else str(value) for value in rows.inputs[column]]


def _mean(sums: FloatArray) -> FloatArray:
    return divide(sums[:, 0], sums[:, 1])


METRICS = (sums_of(context_support, _mean, tasks=RAG_ONLY),)
