"""Runs of words counted for many texts at once: what texts share, what stands elsewhere, what comes again.

A run of n words is packed into one whole number, the text it belongs to before it; one sort then brings equal
runs together. Where the numbers would not fit into 63 bits, those that there are get smaller ones first, so that
two runs are never taken for one.
"""

import itertools
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from evaluation.text.words import Codes
from evaluation.types import IntArray

# Words of texts that are counted together: more do not fit into the processor's cache.
_BLOCK = 200_000
_THREADS = 2
_BITS = 63

Mask = NDArray[np.bool_]
Counted = TypeVar("Counted")


@dataclass(frozen=True, eq=False)
class _Runs:
    """All runs of one length in a block: where they begin, and their numbers, that of the row before `bits` bits."""

    places: IntArray
    keys: Codes
    bits: int


class _Block:
    """The texts of some rows, end to end; `row` and `nth` tell of each word the row, and which of its texts."""

    def __init__(self, texts: Sequence[Sequence[Codes]]) -> None:
        flat = [text for several in texts for text in several]
        lengths = np.array([len(text) for text in flat], dtype=np.int64)
        counts = np.array([len(several) for several in texts], dtype=np.int64)
        self.row = np.repeat(np.repeat(np.arange(len(texts)), counts), lengths)
        nth = np.arange(len(flat)) - np.repeat(np.cumsum(counts) - counts, counts)
        self.nth = np.repeat(nth, lengths)
        self._left = np.repeat(np.cumsum(lengths), lengths) - np.arange(len(self.row))
        self._words, self._width = _fewer_bits(np.concatenate([*flat, np.empty(0, dtype=np.int64)]))
        self.nth_bits = int(nth.max(initial=0)).bit_length()
        self._spare = _BITS - self.nth_bits - len(texts).bit_length()

    def runs(self, longest: int) -> Iterator[_Runs]:
        """The runs of 1, 2, ... `longest` words."""
        code, bits = self._words, self._width
        for n in range(1, longest + 1):
            if n > 1:
                if bits + self._width > self._spare:
                    code, bits = _ranked(code)
                code, bits = (code[:-1] << self._width) | self._words[n - 1 :], bits + self._width
            places = np.flatnonzero(self._left[: len(code)] >= n)
            yield _Runs(places, (self.row[places] << bits) | code[places], bits)


def shared(answers: Sequence[Codes], references: Sequence[Sequence[Codes]], longest: int) -> IntArray:
    """Runs of 1 to `longest` words that an answer shares with its references, (n, longest).

    A run counts as often as the answer has it, but no more than the one reference that has it most often.

    >>> shared([np.array([1, 2, 1, 1])], [[np.array([1, 2]), np.array([2, 1, 1])]], 3).tolist()
    [[3, 3, 1]]
    """
    texts = [[answer, *several] for answer, several in zip(answers, references, strict=True)]

    def count(places: range) -> IntArray:
        block = _Block([texts[place] for place in places])
        found = [_clipped(runs, block, len(places)) for runs in block.runs(longest)]
        return np.stack(found, axis=1)

    return np.concatenate([np.empty((0, longest), dtype=np.int64), *_in_blocks(count, texts)])


def distinct(texts: Sequence[Codes], n: int) -> IntArray:
    """How many different runs of n words each text has, (texts,).

    >>> distinct([np.array([1, 2, 1, 2, 1]), np.array([1])], 2).tolist()
    [2, 0]
    """
    alone = [[text] for text in texts]

    def count(places: range) -> IntArray:
        *_, runs = _Block([alone[place] for place in places]).runs(n)
        return np.bincount(np.unique(runs.keys) >> runs.bits, minlength=len(places))

    return np.concatenate([np.empty(0, dtype=np.int64), *_in_blocks(count, alone)])


def standing(answers: Sequence[Codes], others: Sequence[Sequence[Codes]], n: int) -> list[Mask]:
    """Which runs of n words of each answer stand in any of its others, (words - n + 1,) each.

    >>> standing([np.array([1, 2, 3])], [[np.array([2, 3, 1])]], 2)[0].tolist()
    [False, True]
    """
    texts = [[answer, *several] for answer, several in zip(answers, others, strict=True)]

    def count(places: range) -> list[Mask]:
        block = _Block([texts[place] for place in places])
        *_, runs = block.runs(n)
        own = block.nth[runs.places] == 0
        hits = np.isin(runs.keys[own], runs.keys[~own])
        counts = np.bincount(block.row[runs.places[own]], minlength=len(places))
        return np.split(hits, np.cumsum(counts)[:-1])

    return [hits for block in _in_blocks(count, texts) for hits in block]


def _clipped(runs: _Runs, block: _Block, rows: int) -> IntArray:
    """Per row, the sum over runs of the lesser of: times in the answer, most times in one reference."""
    keys = np.sort((runs.keys << block.nth_bits) | block.nth[runs.places])
    if len(keys) == 0:
        return np.zeros(rows, dtype=np.int64)
    if block.nth_bits == 1:
        return _clipped_by_one(keys, runs.bits, rows)
    first = _starts(keys)
    times = np.diff(first, append=len(keys))
    run, nth = keys[first] >> block.nth_bits, keys[first] & ((1 << block.nth_bits) - 1)
    start = _starts(run)
    of_answer = np.where(nth[start] == 0, times[start], 0)
    of_others = np.maximum.reduceat(np.where(nth == 0, 0, times), start)
    least = np.minimum(of_answer, of_others)
    return np.bincount(run[start] >> runs.bits, weights=least, minlength=rows).astype(np.int64)


def _clipped_by_one(keys: Codes, bits: int, rows: int) -> IntArray:
    """The same where nobody has more than one reference: keys sorted, their last bit 1 in the reference."""
    run = keys >> 1
    start = _starts(run)
    times = np.diff(start, append=len(keys))
    # Most runs stand in one place only.
    again = times > 1
    start, times = start[again], times[again]
    of_reference = np.cumsum(keys & 1)
    of_reference = of_reference[start + times - 1] - of_reference[start] + (keys[start] & 1)
    least = np.minimum(times - of_reference, of_reference)
    return np.bincount(run[start] >> bits, weights=least, minlength=rows).astype(np.int64)


def _starts(ordered: Codes) -> IntArray:
    """Where each stretch of equal numbers begins."""
    return np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))


def _fewer_bits(codes: Codes) -> tuple[Codes, int]:
    """The same numbers without gaps between them, and how many bits they need."""
    there = np.zeros(int(codes.max(initial=0)) + 1, dtype=np.bool_)
    there[codes] = True
    number = np.cumsum(there) - 1
    return number[codes], max(1, int(number[-1]).bit_length())


def _ranked(codes: Codes) -> tuple[Codes, int]:
    different, ranks = np.unique(codes, return_inverse=True)
    return ranks.astype(np.int64), max(1, len(different).bit_length())


def _in_blocks(count: Callable[[range], Counted], texts: Sequence[Sequence[Codes]]) -> list[Counted]:
    """What `count` finds in stretches of the rows that hold about as many words each, in their order."""
    ends = np.cumsum([sum(map(len, several)) for several in texts], dtype=np.int64)
    cuts = np.flatnonzero(np.diff(ends // _BLOCK, prepend=0))
    edges = sorted({0, *cuts.tolist(), len(texts)})
    blocks = [range(start, stop) for start, stop in itertools.pairwise(edges)]
    if len(blocks) < 2:
        return [count(block) for block in blocks]
    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(count, blocks))
