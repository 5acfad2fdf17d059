"""G4: metrics that are neither shares of rows nor areas, on samples of a pool whose truth is known."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from itertools import product

import numpy as np

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.own_metrics import queries, segments
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES, point_rule, verdicts
from benchmarks.gate_errors.weigh import decided, policy, same_by_both_layers, weigh
from benchmarks.gate_errors.worlds import SEED, generator
from evaluation.metrics.base import Metric, Sample
from evaluation.metrics.builtin import find_metric
from evaluation.types import Direction, Outputs, Task

POOL = 1_000_000
_WHOLE_PATH = 3
# How far the pool's challenger is worse, before its truth is taken from the pool.
_WORSE = {"0": 0.0, "-t": 1.0}


@dataclass(frozen=True)
class _Pool:
    """Two models on a million units, and by how much the challenger truly is worse."""

    metric: Metric
    challenger: Sample
    champion: Sample
    loss: float


def _binary(random: np.random.Generator, worse: float) -> tuple[Sample, Sample]:
    """30 % positives; scores with correlation 0.9 and areas of 0.85 and a little less; labelled from 0.5 on."""
    target = (random.random(POOL) < 0.3).astype(np.int64)
    shared, mine, theirs = random.standard_normal((3, POOL)).astype(np.float32)
    made = []
    for noise, shift in ((mine, 1.4657 - 0.12 * worse), (theirs, 1.4657)):
        score = 1 / (1 + np.exp(1.2 - (math.sqrt(0.9) * shared + math.sqrt(0.1) * noise + shift * target)))
        made.append(Sample(target, (score >= 0.5).astype(np.int64), score.astype(np.float64)))
    return made[0], made[1]


def _regression(random: np.random.Generator, worse: float) -> tuple[Sample, Sample]:
    """Skewed targets; errors that grow with them, heavy-tailed, half shared by the models."""
    target = random.lognormal(3, 0.5, POOL)
    shared, mine, theirs = random.standard_t(5, (3, POOL))
    made = [
        Sample(target, target * (1 + 0.1 * size * (shared + noise)))
        for noise, size in ((mine, 1 + 0.05 * worse), (theirs, 1.0))
    ]
    return made[0], made[1]


_World = Callable[[np.random.Generator, float], tuple[Sample, Sample]]
_WORLDS: dict[str, _World] = {
    "f1": _binary,
    "average_precision": _binary,
    "rmse": _regression,
    "mape": _regression,
    "balanced_accuracy": _binary,
    "r2": _regression,
}
# Worlds that come with a metric of their own.
_OWN = {"recall_at_20": queries, "bleu": segments}
# A true rate of 5.5 % is shown to be at most 6 % by most runs of so many samples.
_RUNS = dict.fromkeys([*_WORLDS, *_OWN], 20_000) | {"average_precision": 12_000}


@cache
def _pool(metric: str, shown: str) -> _Pool:
    random = np.random.Generator(np.random.PCG64(SEED))
    if metric in _OWN:
        known, mine, theirs = _OWN[metric](random, POOL, _WORSE[shown])
    else:
        known, (mine, theirs) = find_metric(metric), _WORLDS[metric](random, _WORSE[shown])
    loss = known.point(theirs) - known.point(mine)
    return _Pool(known, mine, theirs, loss if known.direction is Direction.HIGHER_IS_BETTER else -loss)


def _drawn(metric: str, n: int, shown: str, number: int, runs: int) -> list[Row]:
    """Samples of n units; the tolerance is by how much the worse challenger of this metric truly is worse."""
    pool, tolerance = _pool(metric, shown), _pool(metric, "-t").loss
    cell = Cell("G4", _name(metric, n, shown), runs)
    random = generator(number)
    higher = pool.metric.direction is Direction.HIGHER_IS_BETTER
    found, passed = [], 0
    for run in range(runs):
        rows = random.integers(0, POOL, n)
        mine, theirs = pool.challenger.take(rows), pool.champion.take(rows)
        found.append(weigh(pool.metric, tolerance, mine, theirs))
        gain = found[-1].value if higher else -found[-1].value
        passed += gain >= -tolerance
        if run < _WHOLE_PATH:
            _check(pool.metric, tolerance, mine, theirs, cell.name)
    truth = -pool.loss if higher else pool.loss
    return [*verdicts(cell, found, DIFFERENCES[shown], truth=truth), *point_rule(cell, passed)]


def _check(metric: Metric, tolerance: float, mine: Sample, theirs: Sample, where: str) -> None:
    gate = policy({"metric": metric.name, "no_worse_than_champion_by": tolerance})
    whole = decided(
        gate,
        task=Task.REGRESSION if Task.REGRESSION in metric.tasks else Task.BINARY,
        target=mine.target,
        challenger=Outputs(mine.label, mine.score),
        other=Outputs(theirs.label, theirs.score),
        metrics={metric.name: metric},
    )
    same_by_both_layers(weigh(metric, tolerance, mine, theirs).verdict, whole.verdict, where)


def _name(metric: str, n: int, shown: str) -> str:
    return f"{metric}, n {n}, d = {shown}"


def _cells() -> list[Place]:
    return [
        Place(
            _name(metric, n, shown),
            runs if shown == "-t" else runs // 4,
            100 if shown == "-t" and n < 2000 else 0,
            partial(_drawn, metric, n, shown),
        )
        for (metric, runs), n, shown in product(_RUNS.items(), (200, 500, 2000), _WORSE)
    ]


G4 = Design("G4", "Metrics that are neither share nor area", 4000, _cells())
