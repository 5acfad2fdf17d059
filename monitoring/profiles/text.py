"""Texts as numbers that can be compared: how long they are, how many of their words are new, what they are about.

For words and meaning, half of the reference says what is known; the other half and the window are then measured by it
in the same way, so that without drift both are draws from one distribution. A reference that measured itself would find
nothing new in it. How long a text is needs no such half, and all of the reference counts.
"""

import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec

import numpy as np
import polars as pl

from evaluation.errors import NotInstalled
from evaluation.types import FloatArray

_WORD = re.compile(r"\w+")
# A column is text where most values differ and have several words; few different values are categories.
_DISTINCT_SHARE = 0.5
_WORDS = 3.0
_LOOKED_AT = 1000
# Texts beyond so many are not embedded: the distance would not become much sharper.
_EMBEDDED = 2000


@dataclass(frozen=True)
class Measured:
    """One number a text: (n,) of the reference or its second half, (m,) of the window, NaN where there is no text."""

    reference: FloatArray
    current: FloatArray


def is_text(series: pl.Series) -> bool:
    """Whether a column holds texts rather than categories.

    >>> is_text(pl.Series(["a red mug", "a set of blue plates"])), is_text(pl.Series(["red", "blue"]))
    (True, False)
    """
    if series.dtype != pl.String:
        return False
    known = series.drop_nulls().head(_LOOKED_AT)
    if known.is_empty() or known.n_unique() < _DISTINCT_SHARE * known.len():
        return False
    return sum(len(_WORD.findall(text)) for text in known) >= _WORDS * known.len()


def measure_texts(reference: pl.Series, current: pl.Series) -> Mapping[str, Measured]:
    """What can be compared of two columns of texts, by name; meaning only where embeddings are installed.

    >>> old = pl.Series(["a red mug", "a blue mug"] * 50)
    >>> found = measure_texts(old, pl.Series(["tax law for companies"]))
    >>> found["new words"].reference.mean(), found["new words"].current.tolist()
    (np.float64(0.0), [1.0])
    """
    order = np.random.Generator(np.random.PCG64(0)).permutation(reference.len())
    known, rest = reference[order[::2]].to_list(), reference[order[1::2]].to_list()
    given = current.to_list()
    vocabulary = {word for text in known if text for word in words_of(text)}
    found = {
        "length": Measured(_lengths(reference.to_list()), _lengths(given)),
        "new words": Measured(_new(rest, vocabulary), _new(given, vocabulary)),
    }
    if find_spec("onnxruntime") and find_spec("tokenizers"):
        # The package with the model may be missing all the same; the others are compared then as without embeddings.
        with suppress(NotInstalled):
            found["meaning"] = _meaning(known, rest, given)
    return found


def words_of(text: str) -> list[str]:
    """Its words in lower case, in order.

    >>> words_of("A red mug!")
    ['a', 'red', 'mug']
    """
    return _WORD.findall(text.lower())


def _lengths(texts: Sequence[str | None]) -> FloatArray:
    return np.array([np.nan if text is None else len(words_of(text)) for text in texts], dtype=np.float64)


def _new(texts: Sequence[str | None], vocabulary: set[str]) -> FloatArray:
    """The share of a text's words that are not known; none of no words."""

    def share(text: str | None) -> float:
        if text is None:
            return np.nan
        words = words_of(text)
        return sum(word not in vocabulary for word in words) / len(words) if words else 0.0

    return np.array([share(text) for text in texts], dtype=np.float64)


def _meaning(
    known: Sequence[str | None], rest: Sequence[str | None], given: Sequence[str | None]
) -> Measured:
    """How near each text is to what the known ones are about: the cosine to their mean direction."""
    from evaluation.embeddings.base import embedder

    embed = embedder().embed
    centre = embed([text for text in known[:_EMBEDDED] if text and text.strip()]).mean(
        axis=0, dtype=np.float64
    )

    def near(texts: Sequence[str | None]) -> FloatArray:
        found = np.full(len(texts), np.nan)
        there = [place for place, text in enumerate(texts) if text and text.strip()][-_EMBEDDED:]
        if there:
            found[there] = embed([texts[place] or "" for place in there]) @ centre
        return found[-_EMBEDDED:]

    return Measured(near(rest), near(given))
