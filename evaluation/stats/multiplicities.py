"""How often each of n rows is drawn in b resamples of n draws: exact, without drawing row by row."""

import math
from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from evaluation.metrics.base import Weights
from evaluation.types import FloatArray

# Numbers worked on at once: they fit a core's cache.
_BLOCK = 65_536
# Poisson counts from here on are never seen: their chance is below 1e-30.
_MOST = 30


class _Thresholds(NamedTuple):
    """A 16-bit number is the count of `steps` at or below it, or, beyond the last, drawn anew by `rest`."""

    steps: NDArray[np.uint16]
    rest: FloatArray


def multiplicities(random: np.random.Generator, n: int, b: int, block: int = 1) -> Weights:
    """How often each of n rows is drawn, (b, n), in memory column by column; neighbours by block.

    The multinomial counts of n draws are Poisson counts given that they add up to n. So Poisson counts of
    mean a little below 1 are taken as long as they do not exceed n together, and what is missing is drawn
    row by row: that is the same distribution, at a third of the cost.

    >>> random = np.random.Generator(np.random.PCG64(1))
    >>> multiplicities(random, n=5, b=2).sum(axis=1)
    array([5., 5.], dtype=float32)
    """
    blocks = -(-n // block)
    counts = _counts(random, blocks, b)
    return counts.T if block == 1 else np.repeat(counts, block, axis=0)[:n].T


def _counts(random: np.random.Generator, n: int, b: int) -> Weights:
    # Five standard deviations below n: more than n are drawn once in three million resamples.
    rate = 1 - 5 / math.sqrt(n)
    counts = _poisson(random, rate, n, b) if rate > 0.5 else np.zeros((n, b), dtype=np.float32)
    missing = n - _totals(counts)
    while (over := np.flatnonzero(missing < 0)).size:
        counts[:, over] = _poisson(random, rate, n, len(over))
        missing[over] = n - _totals(counts[:, over])
    columns = np.repeat(np.arange(b), missing.astype(np.int64))
    rows = random.integers(0, n, size=len(columns))
    np.add.at(counts.reshape(-1), rows * b + columns, np.float32(1))
    return counts


def _totals(counts: Weights) -> Weights:
    # As a product, four times as fast as a sum down the columns; exact, as long as totals stay below 2**24.
    return np.asarray(np.ones(len(counts), dtype=np.float32) @ counts)


def _poisson(random: np.random.Generator, rate: float, n: int, b: int) -> Weights:
    """Poisson counts, (n, b), exact: 16 random bits decide all but 2 in 10,000, the rest gets more bits."""
    steps, rest = _thresholds(rate)
    counts = np.empty(n * b, dtype=np.float32)
    for start in range(0, len(counts), _BLOCK):
        out = counts[start : start + _BLOCK]
        bits = random.bit_generator.random_raw(-(-len(out) // 4)).view(np.uint16)[: len(out)]
        small = np.zeros(len(out), dtype=np.uint8)
        for step in steps:
            reached = bits >= step
            small += reached.view(np.uint8)
        out[:] = small
        unsettled = np.flatnonzero(bits >= steps[-1])
        out[unsettled] = np.searchsorted(rest, random.random(len(unsettled)), side="right")
    return counts.reshape(n, b)


@cache
def _thresholds(rate: float) -> _Thresholds:
    chances = np.array([math.exp(-rate) * rate**k / math.factorial(k) for k in range(_MOST)])
    whole = np.floor(chances * 2**16)
    steps = np.cumsum(whole[whole > 0]).astype(np.uint16)
    left = chances * 2**16 - whole
    return _Thresholds(steps, np.cumsum(left) / left.sum())
