"""G7: several generations to every prompt, where prompts and not rows were sampled."""

from functools import partial
from itertools import product

import numpy as np

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.judged import CELLS
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES, POINT, verdicts
from benchmarks.gate_errors.weigh import decided, policy, same_by_both_layers, weigh
from benchmarks.gate_errors.worlds import Array, Codes, generator, prompts
from evaluation.metrics.base import Sample
from evaluation.types import Outputs, Task, Verdict

TOLERANCE, SPREAD = 0.02, 0.1
ROWS = "rows taken as independent"
_WHOLE_PATH = 10


def _clustered(units: int, each: int, shown: str, number: int, runs: int) -> list[Row]:
    """One cell: scores of answers, as an error to be kept small; the same gate is also told nothing of prompts."""
    cell, random = Cell("G7", name(units, each, shown), runs), generator(number)
    d = DIFFERENCES[shown] * TOLERANCE
    codes = np.repeat(np.arange(units), each)
    found, unaware, passed = [], [], 0
    for run in range(runs):
        mine, theirs = prompts(random, units, each, -d, SPREAD)
        found.append(weigh("mae", TOLERANCE, _sample(mine, codes), _sample(theirs, codes)))
        unaware.append(weigh("mae", TOLERANCE, _sample(mine), _sample(theirs)))
        passed += mine.mean() - theirs.mean() <= TOLERANCE
        if run < _WHOLE_PATH:
            same_by_both_layers(found[-1].verdict, _whole_path(mine, theirs), cell.name)
    said = [one.verdict for one in unaware]
    return [
        *verdicts(cell, found, DIFFERENCES[shown], truth=-d),
        cell.share(ROWS, "pass", said.count(Verdict.PASS)),
        cell.share(ROWS, "fail", said.count(Verdict.FAIL)),
        cell.share(ROWS, "limits contain the truth", sum(one.covers(-d) for one in unaware)),
        cell.share(POINT, "pass", passed),
        cell.share(POINT, "fail", runs - passed),
    ]


def _sample(scores: Array, units: Codes | None = None) -> Sample:
    return Sample(np.zeros(scores.size), scores.ravel(), units=units)


def _whole_path(mine: Array, theirs: Array) -> Verdict:
    return decided(
        policy({"metric": "mae", "no_worse_than_champion_by": TOLERANCE}, unit="prompt"),
        task=Task.REGRESSION,
        target=np.zeros(mine.size),
        challenger=Outputs(mine.ravel()),
        other=Outputs(theirs.ravel()),
        columns={"prompt": np.repeat(np.arange(len(mine)), mine.shape[1])},
    ).verdict


def name(units: int, each: int, shown: str) -> str:
    """What a cell is called."""
    return f"{units} prompts, {each} generations each, d = {shown}"


SIZES = ((200, 5), (100, 10))

G7 = Design(
    "G7",
    "Several generations to a prompt; a judge and people",
    7000,
    [
        Place(
            name(*size, shown),
            20_000 if shown == "-t" else 4000,
            500 if shown == "-t" else 0,
            partial(_clustered, *size, shown),
        )
        for size, shown in product(SIZES, ("0", "-t", "-2t"))
    ]
    + CELLS,
)
