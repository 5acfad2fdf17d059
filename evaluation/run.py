"""Evaluating a challenger: every check of a policy, measured on the holdout beside the champion."""

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from evaluation.answers import Answers
from evaluation.columns import unit_codes
from evaluation.config import CASE, GateConfig, Part, column_of
from evaluation.errors import UserError
from evaluation.metrics.base import Mask, Metric, Need, Sample
from evaluation.metrics.builtin import METRICS, OVERVIEW, find_metric
from evaluation.plan import BESIDE_ROWS, Line, expand
from evaluation.samples import Model, models, why_unmeasured, with_groups
from evaluation.stats.estimate import Answer, Bound, Question, Settings, estimate
from evaluation.types import (
    Allowance,
    CheckKind,
    Estimate,
    FloatArray,
    IntArray,
    Measurement,
    Measurements,
    Task,
)

NO_CHAMPION = "no champion yet"
NOT_ASKED = "the variants or pairs that it is about were not asked"
PAIRS = "pair"
_ALL_ROWS = "all rows"


@dataclass(frozen=True)
class _Bench:
    """What all checks are measured with; a champion is a model, or why it could not be asked, or None."""

    frame: pl.DataFrame
    challenger: Model
    champion: Model | str | None
    latency: Sample
    champion_latency: Sample
    settings: Settings
    grouped: dict[tuple[int, tuple[Part, ...]], Sample] = field(default_factory=dict)

    def sample(self, model: Model, groups: tuple[Part, ...]) -> Sample:
        """A model's sample with groups, named on all rows: one that is absent from a slice shows there as empty."""
        if not groups:
            return model.sample
        if (id(model), groups) not in self.grouped:
            self.grouped[id(model), groups] = with_groups(model.sample, self.frame, groups)
        return self.grouped[id(model), groups]


def measure(  # noqa: PLR0913 - keyword-only, one for each thing that evaluation is about
    answers: Answers,
    *,
    task: Task,
    gate: GateConfig,
    champion_problem: str | None = None,
    allowance: Allowance | None = None,
    overview: Sequence[str] | None = None,
    metrics: Mapping[str, Metric] = METRICS,
    progress: Callable[[float], None] | None = None,
) -> Measurements:
    """Measure every check of a policy, and the task's usual metrics on all rows.

    answers: about the holdout. Where there is no champion yet its checks are `not_compared`; where there is one
    that could not be asked, `champion_problem` says why.
    allowance: the error that this decision may make; all of the policy's where None.
    overview: metrics to measure beside the policy's; the task's usual ones where None.

    What can't be measured (too few rows, one class, NaN answers, a metric that raises) is an estimate with
    a problem, which the gate judges inconclusive. Raises UserError for what the policy or the data must be
    corrected for: an absent column, an unknown metric, a target or unit without value, labels of another kind.
    """
    lines = expand(gate, task=task, frame=answers.frame, metrics=metrics)
    settings = Settings.of(gate, allowance)
    bench = _bench(answers, task, gate.sampled, settings, champion_problem)
    alone = bench.champion is None
    compared = [line for line in lines if not (alone and line.compares)]
    names = OVERVIEW[task] if overview is None else overview
    beside = {name: Line(name, find_metric(name, among=metrics), "", 0.0) for name in names}
    of_rows = [line for line in [*compared, *beside.values()] if line.metric.needs.isdisjoint(BESIDE_ROWS)]
    found = _answer_all(bench, of_rows, progress)
    for name, asked in _besides(compared).items():
        about = answers.pairs if name == PAIRS else answers.variants_by(name)
        own = replace(settings, unit=PAIRS if name == PAIRS else gate.unit or CASE)
        found |= _answer_beside(asked, about, task, own, champion_problem)
    return Measurements(
        items=tuple(_measurement(line, found[line.id, line.comparison]) for line in compared),
        not_compared=tuple((line.id, NO_CHAMPION) for line in lines if alone and line.compares),
        overview={name: found[name, ""].estimate for name in beside},
        rows=len(answers.target),
        allowance=allowance or Allowance.whole(round(1 - gate.confidence, 12)),
    )


def _bench(
    answers: Answers, task: Task, unit: str | None, settings: Settings, champion_problem: str | None
) -> _Bench:
    challenger, judged_champion = _both(task, answers)
    if unit is not None:
        units = unit_codes(answers.frame, unit)
        challenger = _by_unit(challenger, units)
        judged_champion = (
            _by_unit(judged_champion, units) if isinstance(judged_champion, Model) else judged_champion
        )
    return _Bench(
        frame=answers.frame,
        challenger=challenger,
        champion=champion_problem or judged_champion,
        latency=_timed(answers.latency_ms),
        champion_latency=_timed(answers.champion_latency_ms),
        settings=settings,
    )


def _besides(lines: list[Line]) -> dict[str, list[Line]]:
    """The lines about something else than the rows: by the list of words, or the pairs."""
    found: dict[str, list[Line]] = {}
    for line in lines:
        if not line.metric.needs.isdisjoint(BESIDE_ROWS):
            name = str(line.groups[0]) if Need.VARIANTS in line.metric.needs else PAIRS
            found.setdefault(name, []).append(line)
    return found


def _answer_beside(
    lines: list[Line], asked: Answers | None, task: Task, settings: Settings, champion_problem: str | None
) -> dict[tuple[str, str], Answer]:
    """Answer lines about the variants of one list of words, whose unit is the case, or about pairs."""
    if asked is None:
        missing = Estimate.missing(NOT_ASKED, n=0, confidence=settings.confidence, unit=settings.unit)
        return {(line.id, line.comparison): Answer(missing) for line in lines}
    if asked.champion is None:
        # Of these lines those that compare are there only where there is a champion.
        champion_problem = champion_problem or f"champion: {NOT_ASKED}"
    unit = settings.unit if settings.unit in asked.frame.columns else None
    return _answer_all(_bench(asked, task, unit, settings, champion_problem), lines, None)


def _both(task: Task, answers: Answers) -> tuple[Model, Model | str | None]:
    """Both on the same class codes; a champion that does not fit is a problem of its checks, not an error."""
    if answers.champion is None:
        return models(task, answers.target, [answers.challenger])[0], None
    try:
        challenger, other = models(task, answers.target, [answers.challenger, answers.champion])
    except UserError as error:
        return models(task, answers.target, [answers.challenger])[0], f"champion: {error.found}"
    return challenger, other


def _by_unit(model: Model, units: IntArray) -> Model:
    return replace(model, sample=replace(model.sample, units=units))


def _timed(latency_ms: FloatArray | None) -> Sample:
    return Sample.of_latency(np.empty(0) if latency_ms is None else latency_ms)


def _answer_all(
    bench: _Bench, lines: list[Line], progress: Callable[[float], None] | None
) -> dict[tuple[str, str], Answer]:
    """Answer every line; those on the same rows share their resamples."""
    by_rows: dict[str, list[Line]] = {}
    for line in lines:
        by_rows.setdefault(_rows_of(line), []).append(line)
    found: dict[tuple[str, str], Answer] = {}
    for done, (rows, together) in enumerate(by_rows.items(), start=1):
        for line, answer in zip(together, _answer(bench, rows, together), strict=True):
            found[line.id, line.comparison] = answer
        if progress is not None:
            progress(done / len(by_rows))
    return found


def _rows_of(line: Line) -> str:
    if Need.LATENCY in line.metric.needs:
        return line.metric.name
    if not line.metric.needs.isdisjoint(BESIDE_ROWS):
        return f"beside the rows: {', '.join(map(column_of, line.groups))}"
    return _ALL_ROWS if line.part is None else ",".join(f"{k}={v}" for k, v in line.part.rows.items())


def _answer(bench: _Bench, rows: str, lines: list[Line]) -> list[Answer]:
    """Answer lines on the same rows; those that can't be asked get their problem instead."""
    timed = Need.LATENCY in lines[0].metric.needs
    part = lines[0].part
    mask = np.ones(bench.challenger.sample.n, dtype=np.bool_) if part is None else part.mask
    samples = _Samples(bench, mask)
    problems = [_problem(bench, line, mask, timed=timed) for line in lines]
    questions = [
        samples.timed(line) if timed else samples.question(line)
        for line, problem in zip(lines, problems, strict=True)
        if problem is None
    ]
    answers = iter(estimate(questions, bench.settings, stream=zlib.crc32(rows.encode())))
    n = bench.latency.n if timed else _units_in(bench.challenger.sample, mask)
    unit = "request" if timed else bench.settings.unit
    return [
        next(answers)
        if problem is None
        else Answer(Estimate.missing(problem, n=n, confidence=bench.settings.confidence, unit=unit))
        for problem in problems
    ]


def _units_in(sample: Sample, mask: Mask) -> int:
    return int(mask.sum()) if sample.units is None else len(np.unique(sample.units[mask]))


def _problem(bench: _Bench, line: Line, mask: Mask, *, timed: bool) -> str | None:
    """Why a line can't be asked on these rows, or None."""
    if line.compares and isinstance(bench.champion, str):
        return bench.champion
    if timed:
        return None
    problem = why_unmeasured(bench.challenger, line.metric, mask, who="the challenger")
    if problem is None and line.kind is CheckKind.CHAMPION and isinstance(bench.champion, Model):
        problem = why_unmeasured(bench.champion, line.metric, mask, who="the champion")
    return problem


class _Samples:
    """The samples of some rows, one for each choice of groups, so that equal questions share their draws."""

    def __init__(self, bench: _Bench, mask: Mask) -> None:
        self._bench = bench
        self._mask = mask
        self._made: dict[tuple[int, tuple[Part, ...]], Sample] = {}

    def question(self, line: Line) -> Question:
        challenger = self._sample(self._bench.challenger, line.groups)
        champion = None
        if line.kind is CheckKind.CHAMPION and isinstance(self._bench.champion, Model):
            champion = self._sample(self._bench.champion, line.groups)
        return Question(line.metric, challenger, champion, _bound(line))

    def timed(self, line: Line) -> Question:
        champion = self._bench.champion_latency if line.kind is CheckKind.CHAMPION else None
        return Question(line.metric, self._bench.latency, champion, _bound(line))

    def _sample(self, model: Model, groups: tuple[Part, ...]) -> Sample:
        if (id(model), groups) not in self._made:
            self._made[id(model), groups] = self._bench.sample(model, groups).take(self._mask)
        return self._made[id(model), groups]


def _bound(line: Line) -> Bound | None:
    """What a line's evidence is about; None for a metric that is only shown."""
    return Bound(*line.bound_line) if line.comparison else None


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
        groups=tuple(map(column_of, line.groups)),
        detail=dict(answer.detail),
        tier=line.tier,
        family=line.family,
        p_pass=answer.p_pass,
        p_fail=answer.p_fail,
    )
