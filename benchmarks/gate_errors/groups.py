"""G8: the largest difference between groups, which is biased upwards on a sample."""

from functools import partial
from itertools import product

import numpy as np

from benchmarks.gate_errors.jobs import Design, Place
from benchmarks.gate_errors.rates import Cell, Row
from benchmarks.gate_errors.tally import OURS, POINT
from benchmarks.gate_errors.weigh import ALPHA, Weighed, decided, policy, same_by_both_layers, weigh
from benchmarks.gate_errors.worlds import Array, Codes, generator
from evaluation.metrics.base import Sample
from evaluation.types import Outputs, Task, Verdict

LIMIT, _RATE = 0.1, 0.3
_METRIC = "demographic_parity_difference"
_WHOLE_PATH = 5


def _true_rates(k: int, truth: str) -> Array:
    """Rates of k groups: all equal, or as far apart as allowed, in the two ways that are hardest.

    With all but two groups in the middle the sample's difference hides the true one most often; with half
    of the groups at either end it exaggerates most.
    """
    if truth == "equal":
        return np.full(k, _RATE)
    rates = np.full(k, _RATE) if truth == "one pair apart" else _RATE + LIMIT * (np.arange(k) % 2 - 0.5)
    rates[:2] = _RATE - LIMIT / 2, _RATE + LIMIT / 2
    return np.asarray(rates, dtype=np.float64)


def _parity(k: int, n: int, truth: str, number: int, runs: int) -> list[Row]:
    """One cell: k groups of n rows each."""
    cell, random = Cell("G8", _name(k, n, truth), runs), generator(number)
    drawn = random.binomial(n, _true_rates(k, truth), size=(runs, k))
    known: dict[tuple[int, ...], Weighed] = {}
    found = []
    for counts in drawn:
        key = tuple(sorted(counts.tolist()))
        if key not in known:
            known[key] = weigh(_METRIC, LIMIT, _sample(np.array(key), n))
        found.append(known[key].verdict)
    for counts, fast in zip(drawn[:_WHOLE_PATH], found, strict=False):
        same_by_both_layers(fast, _whole_path(np.sort(counts), n), cell.name)
    blocked = int((np.ptp(drawn, axis=1) / n > LIMIT + 1e-12).sum())
    rows = [
        cell.share(OURS, "fail", found.count(Verdict.FAIL), most=ALPHA, control=True),
        cell.share(POINT, "fail", blocked),
    ]
    if truth == "equal":
        return [*rows, cell.share(OURS, "pass", found.count(Verdict.PASS))]
    passed = cell.share(OURS, "pass", found.count(Verdict.PASS), most=ALPHA, control=True)
    return [*rows, passed, cell.share(POINT, "pass", runs - blocked)]


def _labels(counts: Codes, n: int) -> Codes:
    return np.repeat(np.tile([1, 0], len(counts)), np.stack([counts, n - counts], axis=1).ravel())


def _sample(counts: Codes, n: int) -> Sample:
    labels, k = _labels(counts, n), len(counts)
    return Sample(
        np.zeros(len(labels), dtype=np.int64),
        labels,
        groups=np.repeat(np.arange(k), n),
        group_names=tuple(f"part={code:02}" for code in range(k)),
    )


def _whole_path(counts: Codes, n: int) -> Verdict:
    labels = _labels(counts, n)
    return decided(
        policy({"metric": _METRIC, "groups": ["part"], "at_most": LIMIT}),
        task=Task.BINARY,
        target=np.zeros(len(labels), dtype=np.int64),
        challenger=Outputs(labels),
        columns={"part": np.repeat([f"{code:02}" for code in range(len(counts))], n)},
    ).verdict


def _name(k: int, n: int, truth: str) -> str:
    return f"{k} groups of {n}, {truth}"


TRUTHS = ("equal", "one pair apart", "half and half apart")

G8 = Design(
    "G8",
    "Difference between groups, at most 0.1",
    8000,
    [
        Place(
            _name(k, n, truth),
            20_000 if k == 2 else 2000,
            60 if n == 200 else 0,
            partial(_parity, k, n, truth),
        )
        for k, n, truth in product((2, 5, 10), (100, 200, 500), TRUTHS)
        # With two groups there is only one pair.
        if k > 2 or truth != TRUTHS[2]
    ],
)
