"""How often the best candidate is left out, and how often it is found: python -m benchmarks.choice [RUNS].

Every run draws n cases that are easy or hard for all of k candidates, scores each candidate's answers to them, and asks
`evaluation.choice.best.choose` at an error of 5 %. A score is continuous, or a hit or miss. Answers may be repeated,
five to a case, and are then one unit. `left out` is the share of runs in which the best one is marked beaten; where
all are equally good, the first of them stands for the best.
"""

import math
import sys
from collections.abc import Callable, Sequence

import numpy as np

from evaluation.choice.best import Candidate, choose
from evaluation.metrics.base import Sample
from evaluation.stats.estimate import Settings
from evaluation.text.declare import mean_of
from evaluation.text.rows import TextRows
from evaluation.types import FloatArray, IntArray

Draw = Callable[[np.random.Generator, Sequence[float]], tuple[FloatArray, IntArray | None]]


def quality(rows: TextRows) -> FloatArray:
    """How good a text is."""
    return rows.fact("quality")


QUALITY = mean_of(quality, range=(-math.inf, math.inf))


def scores(n: int) -> Draw:
    """Continuous scores that share the difficulty of the case, (n, k)."""

    def draw(random: np.random.Generator, means: Sequence[float]) -> tuple[FloatArray, IntArray | None]:
        return random.normal(size=(n, 1)) + np.asarray(means) + 0.5 * random.normal(
            size=(n, len(means))
        ), None

    return draw


def hits(n: int) -> Draw:
    """Hits and misses: a score above a threshold."""

    def draw(random: np.random.Generator, means: Sequence[float]) -> tuple[FloatArray, IntArray | None]:
        return (scores(n)(random, means)[0] > 0).astype(np.float64), None

    return draw


def repeated(n: int, times: int = 5) -> Draw:
    """So many answers to each case, of one candidate alike but for what chance adds."""

    def draw(random: np.random.Generator, means: Sequence[float]) -> tuple[FloatArray, IntArray | None]:
        each = np.repeat(scores(n)(random, means)[0], times, axis=0)
        return each + 0.2 * random.normal(size=each.shape), np.repeat(np.arange(n), times)

    return draw


def run(draw: Draw, means: Sequence[float], runs: int, seed: int) -> tuple[float, float, float]:
    """Shares of runs in which the first was left out, in which it was shown to be the best, and in which any was."""
    left_out = shown = any_shown = 0
    for child in np.random.SeedSequence(seed).spawn(runs):
        values, units = draw(np.random.Generator(np.random.PCG64(child)), means)
        found = choose(
            [_candidate(str(k), values[:, k], units) for k in range(len(means))], QUALITY, Settings()
        )
        left_out += found.best != "0" and "0" not in found.open
        shown += found.best == "0"
        any_shown += found.best is not None
    return left_out / runs, shown / runs, any_shown / runs


def _candidate(name: str, values: FloatArray, units: IntArray | None) -> Candidate:
    texts = np.array([f"{name} {value}" for value in values.tolist()], dtype=object)
    return Candidate(name, Sample(texts, texts, row_scores={"quality": values}, units=units))


def main(arguments: Sequence[str]) -> None:
    """Print one line a world."""
    runs = int(arguments[0]) if arguments else 2000
    print(f"{runs:,} runs a line; a share of 5 % has a standard error of {math.sqrt(0.05 * 0.95 / runs):.2%}")
    print(f"{'scores':<22}{'candidates':<28}{'left out':>9}{'found':>8}{'any shown':>11}")
    worlds = {"continuous, n=100": scores(100), "hits, n=200": hits(200), "5 answers, 60 cases": repeated(60)}
    fields = {
        "4, all equal": (0.0,) * 4,
        "4, one better by 0.3": (0.3, 0, 0, 0),
        "4, one better by 0.1": (0.1, 0, 0, 0),
    }
    for seed, ((called, draw), (field, means)) in enumerate(
        (world, field) for world in worlds.items() for field in fields.items()
    ):
        left_out, shown, any_shown = run(draw, means, runs, seed)
        print(f"{called:<22}{field:<28}{left_out:>9.2%}{shown:>8.1%}{any_shown:>11.1%}")


if __name__ == "__main__":
    main(sys.argv[1:])
