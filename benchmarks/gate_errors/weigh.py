"""The gate under test, by its public interface: all of it, or the layer below where a million runs are due."""

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from benchmarks.gate_errors.worlds import Array, Codes, right_answers
from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.gate import absolute, champion
from evaluation.gate.decide import decide
from evaluation.metrics.base import Metric, Sample
from evaluation.metrics.builtin import METRICS, find_metric
from evaluation.plan import AT_MOST, NO_WORSE, bound_line
from evaluation.run import measure
from evaluation.stats.estimate import Bound, Question, Settings, estimate
from evaluation.types import Allowance, CheckKind, GateOutcome, Measurement, Outputs, Task, Verdict

ALPHA = 0.05


@dataclass(frozen=True)
class Weighed:
    """A verdict, the value and its limits, nan for none."""

    verdict: Verdict
    value: float
    low: float
    high: float

    def covers(self, truth: float) -> bool:
        """Whether the truth lies within the limits; no limits exclude nothing."""
        return not (truth < self.low or truth > self.high)


def weigh(
    metric: str | Metric, bound: float, challenger: Sample, other: Sample | None = None, level: float = ALPHA
) -> Weighed:
    """Ask the estimate and the judge of a check: `no worse than the champion by`, or `at most` without one.

    The evidence against the bound, which only families of checks need, is left out; see `evidence`.
    """
    known = find_metric(metric) if isinstance(metric, str) else metric
    question = Question(known, challenger, other)
    # The number of the draws that `measure` makes for all rows, so that resamples are the same in both layers.
    [answer] = estimate([question], Settings(1 - level), stream=zlib.crc32(b"all rows"))
    measurement = Measurement(
        id=known.name,
        metric=known.name,
        kind=CheckKind.ABSOLUTE if other is None else CheckKind.CHAMPION,
        direction=known.direction,
        comparison=AT_MOST if other is None else NO_WORSE,
        bound=bound,
        estimate=answer.estimate,
        challenger=answer.challenger,
        champion=answer.champion,
    )
    verdict, _ = (absolute if other is None else champion).judge(measurement)
    found = (answer.estimate.value, answer.estimate.low, answer.estimate.high)
    return Weighed(verdict, *(np.nan if each is None else each for each in found))


def evidence(tolerance: float, counts: Codes) -> float:
    """The smallest error at which accuracy is worse than the champion's by the tolerance, 1.0 for none."""
    known = find_metric("accuracy")
    mine, theirs = right_answers(counts)
    target = np.ones(len(mine), dtype=np.int64)
    line = Bound(*bound_line(CheckKind.CHAMPION, NO_WORSE, known.direction, tolerance))
    [answer] = estimate([Question(known, Sample(target, mine), Sample(target, theirs), line)], Settings())
    return 1.0 if answer.p_fail is None else answer.p_fail


@dataclass
class OfCounts:
    """Verdicts on accuracy from paired counts; each table of counts is weighed once, as all else is equal.

    The order of rows, and how many both models got right, do not enter a paired difference of accuracies;
    `same_by_both_layers` sees in every cell that the whole path agrees.
    """

    tolerance: float
    known: dict[tuple[int, int, int, float], Weighed] = field(default_factory=dict)

    def weigh(self, counts: Codes, level: float = ALPHA) -> Weighed:
        """The verdict on the four counts of `worlds.paired_counts`."""
        key = (int(counts[0]), int(counts[1]), int(counts.sum()), level)
        if key not in self.known:
            mine, theirs = right_answers(counts)
            target = np.ones(len(mine), dtype=np.int64)
            self.known[key] = weigh(
                "accuracy", self.tolerance, Sample(target, mine), Sample(target, theirs), level
            )
        return self.known[key]


def policy(*checks: Mapping[str, Any], **more: Any) -> GateConfig:
    """A gate that spends all of its 5 % on one challenger, unless told otherwise."""
    return GateConfig.model_validate({"candidates": 1, "checks": checks, **more})


def decided(  # noqa: PLR0913 - keyword-only, what `measure` takes
    gate: GateConfig,
    *,
    task: Task,
    target: Codes | Array,
    challenger: Outputs,
    other: Outputs | None = None,
    columns: Mapping[str, Any] | None = None,
    allowance: Allowance | None = None,
    metrics: Mapping[str, Metric] = METRICS,
) -> GateOutcome:
    """The whole path: every line of a policy measured on rows, and the decision."""
    frame = pl.DataFrame(columns or {"row": np.arange(len(target))})
    found = measure(
        Answers(target, frame, challenger, other),
        task=task,
        gate=gate,
        allowance=allowance,
        overview=(),
        metrics=metrics,
    )
    return decide(found, gate)


def decided_counts(gate: GateConfig, counts: Codes, allowance: Allowance | None = None) -> GateOutcome:
    """The whole path on rows with such counts, half of them of either class."""
    mine, theirs = right_answers(counts)
    target = np.arange(len(mine)) % 2
    return decided(
        gate,
        task=Task.BINARY,
        target=target,
        challenger=Outputs(np.where(mine == 1, target, 1 - target)),
        other=Outputs(np.where(theirs == 1, target, 1 - target)),
        allowance=allowance,
    )


def same_by_both_layers(fast: Verdict, whole: Verdict, where: str) -> None:
    """Raise RuntimeError where the layer below decides otherwise than the whole path does."""
    if fast is not whole:
        raise RuntimeError(f"{where}: the whole path says {whole}, its lower layer says {fast}")
