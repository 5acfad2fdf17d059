"""Texts that repeat an earlier one, word for word or nearly."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evaluation.hygiene.finding import Mask
from evaluation.hygiene.words import Hashes, Worded
from evaluation.types import IntArray

_TRIPLE = 3
_PERMUTATIONS = 64
_OFTEN = 0.7


@dataclass(frozen=True, eq=False)
class Repeats:
    """For every text which earlier one it repeats, (n,) each, -1 where none: word for word, and nearly."""

    exact: IntArray
    near: IntArray

    @property
    def rows(self) -> Mask:
        """Texts that repeat one in either way, (n,)."""
        return np.asarray((self.exact >= 0) | (self.near >= 0))


def repeats(texts: Sequence[str], near: float = 0.8) -> Repeats:
    """Find texts that repeat an earlier one, disregarding case, punctuation and spaces.

    near: the share of word triples, of all that either has, that both have (Jaccard). Candidates are found by
    MinHash and locality-sensitive hashing, and every one is then compared triple by triple, so that no text is
    called a duplicate that is none; of those that are, about one in a hundred at most is missed. Empty texts repeat
    nothing.

    Source: Broder 1997, "On the resemblance and containment of documents".

    >>> found = repeats(["A red mug.", "a red MUG", "a blue mug"])
    >>> found.exact.tolist(), found.near.tolist()
    ([-1, 0, -1], [-1, -1, -1])
    """
    worded = Worded.of(texts)
    exact = _first_alike(worded)
    found = np.full(worded.n, -1)
    distinct = np.flatnonzero((exact < 0) & (worded.lengths >= _TRIPLE))
    for text, earlier in _near(worded, distinct, near):
        found[text] = earlier
    return Repeats(exact, found)


def _first_alike(worded: Worded) -> IntArray:
    whole = worded.whole()
    _, first, which = np.unique(whole, return_index=True, return_inverse=True)
    earlier = first[which]
    own = np.arange(worded.n)
    return np.where((earlier < own) & (worded.lengths > 0), earlier, -1)


def _near(worded: Worded, texts: IntArray, near: float) -> list[tuple[int, int]]:
    from datasketch import MinHash, MinHashLSH

    hashes, owner = worded.ngrams(_TRIPLE)
    bounds = np.searchsorted(owner, np.arange(worded.n + 1))
    # Two texts that have 0.8 in common meet in one of 16 bands of 4 hashes with chance 0.9998, of 0.7 with 0.99;
    # of 0.5 in one of 32 bands of 2 with 0.9999. What meets by chance is found out afterwards.
    rows = 4 if near >= _OFTEN else 2
    index = MinHashLSH(num_perm=_PERMUTATIONS, params=(_PERMUTATIONS // rows, rows))
    low = (hashes >> np.uint64(32)).astype(np.int64)
    parts = (low[bounds[text] : bounds[text + 1]].tolist() for text in texts)
    sketches = MinHash.generator(parts, num_perm=_PERMUTATIONS, hashfunc=_as_it_is)
    pairs = []
    for text, sketch in zip(texts.tolist(), sketches, strict=True):
        mine = hashes[bounds[text] : bounds[text + 1]]
        for earlier in sorted(index.query(sketch)):
            if _jaccard(mine, hashes[bounds[earlier] : bounds[earlier + 1]]) >= near:
                pairs.append((text, int(earlier)))
                break
        else:
            # A text that repeats one stands for nothing new: what is like it is like the earlier one, or nearly so.
            index.insert(text, sketch, check_duplication=False)
    return pairs


def _as_it_is(value: int) -> int:
    return value


def _jaccard(one: Hashes, other: Hashes) -> float:
    mine, theirs = set(one.tolist()), set(other.tolist())
    return len(mine & theirs) / max(1, len(mine | theirs))
