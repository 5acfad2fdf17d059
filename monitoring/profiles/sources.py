"""What answers were given to go on, as columns that can be compared: how many documents, which, for which questions.

As for texts, half of the reference says what is known where something must be, and the other half and the window are
measured by it in the same way. An answer whose record does not say what was looked up is no part of either.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from evaluation.types import FloatArray, IntArray
from monitoring.profiles.text import words_of
from monitoring.store.base import SOURCES

IDS = pl.List(pl.String)
# Two questions are alike from this cosine of their words on, the rarer of which count for more.
_ALIKE, _SAME = 0.2, 1 - 1e-9
# Questions beyond so many are not compared with each other: the distance would not become much sharper.
_ASKED = 2000


@dataclass(frozen=True)
class Answered:
    """n answers.

    sources: the ids of what each was given, lists of text, null where not known; asked: what was asked, None where
    that is no text.
    """

    sources: pl.Series
    asked: pl.Series | None

    @classmethod
    def of(cls, frame: pl.DataFrame, asked: Sequence[str]) -> "Answered":
        """Of the log or the reference; asked: its columns of texts, which are taken one after another."""
        none = pl.Series([None] * frame.height, dtype=pl.Null)
        sources = frame.get_column(SOURCES, default=none).cast(IDS)
        if not asked:
            return cls(sources, None)
        columns = (frame.get_column(name, default=none) for name in asked)
        texts = [
            (column if column.dtype == pl.String else none.cast(pl.String)).fill_null("").alias(name)
            for column, name in zip(columns, asked, strict=True)
        ]
        return cls(sources, pl.DataFrame(texts).select(pl.concat_str(pl.all(), separator="\n")).to_series())

    @property
    def known(self) -> "Answered":
        """Those of which it is known."""
        there = self.sources.is_not_null()
        return Answered(self.sources.filter(there), None if self.asked is None else self.asked.filter(there))

    def at(self, rows: IntArray) -> "Answered":
        """Some of them, by index."""
        return Answered(self.sources[rows], None if self.asked is None else self.asked[rows])

    def ids(self) -> list[frozenset[str]]:
        """The documents of each."""
        return [frozenset(row) for row in self.sources.to_list()]


def measure_sources(reference: Answered, current: Answered) -> Mapping[str, tuple[pl.Series, pl.Series]]:
    """What can be compared of two stretches of answers, by name: reference (or half of it) and window.

    - number: how many different documents an answer was given; 0 where nothing was found.
    - documents: their ids, to be compared by the share of answers that each has part in.
    - new: the share of an answer's documents that the known half was never given.
    - like questions: of the documents that the most alike known question was given, the share that came again; of
      questions that have one that is alike and not the same, and only where what is asked is a text.

    >>> old = Answered(pl.Series([["a", "b"], ["c"]] * 50), None)
    >>> found = measure_sources(old, Answered(pl.Series([["a", "d"], []]), None))
    >>> {name: window.to_list() for name, (_, window) in found.items() if name != "documents"}
    {'number': [2.0, 0.0], 'new': [0.5, 0.0]}
    """
    reference, current = reference.known, current.known
    order = np.random.Generator(np.random.PCG64(0)).permutation(reference.sources.len())
    known, rest = reference.at(order[::2]), reference.at(order[1::2])
    seen = frozenset[str]().union(*known.ids())
    found = {
        "number": (_numbers(reference), _numbers(current)),
        "documents": (reference.sources, current.sources),
        "new": (_new(rest, seen), _new(current, seen)),
    }
    if known.asked is not None and rest.asked is not None and current.asked is not None:
        found["like questions"] = _again(known, rest, current)
    return found


def _numbers(answered: Answered) -> pl.Series:
    return pl.Series([float(len(ids)) for ids in answered.ids()], dtype=pl.Float64)


def _new(answered: Answered, seen: frozenset[str]) -> pl.Series:
    return pl.Series([len(ids - seen) / max(1, len(ids)) for ids in answered.ids()], dtype=pl.Float64)


def _again(known: Answered, rest: Answered, current: Answered) -> tuple[pl.Series, pl.Series]:
    """Of questions with one that is alike among the known, what share of that one's documents came again."""
    given = known.ids()
    usable = [row for row, ids in enumerate(given) if ids][:_ASKED]
    given = [given[row] for row in usable]
    asked = _texts(known)
    alike = _Alike([asked[row] for row in usable])

    def measure(answered: Answered) -> pl.Series:
        ids, asked = answered.ids()[-_ASKED:], _texts(answered)[-_ASKED:]
        nearest = alike.to(asked)
        shares = [
            len(given[near] & mine) / len(given[near])
            for mine, near in zip(ids, nearest, strict=True)
            if near is not None
        ]
        return pl.Series(shares, dtype=pl.Float64)

    return measure(rest), measure(current)


def _texts(answered: Answered) -> list[str]:
    return [] if answered.asked is None else answered.asked.to_list()


class _Alike:
    """Finds the most alike of n known questions, by their words."""

    def __init__(self, questions: Sequence[str]) -> None:
        from sklearn.feature_extraction.text import TfidfVectorizer  # the command line imports this module

        self._words = TfidfVectorizer(analyzer=words_of, sublinear_tf=True)
        self._known = None
        # Where no question has a word, none is like another.
        if any(map(words_of, questions)):
            self._known = self._words.fit_transform(questions).T.tocsr()

    def to(self, questions: Sequence[str]) -> list[int | None]:
        """The place of each one's most alike, the first of several; None where none is alike."""
        if self._known is None or not questions:
            return [None] * len(questions)
        near: FloatArray = (self._words.transform(questions) @ self._known).toarray()
        # Who asks the very question of the reference would look like a retriever that got better.
        near[near >= _SAME] = 0.0
        best = near.argmax(axis=1)
        return [int(place) if row[place] >= _ALIKE else None for row, place in zip(near, best, strict=True)]
