"""Counting verdicts over the runs of a cell."""

from collections.abc import Sequence

from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.weigh import ALPHA, Weighed
from evaluation.types import Verdict

OURS = "Weighbridge"
POINT = "point threshold"
# Differences in tolerances: better is positive, whatever the metric's direction.
DIFFERENCES = {"+t": 1.0, "0": 0.0, "-t/2": -0.5, "-t": -1.0, "-2t": -2.0}


def verdicts(
    cell: Cell,
    found: Sequence[Weighed],
    tolerances: float,
    *,
    truth: float | None = None,
    goals: bool = False,
) -> list[Row]:
    """Shares of pass, fail and inconclusive, and of limits that contain the truth.

    tolerances: how much better the challenger truly is, in tolerances; at -1 and below a pass is an error,
    at -1 and above a fail is. goals: also claim that at -2 a pass is rarer, at most 2 %, and that 89 to 91 %
    of the limits contain the truth.
    """
    said = [each.verdict for each in found]
    wrong_pass, wrong_fail = tolerances <= -1, tolerances >= -1
    most = 0.02 if goals and tolerances < -1 else ALPHA
    rows = [
        cell.share(
            OURS, "pass", said.count(Verdict.PASS), most=most if wrong_pass else None, control=wrong_pass
        ),
        cell.share(
            OURS, "fail", said.count(Verdict.FAIL), most=ALPHA if wrong_fail else None, control=wrong_fail
        ),
        cell.share(OURS, "inconclusive", said.count(Verdict.INCONCLUSIVE)),
    ]
    if truth is not None:
        covered = sum(each.covers(truth) for each in found)
        least, most_covered = (0.89, 0.91) if goals else (None, None)
        rows.append(cell.share(OURS, "limits contain the truth", covered, least=least, most=most_covered))
    return rows


def point_rule(cell: Cell, passed: int) -> list[Row]:
    """A rule that compares values and knows no doubt."""
    return [cell.share(POINT, "pass", passed), cell.share(POINT, "fail", cell.runs - passed)]
