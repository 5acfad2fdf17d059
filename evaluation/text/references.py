"""Answers beside their references: every pair is measured, and the best reference counts."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property, wraps
from typing import TypeVar

import numpy as np

from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import Codes, Split, numbered
from evaluation.types import FloatArray, IntArray

NO_REFERENCE = "the case has no reference"
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Pairs:
    """Every answer with each of its references, in the order of the rows, as the numbers of their words."""

    rows: TextRows
    split: Split

    @cached_property
    def owner(self) -> IntArray:
        """The row of each pair."""
        return np.repeat(np.arange(self.rows.n), [len(several) for several in self.rows.references])

    @cached_property
    def answers(self) -> list[Codes]:
        """The answer of each pair."""
        return numbered(self.rows, self.split)(self.rows.answers[row] for row in self.owner)

    @cached_property
    def references(self) -> list[Codes]:
        """The reference of each pair."""
        return numbered(self.rows, self.split)(text for several in self.rows.references for text in several)

    @property
    def texts(self) -> Iterator[tuple[str, str]]:
        """Answer and reference of each pair."""
        for answer, several in zip(self.rows.answers, self.rows.references, strict=True):
            for reference in several:
                yield answer, reference

    def best(self, values: FloatArray, no_value: str = "no reference gives a value") -> Scored:
        """For each row the largest of its pairs' values, (pairs,), of which some may be NaN."""
        found = np.full(self.rows.n, np.nan)
        np.fmax.at(found, self.owner, values)
        problems = [
            None if known else no_value if several else NO_REFERENCE
            for known, several in zip(np.isfinite(found), self.rows.references, strict=True)
        ]
        return Scored(found, problems)


def pairs(rows: TextRows, split: Split) -> Pairs:
    """The pairs of these rows, kept with them."""
    return once(rows, f"pairs by {split.__name__}", lambda: Pairs(rows, split))


def once(rows: TextRows, what: str, make: Callable[[], Made]) -> Made:
    """What is made of these rows, made when it is asked for the first time."""
    if what not in rows.shared:
        rows.shared[what] = make()
    made: Made = rows.shared[what]
    return made


def kept(scorer: Callable[[TextRows], Scored]) -> Callable[[TextRows], Scored]:
    """A scorer whose scores are kept with the rows, for others that start from them."""

    @wraps(scorer)
    def score(rows: TextRows) -> Scored:
        return once(rows, f"scores of {scorer.__name__}", lambda: scorer(rows))

    return score


def sums(rows: TextRows, columns: FloatArray) -> Scored:
    """Sums (n, k) of rows, without those of rows that have no reference."""
    has = np.array([bool(several) for several in rows.references], dtype=np.bool_)
    found = np.where(has[:, None], columns, np.nan)
    return Scored(found, [None if known else NO_REFERENCE for known in has])


def lengths(texts: Sequence[Codes]) -> IntArray:
    """Words of each text, (texts,)."""
    return np.array([len(text) for text in texts], dtype=np.int64)


def f_measure(matched: FloatArray, of_answer: FloatArray, of_reference: FloatArray) -> FloatArray:
    """The harmonic mean of matched/of_answer and matched/of_reference, 0 where nothing matched.

    >>> f_measure(np.array([2.0, 0.0]), np.array([4.0, 0.0]), np.array([2.0, 1.0])).round(3).tolist()
    [0.667, 0.0]
    """
    precision = matched / np.maximum(of_answer, 1)
    recall = matched / np.maximum(of_reference, 1)
    both = precision + recall
    return np.divide(2 * precision * recall, both, out=np.zeros_like(both), where=both > 0)
