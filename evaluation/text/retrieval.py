"""Whether the passages that an answer was given are of the right documents, and whether absence was noticed."""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import UserError
from evaluation.metrics.base import divide
from evaluation.text.config import TextConfig
from evaluation.text.declare import RAG_ONLY, sums_of
from evaluation.text.references import once
from evaluation.text.rows import TextRows
from evaluation.text.words import words
from evaluation.types import FloatArray

# Ways to say in English that a text does not answer a question.
_TEXT = r"(?:texts?|passages?|contexts?|excerpts?|documents?|story|stories|source|information)"
_SAYS = (
    r"(?:say|mention|state|specify|tell|provide|contain|give|include|explain|describe|answer|reveal|indicate)"
)
_NOT = r"(?:not|n['\u2019]t)"
_DECLINES = re.compile(
    rf"{_NOT} (?:\w+ )?(?:mentioned|stated|specified|provided|in (?:the|this) (?:\w+ )?{_TEXT}|enough information)\b"
    rf"|\b{_TEXT}\b[^.!?]{{0,40}}\b(?:do|does|did) ?{_NOT} (?:\w+ )?{_SAYS}\b"
    rf"|\bno (?:\w+ )?(?:information|mention|answer)\b"
    rf"|\b(?:can ?not|can['\u2019]t|could ?{_NOT}|impossible to|unable to) (?:be )?(?:answer(?:ed)?|determined?)\b"
    rf"|\bi (?:do not|don['\u2019]t) know\b|\bi(?: am|['\u2019]m) not sure\b"
    rf"|^\W*(?:unknown|unanswerable|unspecified|unclear|none|n/a)\W*$",
    re.IGNORECASE,
)
_FAR_INTO_AN_ANSWER = 160


def retrieval_recall_at_1(rows: TextRows) -> FloatArray:
    """Share of the right documents that the first passage is of; cases without a right document do not count.

    (n, 2) sums: the case's share, and 1; two zeros for a case whose answer is in no document.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x", "y"], sources=[["b", "a"], ["c"]], right=["a", None], settings=settings)
    >>> retrieval_recall_at_1(rows).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return _recall(rows, 1)


def retrieval_recall_at_3(rows: TextRows) -> FloatArray:
    """Share of the right documents among the first three passages; cases without a right document do not count.

    (n, 2) sums, as in `retrieval_recall_at_1`. A model that gives fewer passages is taken by what it gives.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "a"]], right=[["a", "c"]], settings=settings)
    >>> retrieval_recall_at_3(rows).tolist()
    [[0.5, 1.0]]
    """
    return _recall(rows, 3)


def retrieval_recall_at_5(rows: TextRows) -> FloatArray:
    """Share of the right documents among the first five passages; cases without a right document do not count.

    (n, 2) sums, as in `retrieval_recall_at_1`. A model that gives fewer passages is taken by what it gives.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "b", "d", "e", "a"]], right=["a"], settings=settings)
    >>> retrieval_recall_at_5(rows).tolist()
    [[1.0, 1.0]]
    """
    return _recall(rows, 5)


def retrieval_ndcg_at_3(rows: TextRows) -> FloatArray:
    """Normalised discounted cumulative gain of the first three passages; higher where right ones come early.

    A right document gains 1 where it comes first, and nothing when it comes again. (n, 2) sums, as in
    `retrieval_recall_at_1`. Source: Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR
    techniques".

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "a"]], right=["a"], settings=settings)
    >>> retrieval_ndcg_at_3(rows).round(2).tolist()
    [[0.63, 1.0]]
    """
    return _ndcg(rows, 3)


def retrieval_ndcg_at_5(rows: TextRows) -> FloatArray:
    """Normalised discounted cumulative gain of the first five passages, as `retrieval_ndcg_at_3` of three.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "c", "d", "a"]], right=["a"], settings=settings)
    >>> retrieval_ndcg_at_5(rows).round(2).tolist()
    [[0.43, 1.0]]
    """
    return _ndcg(rows, 5)


def retrieval_mrr(rows: TextRows) -> FloatArray:
    """Mean reciprocal rank: 1 over the place of the first passage of a right document, 0 where none is.

    (n, 2) sums, as in `retrieval_recall_at_1`.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "a", "a"]], right=["a"], settings=settings)
    >>> retrieval_mrr(rows).tolist()
    [[0.5, 1.0]]
    """
    return _averaged(rows, lambda hits, _: 1 / (1 + int(hits.argmax())) if hits.any() else 0.0)


def answerability(rows: TextRows) -> FloatArray:
    """Share of answers that say the text has no answer exactly where it has none.

    That is: where no document is right. What is taken for saying so: `declines`. (n, 2) sums.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["The text does not say.", "Unknown."], right=["a", None], settings=settings)
    >>> answerability(rows).tolist()
    [[0.0, 1.0], [1.0, 1.0]]
    """
    return np.column_stack([_declined(rows) == _absent(rows), np.ones(rows.n)]).astype(np.float64)


def unanswerable_declined(rows: TextRows) -> FloatArray:
    """Of the cases whose answer is in no document, the share where the model says so; (n, 2) sums.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["The text does not say.", "Ishmael."], right=[None, None], settings=settings)
    >>> unanswerable_declined(rows).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    absent = _absent(rows)
    return np.column_stack([_declined(rows) & absent, absent]).astype(np.float64)


def answerable_declined(rows: TextRows) -> FloatArray:
    """Of the cases whose answer is in a document, the share where the model says that it is not; (n, 2) sums.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["The text does not say.", "Ishmael."], right=["a", "a"], settings=settings)
    >>> answerable_declined(rows).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    present = ~_absent(rows)
    return np.column_stack([_declined(rows) & present, present]).astype(np.float64)


def declines(answer: str, phrases: frozenset[str] = frozenset()) -> bool:
    """Whether an answer says that the text does not tell: in English, or in one of the phrases given.

    >>> declines("The passage does not say who did it."), declines("He did not open the door.")
    (True, False)
    >>> declines("Steht nicht im Text!", frozenset({"steht nicht im text"}))
    True
    """
    beginning = answer[:_FAR_INTO_AN_ANSWER]
    said = f" {' '.join(words(beginning))} "
    return any(f" {phrase} " in said for phrase in phrases) or _DECLINES.search(beginning) is not None


def _recall(rows: TextRows, k: int) -> FloatArray:
    return _averaged(rows, lambda hits, right: hits[:k].sum() / right)


def _ndcg(rows: TextRows, k: int) -> FloatArray:
    discounts = 1 / np.log2(np.arange(2, k + 2))
    return _averaged(
        rows, lambda hits, right: hits[:k] @ discounts[: len(hits)] / discounts[: min(right, k)].sum()
    )


def _averaged(rows: TextRows, value: Callable[[NDArray[np.bool_], int], float]) -> FloatArray:
    """Sums for the mean over cases with a right document; `value` gets which passage is the first of one."""
    found = np.zeros((rows.n, 2))
    for row, (right, sources) in enumerate(zip(_right(rows), rows.sources, strict=True)):
        if right:
            hits = [source in right and source not in sources[:place] for place, source in enumerate(sources)]
            found[row] = value(np.array(hits, dtype=np.bool_), len(right)), 1.0
    return found


def _right(rows: TextRows) -> list[frozenset[str]]:
    """The ids of the documents that hold each case's answer, none where the column is empty."""
    column = _column(rows.settings)
    return once(rows, "right documents", lambda: [frozenset(_ids(value)) for value in rows.column(column)])


def _column(settings: TextConfig) -> str:
    if settings.documents is None:
        raise UserError(
            "nothing says which document holds the answer",
            expected="a column with the id, or a list of ids, of the right documents",
            next_step="texts: {documents: COLUMN} in weighbridge.yaml",
        )
    return settings.documents


def _ids(value: Any) -> list[str]:
    several = value if isinstance(value, list | tuple) else [value]
    return [str(each) for each in several if each is not None and str(each).strip()]


def _absent(rows: TextRows) -> NDArray[np.bool_]:
    return np.array([not right for right in _right(rows)], dtype=np.bool_)


def _declined(rows: TextRows) -> NDArray[np.bool_]:
    """Which answers decline, in English or in the words of the references of cases without answer."""

    def made() -> NDArray[np.bool_]:
        said = (
            " ".join(words(text))
            for absent, several in zip(_absent(rows), rows.references, strict=True)
            for text in several
            if absent
        )
        phrases = frozenset(phrase for phrase in said if phrase)
        return np.array([declines(answer, phrases) for answer in rows.answers], dtype=np.bool_)

    return once(rows, "declined", made)


def _mean(sums: FloatArray) -> FloatArray:
    return divide(sums[:, 0], sums[:, 1])


METRICS = (
    *(
        sums_of(scorer, _mean, tasks=RAG_ONLY)
        for scorer in (
            retrieval_recall_at_1,
            retrieval_recall_at_3,
            retrieval_recall_at_5,
            retrieval_ndcg_at_3,
            retrieval_ndcg_at_5,
            retrieval_mrr,
            answerability,
            unanswerable_declined,
        )
    ),
    sums_of(answerable_declined, _mean, tasks=RAG_ONLY, higher_is_better=False),
)
