"""G6: many slices of one line of policy, none or one of them broken."""

from dataclasses import dataclass, field
from functools import partial
from itertools import product

import numpy as np

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import OURS, POINT
from benchmarks.gate_errors.weigh import ALPHA, decided, evidence, policy
from benchmarks.gate_errors.worlds import Codes, generator, paired_counts, right_answers
from evaluation.stats.corrections import holm
from evaluation.types import Outputs, Task, Verdict

_PSI = 0.08
# In the broken slice 1 % of the rows are won and 11 % lost.
_BROKEN_PSI, _BROKEN_D = 0.12, -0.10
_WHOLE_PATH = 10


def _sliced(size: tuple[int, int, float], broken: bool, number: int, runs: int) -> list[Row]:
    """One cell: slices, rows of each, tolerance; the broken slice, if there is one, is the first."""
    cell, random = Cell("G6", _name(*size, broken), runs), generator(number)
    slices, n, tolerance = size
    drawn = paired_counts(random, runs * slices, n, _PSI, 0.0).reshape(runs, slices, 4)
    if broken:
        drawn[:, 0] = paired_counts(random, runs, n, _BROKEN_PSI, _BROKEN_D)
    weighed = _Slices(tolerance)
    failed = [weighed.failed(run) for run in drawn]
    for run, named in zip(drawn[:_WHOLE_PATH], failed, strict=False):
        if _whole_path(run, tolerance) != named:
            raise RuntimeError(f"{cell.name}: the whole path names other slices than its lower layer")
    low = (drawn[..., 0] - drawn[..., 1]) / n < -tolerance - 1e-12
    sound = 1 if broken else 0
    rows = [
        cell.share(
            OURS,
            "a sound slice fails",
            sum(any(index >= sound for index in named) for named in failed),
            most=ALPHA,
            control=True,
        ),
        cell.share(POINT, "a sound slice fails", int(low[:, sound:].any(axis=1).sum())),
    ]
    if broken:
        rows.append(cell.share(OURS, "the broken slice is named", sum(0 in named for named in failed)))
        rows.append(cell.share(POINT, "the broken slice is named", int(low[:, 0].sum())))
    return rows


@dataclass
class _Slices:
    """Which slices fail; each table of counts is weighed once."""

    tolerance: float
    known: dict[tuple[int, int, int], float] = field(default_factory=dict)

    def failed(self, run: Codes) -> set[int]:
        """Slices that fail by Holm's correction over all of them.

        A slice whose corrected evidence is below the level fails by its limits too, as these are the other
        side of the same test.
        """
        adjusted = holm([self._evidence(counts) for counts in run])
        return {index for index, p in enumerate(adjusted) if p <= ALPHA}

    def _evidence(self, counts: Codes) -> float:
        key = (int(counts[0]), int(counts[1]), int(counts.sum()))
        if key not in self.known:
            self.known[key] = evidence(self.tolerance, counts)
        return self.known[key]


def _whole_path(run: Codes, tolerance: float) -> set[int]:
    """The same by a policy with a line over slices."""
    answers = [right_answers(counts) for counts in run]
    mine, theirs = (np.concatenate(part) for part in zip(*answers, strict=True))
    target = np.arange(len(mine)) % 2
    names = np.repeat([f"{index:03}" for index in range(len(run))], [int(counts.sum()) for counts in run])
    outcome = decided(
        policy({"metric": "accuracy", "slices": ["part"], "no_worse_than_champion_by": tolerance}),
        task=Task.BINARY,
        target=target,
        challenger=Outputs(np.where(mine == 1, target, 1 - target)),
        other=Outputs(np.where(theirs == 1, target, 1 - target)),
        columns={"part": names},
    )
    return {int(check.rows["part"]) for check in outcome.checks if check.verdict is Verdict.FAIL}


def _name(slices: int, n: int, tolerance: float, broken: bool) -> str:
    return f"{slices} slices of {n}, t {tolerance:g}, {'one 10 points worse' if broken else 'none worse'}"


G6 = Design(
    "G6",
    "Slices of one line of policy",
    6000,
    [
        Place(_name(*size, broken), 20_000, 1000, partial(_sliced, size, broken))
        for size, broken in product(((20, 200, 0.03), (50, 100, 0.05)), (False, True))
    ],
)
