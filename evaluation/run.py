"""Evaluating a challenger: every check of a policy, measured on the holdout beside the champion."""

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from evaluation.config import GateConfig
from evaluation.metrics.base import Mask, Metric, Need, Sample
from evaluation.metrics.builtin import METRICS, OVERVIEW, find_metric
from evaluation.plan import Line, expand
from evaluation.samples import Model, models, require_columns, with_groups
from evaluation.stats.estimate import Answer, Question, Settings, estimate
from evaluation.types import (
    CheckKind,
    Estimate,
    FloatArray,
    Measurement,
    Measurements,
    Outputs,
    Task,
)

NO_CHAMPION = "no champion yet"
_ALL_ROWS = "all rows"


@dataclass(frozen=True)
class _Bench:
    """What all checks are measured with."""

    frame: pl.DataFrame
    challenger: Model
    champion: Model | None
    latency: Sample
    champion_latency: Sample
    settings: Settings


def measure(  # noqa: PLR0913 - keyword-only, one for each thing that evaluation is about
    *,
    task: Task,
    frame: pl.DataFrame,
    target: str,
    outputs: Outputs,
    gate: GateConfig,
    champion: Outputs | None = None,
    latency_ms: FloatArray | None = None,
    champion_latency_ms: FloatArray | None = None,
    metrics: Mapping[str, Metric] = METRICS,
    progress: Callable[[float], None] | None = None,
) -> Measurements:
    """Measure every check of a policy, and the task's usual metrics on all rows.

    frame: the holdout, (n) rows with the target and the columns of slices and groups. outputs, champion:
    answers for the same rows in the same order, champion None where there is none yet: its checks are then
    `not_compared`.
    latency_ms, champion_latency_ms: (requests,) milliseconds, None where not measured.

    What can't be measured (too few rows, one class, NaN answers, a metric that raises) is an estimate with
    a problem, which the gate judges inconclusive. Raises UserError for what the policy or the data must be
    corrected for: an absent column, an unknown metric, a null target, labels of another kind.
    """
    require_columns([target], frame.columns, "the evaluation data")
    lines = expand(gate, task=task, frame=frame, metrics=metrics)
    answers = [outputs] if champion is None else [outputs, champion]
    weighed = models(task, frame[target], answers)
    bench = _Bench(
        frame=frame,
        challenger=weighed[0],
        champion=weighed[1] if len(weighed) > 1 else None,
        latency=Sample.of_latency(np.empty(0) if latency_ms is None else latency_ms),
        champion_latency=Sample.of_latency(
            np.empty(0) if champion_latency_ms is None else champion_latency_ms
        ),
        settings=Settings.of(gate),
    )
    compared = [line for line in lines if champion is not None or line.kind is CheckKind.ABSOLUTE]
    overview = {name: Line(name, find_metric(name), "", 0.0) for name in OVERVIEW[task]}
    found = _answer_all(bench, [*compared, *overview.values()], progress)
    return Measurements(
        items=tuple(_measurement(line, found[line.id, line.comparison]) for line in compared),
        not_compared=tuple((line.id, NO_CHAMPION) for line in lines if line not in compared),
        overview={name: found[name, ""].estimate for name in overview},
        rows=frame.height,
    )


def estimate_metric(
    name: str, *, task: Task, target: pl.Series, outputs: Outputs, settings: Settings
) -> Estimate:
    """One metric on rows whose truth is known, as the gate would estimate it.

    Raises UserError for an unknown metric, null targets or labels of another kind.

    >>> target = pl.Series("late", [0, 1] * 60)
    >>> estimate_metric("accuracy", task=Task.BINARY, target=target, settings=Settings(),
    ...                 outputs=Outputs(np.array([0, 0] * 60))).value
    0.5
    """
    [model] = models(task, target, [outputs])
    if problem := _no_answer("the model", model, np.ones(len(target), dtype=np.bool_)):
        return Estimate.missing(problem, n=len(target), confidence=settings.confidence)
    return estimate([Question(find_metric(name), model.sample)], settings)[0].estimate


def _answer_all(
    bench: _Bench, lines: list[Line], progress: Callable[[float], None] | None
) -> dict[tuple[str, str], Answer]:
    """Answer every line; those on the same rows share their resamples."""
    by_rows: dict[str, list[Line]] = {}
    for line in lines:
        by_rows.setdefault(_rows_of(line), []).append(line)
    found: dict[tuple[str, str], Answer] = {}
    for done, (rows, together) in enumerate(by_rows.items()):
        for line, answer in zip(together, _answer(bench, rows, together), strict=True):
            found[line.id, line.comparison] = answer
        if progress is not None:
            progress((done + 1) / len(by_rows))
    return found


def _rows_of(line: Line) -> str:
    if Need.LATENCY in line.metric.needs:
        return line.metric.name
    return _ALL_ROWS if line.part is None else ",".join(f"{k}={v}" for k, v in line.part.rows.items())


def _answer(bench: _Bench, rows: str, lines: list[Line]) -> list[Answer]:
    stream = zlib.crc32(rows.encode())
    if Need.LATENCY in lines[0].metric.needs:
        questions = [
            Question(
                line.metric,
                bench.latency,
                bench.champion_latency if line.kind is CheckKind.CHAMPION else None,
            )
            for line in lines
        ]
        return estimate(questions, bench.settings, stream=stream)
    part = lines[0].part
    mask = np.ones(bench.frame.height, dtype=np.bool_) if part is None else part.mask
    if problem := _no_answer("the challenger", bench.challenger, mask):
        return [_missing(bench, problem, mask)] * len(lines)
    gone = _no_answer("the champion", bench.champion, mask) if bench.champion else None
    samples = _Samples(bench, mask)
    asked = [line for line in lines if gone is None or line.kind is CheckKind.ABSOLUTE]
    answers = iter(estimate([samples.question(line) for line in asked], bench.settings, stream=stream))
    return [next(answers) if line in asked else _missing(bench, gone or "", mask) for line in lines]


def _missing(bench: _Bench, problem: str, mask: Mask) -> Answer:
    return Answer(Estimate.missing(problem, n=int(mask.sum()), confidence=bench.settings.confidence))


def _no_answer(who: str, model: Model, mask: Mask) -> str | None:
    gone = int(model.unanswered[mask].sum())
    return (
        f"{who} gave no finite answer (NaN, infinite or null) for {gone:,} of {int(mask.sum()):,} rows"
        if gone
        else None
    )


class _Samples:
    """The samples of some rows, one for each choice of groups, so that equal questions share their draws."""

    def __init__(self, bench: _Bench, mask: Mask) -> None:
        self._bench = bench
        self._mask = mask
        self._made: dict[tuple[str, tuple[str, ...]], Sample] = {}

    def question(self, line: Line) -> Question:
        challenger = self._sample("challenger", self._bench.challenger, line.groups)
        if line.kind is CheckKind.ABSOLUTE or self._bench.champion is None:
            return Question(line.metric, challenger)
        return Question(line.metric, challenger, self._sample("champion", self._bench.champion, line.groups))

    def _sample(self, who: str, model: Model, groups: tuple[str, ...]) -> Sample:
        if (who, groups) not in self._made:
            # Groups are named on all rows, so that one which is absent from a slice shows there as empty.
            sample = with_groups(model.sample, self._bench.frame, groups) if groups else model.sample
            self._made[who, groups] = sample.take(self._mask)
        return self._made[who, groups]


def _measurement(line: Line, answer: Answer) -> Measurement:
    return Measurement(
        id=line.id,
        metric=line.metric.name,
        kind=line.kind,
        direction=line.metric.direction,
        comparison=line.comparison,
        bound=line.bound,
        estimate=answer.estimate,
        challenger=answer.challenger,
        champion=answer.champion,
        rows={} if line.part is None else dict(line.part.rows),
        groups=line.groups,
        detail=dict(answer.detail),
    )
