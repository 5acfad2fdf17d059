"""Seeded resampling of rows by multiplicity, the same resamples for every statistic.

A resample of n rows is n draws with replacement; it is kept as how often each row was drawn, so that a
metric is a weighted sum and challenger and champion see the same draws (paired). Source: Efron and
Tibshirani 1993, chapter 6.
"""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np

from evaluation.errors import Undefined
from evaluation.metrics.base import Metric, Sample, Weights
from evaluation.types import FloatArray, IntArray

# Weights of one chunk: 4 bytes each, with about four times that in passing; fits a core's cache nearly.
_CHUNK = 600_000

Statistic = Callable[[Weights], FloatArray]
Progress = Callable[[float], None]
Key = TypeVar("Key", bound=Hashable)


@dataclass(frozen=True)
class Plan:
    """How many resamples, from which seed, and how many neighbouring rows are drawn together."""

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
) -> Draws[Key]:
    """Evaluate statistics on resamples of n rows.

    Each statistic gets (b, n) multiplicities, whole numbers as float32, and answers (b, ...), NaN where it
    is undefined. One that raises is left out and its message kept; the others go on. Memory is bounded for
    any n.

    >>> mean = lambda weights: weights @ np.array([1.0, 2.0, 3.0]) / 3
    >>> draw(3, {"mean": mean}, Plan(500, seed=(1,))).values["mean"].shape
    (500,)
    """
    if not statistics:
        return Draws({}, {})
    from threadpoolctl import threadpool_limits

    # The products are tall and thin: a second BLAS thread gains nothing, and on a busy machine waiting for
    # it made them up to 40 times slower.
    with threadpool_limits(limits=1, user_api="blas"):
        return _draw(n, statistics, plan, progress)


def _draw(n: int, statistics: Mapping[Key, Statistic], plan: Plan, progress: Progress | None) -> Draws[Key]:
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(plan.seed)))
    size = max(1, min(plan.resamples, _CHUNK // max(n, 1)))
    parts: dict[Key, list[FloatArray]] = {key: [] for key in statistics}
    problems: dict[Key, str] = {}
    for start in range(0, plan.resamples, size):
        weights = multiplicities(random, n, min(size, plan.resamples - start), plan.block)
        for key, statistic in statistics.items():
            if key in problems:
                continue
            try:
                parts[key].append(_checked(statistic(weights), len(weights)))
            except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
                problems[key] = complaint(error)
        if progress is not None:
            progress(min(1.0, (start + size) / plan.resamples))
    return Draws(
        {key: np.concatenate(found) for key, found in parts.items() if key not in problems}, problems
    )


def _checked(found: FloatArray, b: int) -> FloatArray:
    if np.shape(found)[:1] != (b,):
        raise ValueError(f"gave shape {np.shape(found)} for {b} resamples")
    return found


def multiplicities(random: np.random.Generator, n: int, b: int, block: int = 1) -> Weights:
    """How often each of n rows is drawn in each of b resamples, (b, n)."""
    blocks = -(-n // block)
    drawn = random.integers(0, blocks, size=(b, blocks))
    drawn += (np.arange(b) * blocks)[:, None]
    counts = np.bincount(drawn.ravel(), minlength=b * blocks).reshape(b, blocks).astype(np.float32)
    return counts if block == 1 else np.repeat(counts, block, axis=1)[:, :n]


def statistic(metric: Metric, sample: Sample) -> Statistic:
    """The metric on a sample as a function of multiplicities; row by row where it has no `weighted`."""
    if metric.weighted is not None:
        weighted = metric.weighted
        return lambda weights: np.asarray(weighted(sample, weights), dtype=np.float64)
    return lambda weights: np.array([_redrawn(metric, sample, counts.astype(np.int64)) for counts in weights])


def _redrawn(metric: Metric, sample: Sample, counts: IntArray) -> float:
    try:
        return float(metric.point(sample.take(np.repeat(np.arange(len(counts)), counts))))
    except Undefined:
        return float("nan")


def complaint(error: Exception) -> str:
    """An exception as one line for a record.

    >>> complaint(ZeroDivisionError("division by zero"))
    'ZeroDivisionError: division by zero'
    """
    if isinstance(error, Undefined):
        return error.found
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}"[:300]
