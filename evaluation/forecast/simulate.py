"""Many releases of an equally good model, each measured and judged as a real one is."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.forecast.pilot import both_ways, identical_release
from evaluation.gate.decide import decide
from evaluation.metrics.base import Metric
from evaluation.run import measure
from evaluation.types import Allowance, CheckResult, FloatArray, GateOutcome, Measurements, Task, Verdict


@dataclass(frozen=True)
class Judge:
    """What every release is measured and judged with."""

    task: Task
    gate: GateConfig
    allowance: Allowance
    metrics: Mapping[str, Metric]

    def measure(self, answers: Answers) -> Measurements:
        """What a release with these answers finds."""
        return measure(
            answers,
            task=self.task,
            gate=self.gate,
            allowance=self.allowance,
            overview=(),
            metrics=self.metrics,
        )

    def decide(self, answers: Answers) -> GateOutcome:
        """How the gate decides about it."""
        return decide(self.measure(answers), self.gate)


@dataclass(frozen=True)
class Seen:
    """How one check came out in those runs that had rows for it.

    truth: the value that all runs are samples of; values, lows, highs: (runs with an interval,), from `n` units in
    the mean.
    passed: share of the runs that passed; problem: the most frequent reason for having no interval.
    """

    truth: float | None
    n: float
    usable: float
    values: FloatArray
    lows: FloatArray
    highs: FloatArray
    passed: float
    problem: str | None


@dataclass(frozen=True)
class Simulation:
    """Every check by its id and comparison, and the share of runs that passed the gate as a whole."""

    runs: int
    checks: Mapping[tuple[str, str], Seen]
    passed: float


def simulate(
    pilot: Answers,
    judge: Judge,
    *,
    units: int,
    runs: int,
    progress: Callable[[float], None] | None = None,
) -> Simulation:
    """Draw, measure and judge `runs` releases of an equally good model on `units` rows (or units) each.

    The policy's seed decides the draws.
    """
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence((judge.gate.seed, units, runs))))
    found: dict[tuple[str, str], list[CheckResult]] = {}
    passed = 0
    for run in range(runs):
        outcome = judge.decide(identical_release(pilot, units, judge.gate.sampled, random))
        passed += outcome.verdict is Verdict.PASS
        for check in outcome.checks:
            found.setdefault((check.id, check.comparison), []).append(check)
        if progress is not None:
            progress((run + 1) / runs)
    truths = {
        (item.id, item.comparison): item.estimate.value for item in judge.measure(both_ways(pilot)).items
    }
    return Simulation(
        runs, {key: _seen(checks, truths.get(key)) for key, checks in found.items()}, passed / runs
    )


def _seen(checks: list[CheckResult], truth: float | None) -> Seen:
    usable = [check.estimate for check in checks if check.estimate.usable]
    values, lows, highs = (
        np.array([getattr(estimate, name) for estimate in usable], dtype=np.float64)
        for name in ("value", "low", "high")
    )
    problems = Counter(check.estimate.problem for check in checks if check.estimate.problem)
    return Seen(
        truth=truth,
        n=float(np.mean([estimate.n for estimate in usable])) if usable else 0.0,
        usable=len(usable) / len(checks),
        values=values,
        lows=lows,
        highs=highs,
        passed=sum(check.verdict is Verdict.PASS for check in checks) / len(checks),
        problem=problems.most_common(1)[0][0] if problems else None,
    )
