"""P1: rows that the planner says are needed for a pass in four of five cases, beside those that really are."""

import math
from collections.abc import Callable
from functools import partial
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

from benchmarks.gate_errors.jobs import Design, Measured, Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import OURS
from benchmarks.gate_errors.weigh import ALPHA, OfCounts, Weighed, weigh
from benchmarks.gate_errors.worlds import binormal, generator, paired_counts, prompts
from evaluation.metrics.base import Sample
from evaluation.stats.power import needed_units
from evaluation.types import Verdict

POWER = 0.8
_PILOTS = 200
# Sizes at which the real power is measured, in units of what was planned.
_AROUND = (0.85, 1.0, 1.15)
# One decision about identical models on so many units.
_Draw = Callable[[np.random.Generator, int], Weighed]


def _accuracy(psi: float) -> _Draw:
    judged = OfCounts(0.01)
    return lambda random, n: judged.weigh(paired_counts(random, 1, n, psi, 0.0)[0])


def _auc(random: np.random.Generator, n: int) -> Weighed:
    target, mine, theirs = binormal(random, round(0.3 * n), n, 0.9, 0.0)
    labels = np.zeros(n, dtype=np.int64)
    return weigh("roc_auc", 0.01, Sample(target, labels, mine), Sample(target, labels, theirs))


def _prompts(random: np.random.Generator, n: int) -> Weighed:
    mine, theirs = prompts(random, n, 5, 0.0, 0.1)
    codes, zero = np.repeat(np.arange(n), 5), np.zeros(5 * n)
    return weigh(
        "mae", 0.02, Sample(zero, mine.ravel(), units=codes), Sample(zero, theirs.ravel(), units=codes)
    )


class _Plan(NamedTuple):
    """What is planned: a decision with a tolerance, from a pilot of so many units."""

    draw: _Draw
    tolerance: float
    pilot: int


def _plan(name: str, plan: _Plan, number: int, runs: int) -> list[Row]:
    """One cell: plans from pilots of identical models, and the size that reaches the power in truth."""
    cell, random, draw = Cell("P1", name, runs), generator(number), plan.draw
    planned = [_needed(draw(random, plan.pilot), plan.pilot, plan.tolerance) for _ in range(_PILOTS)]
    predicted = round(float(np.median(planned)))
    sizes = np.array([round(predicted * share) for share in _AROUND])
    shares = np.array([_passes(draw, random, int(n), runs) for n in sizes])
    real = _where(sizes, shares)
    # How far the size moves with the error of the power measured at it.
    se = math.sqrt(POWER * (1 - POWER) / runs) * (sizes[-1] - sizes[0]) / max(shares[-1] - shares[0], 1e-9)
    planned_share = round(shares[1] * runs)
    return [
        cell.number(OURS, "planned units", predicted, float(np.std(planned) / math.sqrt(_PILOTS))),
        cell.number(OURS, "units that reach 80 %", real, float(se)),
        cell.number(
            OURS, "relative error of the plan", abs(predicted - real) / real, float(se / real), most=0.10
        ),
        cell.share(OURS, "pass at the planned units", planned_share),
    ]


def _needed(found: Weighed, pilot: int, tolerance: float) -> int:
    half = (found.high - found.low) / 2
    needed = needed_units(0.0, -half, half, pilot, ALPHA, -tolerance, POWER)
    if needed is None:
        raise RuntimeError("a pilot from which nothing can be planned")
    return needed


def _passes(draw: _Draw, random: np.random.Generator, n: int, runs: int) -> float:
    return sum(draw(random, n).verdict is Verdict.PASS for _ in range(runs)) / runs


def _where(sizes: np.ndarray, shares: np.ndarray) -> float:
    """The size whose share of passes is 80 %: normal quantiles are nearly a line in the root of the size."""
    quantiles = [NormalDist().inv_cdf(float(np.clip(share, 0.001, 0.999))) for share in shares]
    slope, start = np.polyfit(np.sqrt(sizes), quantiles, 1)
    return float(((NormalDist().inv_cdf(POWER) - start) / slope) ** 2)


def _share(psi: float) -> Measured:
    name = _accuracy_name(psi)
    return partial(_plan_accuracy, name, psi)


def _plan_accuracy(name: str, psi: float, number: int, runs: int) -> list[Row]:
    return _plan(name, _Plan(_accuracy(psi), 0.01, 2000), number, runs)


def _accuracy_name(psi: float) -> str:
    return f"accuracy, psi {psi:.0%}, t 0.01, pilot of 2,000 rows"


_AUC = "roc_auc, 30 % positive, correlation 0.9, t 0.01, pilot of 2,000 rows"
_PROMPTS = "prompts with 5 generations each, t 0.02, pilot of 200 prompts"

P1 = Design(
    "P1",
    "Planned and really needed units",
    10_000,
    [
        *(Place(_accuracy_name(psi), 8000, 0, _share(psi)) for psi in (0.03, 0.08, 0.16)),
        Place(_AUC, 2000, 0, partial(_plan, _AUC, _Plan(_auc, 0.01, 2000))),
        Place(_PROMPTS, 4000, 0, partial(_plan, _PROMPTS, _Plan(_prompts, 0.02, 200))),
    ],
)
