"""G5: an open decision is asked again as labels come in, at six looks."""

from functools import cache, partial

import numpy as np
import polars as pl

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES, OURS
from benchmarks.gate_errors.weigh import ALPHA, OfCounts, decided_counts, policy, same_by_both_layers
from benchmarks.gate_errors.worlds import Codes, generator, looks
from evaluation.allowance import Weighing, allowance, share_left
from evaluation.row_sketch import RowSketch
from evaluation.stats.sequential import level_of_look
from evaluation.types import Allowance, Verdict

LOOKS = (500, 1000, 2000, 4000, 8000, 16_000)
_PSI, _TOLERANCE = 0.08, 0.01
_WHOLE_PATH = 5
UNGUARDED = "same test at every look"
_Ended = tuple[Verdict, int]


def _top_up(shown: str, number: int, runs: int) -> list[Row]:
    """One cell: the truth is d, looks go on until one decides."""
    cell = Cell("G5", _name(shown), runs)
    paths = looks(generator(number), LOOKS, _PSI, DIFFERENCES[shown] * _TOLERANCE)
    by_counts = OfCounts(_TOLERANCE)
    rows = []
    drawn = [next(paths) for _ in range(runs)]
    for rule, levels in ((OURS, _levels()), (UNGUARDED, (ALPHA,) * len(LOOKS))):
        ended = [_ended(path, levels, by_counts) for path in drawn]
        rows += _rows(cell, rule, ended, shown)
    for path in drawn[:_WHOLE_PATH]:
        same_by_both_layers(_ended(path, _levels(), by_counts)[0], _whole_path(path), cell.name)
    return rows


def _ended(path: Codes, levels: tuple[float, ...], by_counts: OfCounts) -> _Ended:
    """The first look that decides, or the last one."""
    verdict = Verdict.INCONCLUSIVE
    for counts, level in zip(path, levels, strict=True):
        verdict = by_counts.weigh(counts, level).verdict
        if verdict is not Verdict.INCONCLUSIVE:
            return verdict, int(counts.sum())
    return verdict, LOOKS[-1]


def _rows(cell: Cell, rule: str, ended: list[_Ended], shown: str) -> list[Row]:
    said = [verdict for verdict, _ in ended]
    rows_asked = np.array([rows for _, rows in ended])
    ours, at = rule == OURS, DIFFERENCES[shown]
    claims = {
        Verdict.PASS: ALPHA if ours and at <= -1 else None,
        Verdict.FAIL: ALPHA if ours and at >= -1 else None,
    }
    rows = [
        cell.share(rule, str(verdict), said.count(verdict), most=most, control=most is not None)
        for verdict, most in claims.items()
    ]
    rows.append(
        cell.number(
            rule,
            "mean rows at the decision",
            float(rows_asked.mean()),
            float(rows_asked.std(ddof=1) / len(ended) ** 0.5),
            most=7000.0 if ours and shown == "0" else None,
        )
    )
    return rows


@cache
def _levels() -> tuple[float, ...]:
    """The level of every look, as the product spends its 5 %."""
    return tuple(level_of_look(ALPHA, LOOKS[: k + 1], LOOKS[-1]) for k in range(len(LOOKS)))


def _whole_path(path: Codes) -> Verdict:
    """The same with an allowance from a history of weighings, and whole decisions."""
    gate = policy({"metric": "accuracy", "no_worse_than_champion_by": _TOLERANCE}, planned_rows=LOOKS[-1])
    verdict = Verdict.INCONCLUSIVE
    for look, counts in enumerate(path):
        verdict = decided_counts(gate, counts, _allowances()[look]).verdict
        if verdict is not Verdict.INCONCLUSIVE:
            break
    return verdict


@cache
def _allowances() -> tuple[Allowance, ...]:
    """What the product allows at every look, from what it remembers of those before."""
    history: list[Weighing] = []
    found: list[Allowance] = []
    for rows in LOOKS:
        this = Weighing("challenger", rows, RowSketch.of(pl.DataFrame({"row": range(rows)})))
        found.append(allowance(ALPHA, 1, LOOKS[-1], history, this))
        history.append(this.given(found[-1], share_left(ALPHA, 1, history, this)))
    return tuple(found)


def _name(shown: str) -> str:
    return f"looks at 500, 1,000, ... 16,000 rows, d = {shown}"


G5 = Design(
    "G5",
    "More labels after an open decision",
    5000,
    [
        Place(_name(shown), 20_000, 500 if shown == "-t" else 0, partial(_top_up, shown))
        for shown in ("+t", "0", "-t", "-2t")
    ],
)
