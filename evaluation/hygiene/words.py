"""Texts as numbers: their words, and hashes of so many of them in a row."""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.types import IntArray

Hashes = NDArray[np.uint64]

_WORD = re.compile(r"\w+")
# An odd constant with no pattern in its bits, whose powers tell the places of words apart (2^64 / golden ratio).
_STEP = np.uint64(0x9E3779B97F4A7C15)
_MIX = np.uint64(0xFF51AFD7ED558CCD)


def words_of(text: str) -> list[str]:
    """The words of a text, compatible forms and cases made one, without punctuation.

    >>> words_of("The ﬁrst  MUG, red!")
    ['the', 'first', 'mug', 'red']
    """
    return _WORD.findall(unicodedata.normalize("NFKC", text).casefold())


@dataclass(frozen=True, eq=False)
class Worded:
    """n texts as one row of word hashes, (words,), and where each text starts, (n + 1,)."""

    words: Hashes
    starts: IntArray

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Worded":
        """Hash the words of texts; equal words have equal hashes in every run."""
        known: dict[str, int] = {}
        found: list[int] = []
        starts = [0]
        for text in texts:
            for word in words_of(text):
                if word not in known:
                    known[word] = int.from_bytes(
                        hashlib.blake2b(word.encode(), digest_size=8).digest(), "little"
                    )
                found.append(known[word])
            starts.append(len(found))
        return cls(np.array(found, dtype=np.uint64), np.array(starts, dtype=np.int64))

    @property
    def n(self) -> int:
        """How many texts."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> IntArray:
        """Words of every text, (n,)."""
        return np.diff(self.starts)

    def ngrams(self, size: int) -> tuple[Hashes, IntArray]:
        """Hashes of every `size` words in a row within a text, and the text of each; equal in all texts.

        >>> hashes, owner = Worded.of(["a red mug", "red mug"]).ngrams(2)
        >>> owner.tolist(), bool(hashes[1] == hashes[2])
        ([0, 0, 1], True)
        """
        places = len(self.words) - size + 1
        if places <= 0:
            return np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)
        rolled = np.zeros(places, dtype=np.uint64)
        for offset in range(size):
            rolled = rolled * _STEP + self.words[offset : offset + places]
        rolled ^= rolled >> np.uint64(33)
        rolled *= _MIX
        owner = np.repeat(np.arange(self.n), self.lengths)
        within = owner[:places] == owner[size - 1 :]
        return rolled[within], owner[:places][within]

    def whole(self) -> Hashes:
        """One hash a text, (n,), equal where all words are."""
        powers = np.arange(len(self.words)) - np.repeat(self.starts[:-1], self.lengths)
        weighted = self.words * _power(powers)
        summed = np.concatenate([np.zeros(1, dtype=np.uint64), np.cumsum(weighted, dtype=np.uint64)])
        return np.asarray(summed[self.starts[1:]] - summed[self.starts[:-1]] + self.lengths.astype(np.uint64))


def _power(exponents: IntArray) -> Hashes:
    """Powers of the step, modulo 2^64."""
    longest = int(exponents.max(initial=0)) + 1
    table = np.cumprod(np.full(longest, _STEP, dtype=np.uint64), dtype=np.uint64)
    return table[exponents]
