"""G3: area under the ROC curve against the champion on the same rows, down to ten positive rows."""

from functools import partial
from itertools import product

import numpy as np

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES, point_rule, verdicts
from benchmarks.gate_errors.weigh import decided, policy, same_by_both_layers, weigh
from benchmarks.gate_errors.worlds import Array, Codes, binormal, generator
from evaluation.metrics.base import Sample
from evaluation.types import Outputs, Task, Verdict

_TOLERANCE = 0.01
_WHOLE_PATH = 4
_LEAST_POSITIVES = 10
_RARE = 50
_MANY_ROWS = 10_000


def _auc(where: tuple[float, int, float], shown: str, number: int, runs: int) -> list[Row]:
    """One cell: the share of positive rows, all rows, the correlation of the models' scores; how far apart."""
    cell, random = Cell("G3", _name(*where, shown), runs), generator(number)
    prevalence, n, rho = where
    positives = round(n * prevalence)
    d = DIFFERENCES[shown] * _TOLERANCE
    found = []
    for run in range(runs):
        target, mine, theirs = binormal(random, positives, n, rho, d)
        found.append(weigh("roc_auc", _TOLERANCE, _sample(target, mine), _sample(target, theirs)))
        if run < _WHOLE_PATH:
            _check(found[-1].verdict, target, mine, theirs, cell.name)
    passed = sum(each.value >= -_TOLERANCE for each in found)
    return [*verdicts(cell, found, DIFFERENCES[shown], truth=d), *point_rule(cell, passed)]


def _sample(target: Codes, score: Array) -> Sample:
    return Sample(target, (score >= 0.5).astype(np.int64), score)


def _check(fast: Verdict, target: Codes, mine: Array, theirs: Array, where: str) -> None:
    gate = policy({"metric": "roc_auc", "no_worse_than_champion_by": _TOLERANCE})
    answers = [Outputs((score >= 0.5).astype(np.int64), score) for score in (mine, theirs)]
    whole = decided(gate, task=Task.BINARY, target=target, challenger=answers[0], other=answers[1])
    same_by_both_layers(fast, whole.verdict, where)


def _name(prevalence: float, n: int, rho: float, shown: str) -> str:
    positives = f"{round(n * prevalence):,} of {n:,} positive"
    return f"{positives}, correlation {rho:g}, d = {shown}"


def _runs(prevalence: float, n: int, shown: str) -> tuple[int, int]:
    """Runs of a cell and of its short check: most where a rate is stated, and few positive rows strain it."""
    if shown != "-t":
        return (500 if n >= _MANY_ROWS else 1000), 0
    if n >= _MANY_ROWS:
        return 8000, 33
    if prevalence * n < _LEAST_POSITIVES + 1:
        return 60_000, 100
    return (30_000 if prevalence * n < _RARE else 12_000), 100


def _cells() -> list[Place]:
    return [
        Place(_name(*where, shown), *_runs(*where[:2], shown), partial(_auc, where, shown))
        for where in product((0.3, 0.05, 0.02), (200, 500, 2000, 10_000), (0.8, 0.9, 0.95))
        if where[0] * where[1] >= _LEAST_POSITIVES - 1e-9
        for shown in ("-t", "0", "-2t")
    ]


G3 = Design("G3", "Area under the ROC curve against the champion", 3000, _cells())
