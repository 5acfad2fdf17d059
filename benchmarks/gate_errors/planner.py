"""P1: units that the planner says are needed for a pass in four of five cases, beside those that really are."""

import math
from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import OURS
from benchmarks.gate_errors.weigh import ALPHA, OfCounts, policy, weigh
from benchmarks.gate_errors.worlds import (
    Array,
    Codes,
    binormal,
    generator,
    paired_counts,
    prompts,
    right_answers,
)
from evaluation.answers import Answers
from evaluation.forecast.plan import forecast
from evaluation.metrics.base import Sample
from evaluation.types import Allowance, Outputs, Task, Verdict

POWER = 0.8
_PILOTS = 40
# Sizes at which the real power is measured, in units of what was planned.
_AROUND = (0.85, 1.0, 1.15)


class _World(NamedTuple):
    """Identical models on so many units: what they answer, and what the gate says to it."""

    task: Task
    gate: dict[str, Any]
    pilot_units: int
    answers: Callable[[np.random.Generator, int], Answers]
    verdict: Callable[[np.random.Generator, int], Verdict]


def _plan(name: str, world: _World, number: int, runs: int) -> list[Row]:
    """One cell: plans from pilots, and the size that reaches the power in truth."""
    cell, random = Cell("P1", name, runs), generator(number)
    planned = [_needed(world, random) for _ in range(_PILOTS)]
    predicted = round(float(np.median(planned)))
    sizes = np.array([round(predicted * share) for share in _AROUND])
    passes = np.array(
        [sum(world.verdict(random, int(n)) is Verdict.PASS for _ in range(runs)) for n in sizes]
    )
    shares = passes / runs
    real = _reaching(sizes, shares)
    # How far the size moves with the error of the power measured at it.
    se = math.sqrt(POWER * (1 - POWER) / runs) * (sizes[-1] - sizes[0]) / (shares[-1] - shares[0])
    return [
        cell.number(OURS, "planned units", predicted, float(np.std(planned)) / math.sqrt(_PILOTS)),
        cell.number(OURS, "units that reach 80 %", real, float(se)),
        cell.number(
            OURS, "relative error of the plan", abs(predicted - real) / real, float(se / real), most=0.10
        ),
        cell.share(OURS, "pass at the planned units", int(passes[1])),
    ]


def _needed(world: _World, random: np.random.Generator) -> int:
    pilot = world.answers(random, world.pilot_units)
    found = forecast(
        task=world.task,
        gate=policy(world.gate, unit="prompt" if pilot.frame.columns == ["prompt"] else None),
        frame=pilot.frame,
        target=pilot.target,
        pilot=pilot,
        allowance=Allowance.whole(ALPHA),
    )
    needed = found.checks[0].needed
    if needed is None:
        raise RuntimeError(f"a pilot from which nothing can be planned: {found.checks[0].note}")
    return needed


def _reaching(sizes: Codes, shares: Array) -> float:
    """The size whose share of passes is 80 %: normal quantiles are nearly a line in the root of the size."""
    quantiles = [NormalDist().inv_cdf(float(np.clip(share, 0.001, 0.999))) for share in shares]
    slope, start = np.polyfit(np.sqrt(sizes), quantiles, 1)
    return float(((NormalDist().inv_cdf(POWER) - start) / slope) ** 2)


def _of_accuracy(psi: float) -> _World:
    by_counts = OfCounts(0.01)

    def answers(random: np.random.Generator, n: int) -> Answers:
        mine, theirs = right_answers(paired_counts(random, 1, n, psi, 0.0)[0])
        target = np.arange(n) % 2
        right = [Outputs(np.where(model == 1, target, 1 - target)) for model in (mine, theirs)]
        return Answers(target, _rows(n), right[0], right[1])

    def verdict(random: np.random.Generator, n: int) -> Verdict:
        return by_counts.weigh(paired_counts(random, 1, n, psi, 0.0)[0]).verdict

    gate = {"metric": "accuracy", "no_worse_than_champion_by": 0.01}
    return _World(Task.BINARY, gate, 2000, answers, verdict)


def _of_auc() -> _World:
    def drawn(random: np.random.Generator, n: int) -> tuple[Codes, Array, Array]:
        return binormal(random, round(0.3 * n), n, 0.9, 0.0)

    def answers(random: np.random.Generator, n: int) -> Answers:
        target, mine, theirs = drawn(random, n)
        models = [Outputs((score >= 0.5).astype(np.int64), score) for score in (mine, theirs)]
        return Answers(target, _rows(n), models[0], models[1])

    def verdict(random: np.random.Generator, n: int) -> Verdict:
        target, mine, theirs = drawn(random, n)
        labels = np.zeros(n, dtype=np.int64)
        return weigh("roc_auc", 0.01, Sample(target, labels, mine), Sample(target, labels, theirs)).verdict

    gate = {"metric": "roc_auc", "no_worse_than_champion_by": 0.01}
    return _World(Task.BINARY, gate, 2000, answers, verdict)


def _of_prompts() -> _World:
    def answers(random: np.random.Generator, n: int) -> Answers:
        mine, theirs = prompts(random, n, 5, 0.0, 0.1)
        frame = pl.DataFrame({"prompt": np.repeat(np.arange(n), 5)})
        return Answers(np.zeros(5 * n), frame, Outputs(mine.ravel()), Outputs(theirs.ravel()))

    def verdict(random: np.random.Generator, n: int) -> Verdict:
        codes, zero = np.repeat(np.arange(n), 5), np.zeros(5 * n)
        models = [Sample(zero, scores.ravel(), units=codes) for scores in prompts(random, n, 5, 0.0, 0.1)]
        return weigh("mae", 0.02, models[0], models[1]).verdict

    gate = {"metric": "mae", "no_worse_than_champion_by": 0.02}
    return _World(Task.REGRESSION, gate, 200, answers, verdict)


def _rows(n: int) -> pl.DataFrame:
    return pl.DataFrame({"row": np.arange(n)})


def _measure(made: Callable[[], _World], name: str, number: int, runs: int) -> list[Row]:
    """A world is made where it is used: what it consists of does not travel between processes."""
    return _plan(name, made(), number, runs)


def _place(name: str, runs: int, made: Callable[[], _World]) -> Place:
    return Place(name, runs, 0, partial(_measure, made, name))


P1 = Design(
    "P1",
    "Planned and really needed units",
    10_000,
    [
        *(
            _place(f"accuracy, psi {psi:.0%}, t 0.01, pilot of 2,000 rows", 8000, partial(_of_accuracy, psi))
            for psi in (0.03, 0.08, 0.16)
        ),
        _place("roc_auc, 30 % positive, correlation 0.9, t 0.01, pilot of 2,000 rows", 2000, _of_auc),
        _place("prompts with 5 generations each, t 0.02, pilot of 200 prompts", 4000, _of_prompts),
    ],
)
