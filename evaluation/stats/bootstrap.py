"""Seeded resampling of units by multiplicity, the same resamples for every statistic.

A resample of n units is n draws with replacement; it is kept as how often each unit was drawn, so that a
metric is a weighted sum and challenger and champion see the same draws (paired). Source: Efron and
Tibshirani 1993, chapter 6.
"""

import os
from collections.abc import Callable, Hashable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from evaluation.errors import Undefined
from evaluation.metrics.base import Statistic
from evaluation.stats.multiplicities import multiplicities
from evaluation.types import FloatArray

# Multiplicities of one chunk, 4 bytes each; few resamples at a time, but enough for vector instructions.
_CHUNK = 3_200_000
_LEAST_AT_ONCE = 4
# More threads than this wait for memory.
_THREADS = 4

Progress = Callable[[float], None]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Plan:
    """How many resamples, from which seed, and how many neighbouring units are drawn together."""

    resamples: int
    seed: tuple[int, ...]
    block: int = 1


@dataclass(frozen=True)
class Draws(Generic[Key]):
    """What each statistic gave: (resamples, ...) values, or why it gave none."""

    values: Mapping[Key, FloatArray]
    problems: Mapping[Key, str]


def draw(
    n: int,
    statistics: Mapping[Key, Statistic],
    plan: Plan,
    *,
    progress: Progress | None = None,
    threads: int | None = None,
) -> Draws[Key]:
    """Evaluate statistics on resamples of n units.

    Each statistic gets (b, n) multiplicities, whole numbers as float32, and answers (b, ...), NaN where it
    is undefined. One that raises is left out and its message kept; the others go on. Memory is bounded for
    any n. Every chunk of resamples has a seed of its own, so the values do not depend on `threads`.

    >>> mean = lambda weights: weights @ np.array([1.0, 2.0, 3.0]) / 3
    >>> draw(3, {"mean": mean}, Plan(500, seed=(1,))).values["mean"].shape
    (500,)
    """
    if not statistics:
        return Draws({}, {})
    from threadpoolctl import threadpool_limits

    size = max(min(_LEAST_AT_ONCE, plan.resamples), min(plan.resamples, _CHUNK // max(n, 1)))
    starts = range(0, plan.resamples, size)
    seeds = np.random.SeedSequence(plan.seed).spawn(len(starts))
    chunks = _Chunks(n, statistics, plan.block, {})
    jobs = [(seed, min(size, plan.resamples - start)) for seed, start in zip(seeds, starts, strict=True)]
    parts: list[dict[Key, FloatArray]] = []
    # The products are tall and thin: a second BLAS thread gains nothing, and on a busy machine waiting for
    # it made them up to 40 times slower.
    with (
        threadpool_limits(limits=1, user_api="blas"),
        ThreadPoolExecutor(threads or min(_THREADS, os.cpu_count() or 1)) as pool,
    ):
        for part in _in_order(pool, chunks, jobs):
            parts.append(part)
            if progress is not None:
                progress(len(parts) / len(jobs))
    values = {
        key: np.concatenate([part[key] for part in parts]) for key in statistics if key not in chunks.problems
    }
    return Draws(values, chunks.problems)


def _in_order(
    pool: ThreadPoolExecutor, chunks: "_Chunks[Key]", jobs: list[tuple[np.random.SeedSequence, int]]
) -> Iterator[dict[Key, FloatArray]]:
    return pool.map(lambda job: chunks.evaluate(*job), jobs)


@dataclass(frozen=True)
class _Chunks(Generic[Key]):
    """What every chunk is evaluated with; `problems` grows as statistics fail."""

    n: int
    statistics: Mapping[Key, Statistic]
    block: int
    problems: dict[Key, str]

    def evaluate(self, seed: np.random.SeedSequence, b: int) -> dict[Key, FloatArray]:
        """Every statistic that has not failed yet on b resamples."""
        random = np.random.Generator(np.random.PCG64(seed))
        weights = multiplicities(random, self.n, b, self.block)
        found = {}
        for key, statistic in self.statistics.items():
            if key in self.problems:
                continue
            try:
                found[key] = _checked(statistic(weights), b)
            except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
                self.problems[key] = complaint(error)
        return found


def _checked(found: FloatArray, b: int) -> FloatArray:
    if np.shape(found)[:1] != (b,):
        raise ValueError(f"gave shape {np.shape(found)} for {b} resamples")
    return found


def complaint(error: Exception) -> str:
    """An exception as one line for a record.

    >>> complaint(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    if isinstance(error, Undefined):
        return error.found
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
