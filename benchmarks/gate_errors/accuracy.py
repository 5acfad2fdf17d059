"""G1 and G2: accuracy against the champion on the same rows, down to hardly any row that differs."""

import math
from functools import partial
from itertools import product
from statistics import NormalDist

import numpy as np

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.mlflow_rules import mlflow_passes
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES, OURS, point_rule, verdicts
from benchmarks.gate_errors.weigh import ALPHA, OfCounts, decided_counts, policy, same_by_both_layers
from benchmarks.gate_errors.worlds import ACCURACY, Codes, generator, paired_counts

_WHOLE_PATH = 10
_MLFLOW_RUNS = 2000
# The oracle's own draws under a challenger that is worse by the tolerance, from which it takes its limits.
_ORACLE_RUNS = 400_000


_TOLERANCE = 0.01


def _accuracy(psi: float, n: int, shown: str, number: int, runs: int) -> list[Row]:
    """One cell of G1: n rows of which a share psi differs, the truth d so many tolerances from 0."""
    tolerance = _TOLERANCE
    d = DIFFERENCES[shown] * tolerance
    cell = Cell("G1", f"psi {psi:.0%}, n {n}, d = {shown}", runs)
    counts = paired_counts(generator(number), runs, n, psi, d)
    rows = _ours(cell, counts, tolerance, shown)
    if shown == "0":
        rows.append(_against_oracle(cell, counts, psi, rows[2].count or 0, number))
    return rows + _others(cell, counts, tolerance)


def _few(n: int, psi: float, tolerance: float, number: int, runs: int) -> list[Row]:
    """One cell of G2: the challenger is worse by exactly the tolerance, few rows differ."""
    cell = Cell("G2", f"n {n}, differing {psi:.0%}, t {tolerance:g}", runs)
    counts = paired_counts(generator(number), runs, n, psi, -tolerance)
    return _ours(cell, counts, tolerance, "-t") + _others(cell, counts, tolerance)


def _ours(cell: Cell, counts: Codes, tolerance: float, shown: str) -> list[Row]:
    by_counts = OfCounts(tolerance)
    found = [by_counts.weigh(row) for row in counts]
    gate = policy({"metric": "accuracy", "no_worse_than_champion_by": tolerance})
    for row, fast in zip(counts[:_WHOLE_PATH], found, strict=False):
        same_by_both_layers(fast.verdict, decided_counts(gate, row).verdict, cell.name)
    tolerances = DIFFERENCES[shown]
    return verdicts(
        cell,
        found,
        tolerances,
        truth=None if cell.design == "G2" else tolerances * tolerance,
        goals=cell.design == "G1",
    )


def _against_oracle(cell: Cell, counts: Codes, psi: float, inconclusive: int, number: int) -> Row:
    """Inconclusive beside a z test that is told psi; what it leaves open is nobody's fault.

    Rows are whole, so that the z test errs in a little more or less than 5 %. The comparison is with the same
    test at the closest whole numbers at which it keeps its word.
    """
    n, gained = int(counts[0].sum()), counts[:, 0] - counts[:, 1]
    worse = paired_counts(generator(-number), _ORACLE_RUNS, n, psi, -_TOLERANCE)
    lost = np.sort(worse[:, 0] - worse[:, 1])
    reach = NormalDist().inv_cdf(1 - ALPHA) * math.sqrt(psi * n)
    decides = (gained > reach - _TOLERANCE * n) | (gained < -reach - _TOLERANCE * n)
    kept = int(ALPHA * _ORACLE_RUNS)
    # Strictly beyond the draw of this rank lie at most 5 %.
    oracle = float(np.mean((gained <= lost[-kept - 1]) & (gained >= lost[kept])))
    errs = float(np.mean(lost > reach - _TOLERANCE * n))
    return cell.share(
        OURS,
        "inconclusive, identical models",
        inconclusive,
        most=oracle,
        note=f"a z test that knows psi leaves {np.mean(~decides):.1%} open and passes {errs:.1%} on the bound;"
        f" held to 5 % it leaves {oracle:.1%}",
    )


def _others(cell: Cell, counts: Codes, tolerance: float) -> list[Row]:
    """The rules that compare points: two lines, and MLflow's validation."""
    n = int(counts[0].sum())
    passed = (counts[:, 0] - counts[:, 1]) / n >= -tolerance - 1e-12
    rows = point_rule(cell, int(passed.sum()))
    some = counts[:_MLFLOW_RUNS]
    for name, threshold in (
        ("MLflow, not below champion", None),
        ("MLflow, threshold", ACCURACY - tolerance),
    ):
        count = sum(
            mlflow_passes((row[0] + row[2]) / n, (row[1] + row[2]) / n, threshold=threshold) for row in some
        )
        rows.append(cell.share(name, "pass", count, runs=len(some)))
        rows.append(cell.share(name, "fail", len(some) - count, runs=len(some)))
    return rows


G1 = Design(
    "G1",
    "Accuracy against the champion on the same rows",
    1000,
    [
        Place(
            f"psi {psi:.0%}, n {n}, d = {shown}",
            20_000,
            (1000 if n < 10_000 else 400) if shown == "-t" else 0,
            partial(_accuracy, psi, n, shown),
        )
        for psi, n, shown in product((0.03, 0.08, 0.16), (200, 500, 2000, 10_000), DIFFERENCES)
    ],
)

FEW = [(0.01, 0.01), (0.02, 0.02), (0.03, 0.01), (0.03, 0.03)]

G2 = Design(
    "G2",
    "Hardly any row differs",
    2000,
    [
        Place(f"n {n}, differing {psi:.0%}, t {tolerance:g}", 500_000, 1000, partial(_few, n, psi, tolerance))
        for n, (psi, tolerance) in product((50, 100, 200, 500), FEW)
    ],
)
