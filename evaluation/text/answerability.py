"""Whether a model says that the text has no answer where it has none, and nowhere else."""

import re

import numpy as np
from numpy.typing import NDArray

from evaluation.text.references import once
from evaluation.text.retrieval import right_documents, share_of_rows
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


def answerability(rows: TextRows) -> FloatArray:
    """Share of answers that say the text has no answer exactly where it has none.

    That is: where no document is right. What is taken for saying so: `declines`. (n, 2) sums.

    >>> from evaluation.text.config import TextConfig
    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["The text does not say.", "Unknown."], right=["a", None], settings=settings)
    >>> answerability(rows).tolist()
    [[0.0, 1.0], [1.0, 1.0]]
    """
    return np.column_stack([_declined(rows) == _absent(rows), np.ones(rows.n)]).astype(np.float64)


def unanswerable_declined(rows: TextRows) -> FloatArray:
    """Of the cases whose answer is in no document, the share where the model says so.

    (n, 2) sums: declined, and such cases.

    >>> from evaluation.text.config import TextConfig
    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["The text does not say.", "Ishmael."], right=[None, None], settings=settings)
    >>> unanswerable_declined(rows).tolist()
    [[1.0, 1.0], [0.0, 1.0]]
    """
    absent = _absent(rows)
    return np.column_stack([_declined(rows) & absent, absent]).astype(np.float64)


def answerable_declined(rows: TextRows) -> FloatArray:
    """Of the cases whose answer is in a document, the share where the model says that it is not.

    (n, 2) sums: declined, and such cases.

    >>> from evaluation.text.config import TextConfig
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


def _absent(rows: TextRows) -> NDArray[np.bool_]:
    return np.array([not right for right in right_documents(rows)], dtype=np.bool_)


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


METRICS = (
    share_of_rows(answerability),
    share_of_rows(unanswerable_declined),
    share_of_rows(answerable_declined, higher_is_better=False),
)
