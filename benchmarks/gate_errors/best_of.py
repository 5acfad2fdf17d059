"""G9: the best of several challengers, chosen on the very rows that the gate weighs on."""

from functools import partial
from itertools import product

import numpy as np
import polars as pl

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES, OURS, POINT
from benchmarks.gate_errors.weigh import ALPHA, OfCounts, decided_counts, policy, same_by_both_layers
from benchmarks.gate_errors.worlds import Codes, candidates, generator
from evaluation.allowance import Weighing, allowance
from evaluation.row_sketch import RowSketch
from evaluation.types import Allowance, Verdict

_PSI, _TOLERANCE = 0.08, 0.01
_WHOLE_PATH = 5
ONE_LEVEL = "same test for every challenger"


def _best(k: int, n: int, shown: str, number: int, runs: int) -> list[Row]:
    """One cell: k challengers, all of them worse by d; the one with most right answers is brought to the gate."""
    cell, random = Cell("G9", _name(k, n, shown), runs), generator(number)
    given, by_counts = _allowance(k, n), OfCounts(_TOLERANCE)
    gate = policy({"metric": "accuracy", "no_worse_than_champion_by": _TOLERANCE}, candidates=k)
    said: dict[str, list[bool]] = {OURS: [], ONE_LEVEL: [], POINT: []}
    for run in range(runs):
        counts = _counts_of_best(random, n, k, DIFFERENCES[shown] * _TOLERANCE)
        verdict = by_counts.weigh(counts, given.level).verdict
        said[OURS].append(verdict is Verdict.PASS)
        said[ONE_LEVEL].append(by_counts.weigh(counts).verdict is Verdict.PASS)
        said[POINT].append(bool((counts[0] - counts[1]) / n >= -_TOLERANCE - 1e-12))
        if run < _WHOLE_PATH:
            same_by_both_layers(verdict, decided_counts(gate, counts, given).verdict, cell.name)
    most = 0.01 if shown == "-2t" else ALPHA
    return [
        cell.share(rule, "pass", sum(passes), most=most if rule == OURS else None, control=rule == OURS)
        for rule, passes in said.items()
    ]


def _counts_of_best(random: np.random.Generator, n: int, k: int, d: float) -> Codes:
    right, champion = candidates(random, n, k, _PSI, d)
    best = right[int(right.sum(axis=1).argmax())]
    won, lost = int((best & ~champion).sum()), int((~best & champion).sum())
    both = int((best & champion).sum())
    return np.array([won, lost, both, n - won - lost - both])


def _allowance(k: int, n: int) -> Allowance:
    """What the product allows the first of k challengers on a test set of n rows."""
    rows = RowSketch.of(pl.DataFrame({"row": range(n)}))
    return allowance(ALPHA, k, None, [], Weighing("challenger", n, rows))


def _name(k: int, n: int, shown: str) -> str:
    return f"best of {k}, n {n}, d = {shown}"


G9 = Design(
    "G9",
    "The best of several challengers",
    9000,
    [
        Place(
            _name(k, n, shown),
            20_000 if k < 100 else 4000,
            200 if shown == "-t" else 0,
            partial(_best, k, n, shown),
        )
        for k, n, shown in product((1, 5, 20, 100), (500, 2000), ("-t", "-2t"))
    ],
)
