"""G7, continued: a judge that flatters the challenger, and people who scored some of the answers."""

from functools import partial
from itertools import product

import numpy as np

from benchmarks.gate_errors.jobs import Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import DIFFERENCES, verdicts
from benchmarks.gate_errors.weigh import Weighed, decided, policy, same_by_both_layers, weigh
from benchmarks.gate_errors.worlds import Array, generator, judged_pairs
from evaluation.judges.config import JudgeConfig, ScaleConfig
from evaluation.judges.declare import judge_metric
from evaluation.metrics.base import Sample
from evaluation.types import Outputs, Task, Verdict

ANSWERS, TOLERANCE = 2000, 0.05
ALONE, PEOPLE = "the judge's scores alone", "people's scores alone"
_OTHERS = 10
_WHOLE_PATH = 10
_JUDGE = JudgeConfig.model_validate(
    {"name": "good", "rubric": "Is it good?", "scale": ScaleConfig(min=0, max=1), "labelled": "labels.csv"}
)
_RELATIVE, _CORRECTED = (
    judge_metric(_JUDGE.model_copy(update={"corrected": corrected})) for corrected in (False, True)
)


def _flattered(labelled: int, shown: str, number: int, runs: int) -> list[Row]:
    """One cell: corrected by people, and what judge and people say alone, asked in a tenth of the runs."""
    cell, random = Cell("G7", name(labelled, shown), runs), generator(number)
    d = DIFFERENCES[shown] * TOLERANCE
    found: list[Weighed] = []
    alone: list[Verdict] = []
    people: list[Verdict] = []
    for run in range(runs):
        mine, theirs = judged_pairs(random, ANSWERS, labelled, d)
        found.append(weigh(_CORRECTED, TOLERANCE, _sample(mine), _sample(theirs)))
        if run % _OTHERS == 0:
            for said, rows, column in ((alone, slice(None), 0), (people, slice(labelled), 2)):
                both = (_sample(scores[rows, column]) for scores in (mine, theirs))
                said.append(weigh(_RELATIVE, TOLERANCE, *both).verdict)
        if run < _WHOLE_PATH:
            same_by_both_layers(found[-1].verdict, _whole_path(mine, theirs), cell.name)
    return [
        *verdicts(cell, found, DIFFERENCES[shown], truth=d),
        *(
            cell.share(rule, verdict.value, said.count(verdict), runs=len(said))
            for rule, said in ((PEOPLE, people), (ALONE, alone))
            for verdict in (Verdict.PASS, Verdict.FAIL)
        ),
    ]


def _sample(scores: Array) -> Sample:
    return Sample(np.zeros(len(scores)), _answers(scores), row_scores={_JUDGE.metric: scores})


def _answers(scores: Array) -> Array:
    """In place of texts something that differs between models where scores do."""
    return scores.reshape(len(scores), -1)[:, 0]


def _whole_path(mine: Array, theirs: Array) -> Verdict:
    def outputs(scores: Array) -> Outputs:
        return Outputs(_answers(scores).astype(str).astype(object), row_scores={_JUDGE.metric: scores})

    return decided(
        policy({"metric": _JUDGE.metric, "no_worse_than_champion_by": TOLERANCE}),
        task=Task.GENERATION,
        target=np.full(ANSWERS, "", dtype=object),
        challenger=outputs(mine),
        other=outputs(theirs),
        metrics={_JUDGE.metric: _CORRECTED},
    ).verdict


def name(labelled: int, shown: str) -> str:
    """What a cell is called."""
    return f"judged {ANSWERS} answers, {labelled} labelled, d = {shown}"


CELLS = [
    Place(
        name(labelled, shown),
        20_000 if shown == "-t" else 4000,
        500 if shown == "-t" and labelled == 200 else 0,
        partial(_flattered, labelled, shown),
    )
    for labelled, shown in product((200, 100, 50), ("0", "-t", "-2t"))
]
