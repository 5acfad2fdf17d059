"""From a metric and rows to an estimate: the value, the interval that fits the metric, and the guards."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from evaluation.config import GateConfig
from evaluation.metrics.base import (
    Distance,
    GroupRates,
    Metric,
    Need,
    Proportion,
    Quantile,
    Sample,
    across_groups,
    group_rates,
)
from evaluation.stats.bootstrap import Draws, Plan, Progress, Statistic, complaint, draw, statistic
from evaluation.stats.evidence import evidence
from evaluation.stats.guards import too_alike, too_few
from evaluation.stats.intervals import Interval, distance, order_statistics, percentile, simultaneous, wilson
from evaluation.types import Allowance, Estimate, FloatArray

# Neighbouring requests share their fate (caches, pauses); a run of ten is drawn as one.
_LATENCY_BLOCK = 10
_Key = tuple[str, Sample]


@dataclass(frozen=True)
class Settings:
    """How sure on either side, how many resamples, from which seed, and from how many units.

    `unit` names what was sampled independently; it is what an estimate's n counts.
    """

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0
    min_rows: int = 50
    unit: str = "row"

    @classmethod
    def of(cls, gate: GateConfig, allowance: Allowance | None = None) -> "Settings":
        """The settings that a policy's gate names, at the level that an allowance leaves of its error."""
        confidence = gate.confidence if allowance is None else 1 - allowance.level
        return cls(confidence, gate.resamples, gate.seed, gate.min_rows)

    @property
    def level(self) -> float:
        """The error allowed on either side."""
        return 1 - self.confidence


@dataclass(frozen=True)
class Bound:
    """A value on the estimate's own axis, and the side of it on which the truth is allowed."""

    at: float
    keeps_above: bool


@dataclass(frozen=True)
class Question:
    """A metric on one model's rows, or, with a champion, the difference on the same rows."""

    metric: Metric
    challenger: Sample
    champion: Sample | None = None
    bound: Bound | None = None


@dataclass(frozen=True)
class Answer:
    """The estimate of a question; `challenger` and `champion` are the two values behind a difference.

    p_pass and p_fail are the evidence that the truth is on the allowed side of the bound, and that it is on
    the other: the smallest error at which one limit says so. None without a bound or a usable estimate.
    """

    estimate: Estimate
    challenger: float | None = None
    champion: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)
    p_pass: float | None = None
    p_fail: float | None = None


def estimate(
    questions: Sequence[Question],
    settings: Settings,
    *,
    stream: int = 0,
    progress: Progress | None = None,
) -> list[Answer]:
    """Answer questions about the same n rows, all from the same resamples.

    `stream` separates the random draws of different rows. A metric that is undefined, raises or lacks what
    it needs gives an estimate without value and with its problem; nothing is raised.

    >>> from evaluation.metrics.builtin import find_metric
    >>> rows = Sample(np.tile([0, 1, 1], 40), np.tile([0, 1, 0], 40))
    >>> [answer] = estimate([Question(find_metric("accuracy"), rows)], Settings())
    >>> round(answer.estimate.value, 3), round(answer.estimate.low, 3), round(answer.estimate.high, 3)
    (0.667, 0.593, 0.733)
    """
    points = [_points(question) for question in questions]
    wanted: dict[_Key, Statistic] = {}
    for question, point in zip(questions, points, strict=True):
        if not isinstance(point, str):
            wanted |= _statistics(question)
    n = next((sample.n for _, sample in wanted), 0)
    plan = Plan(settings.resamples, (settings.seed, stream))
    draws: Draws[_Key] = draw(n, wanted, plan, progress=progress)
    return [
        _answer(question, point, draws, settings) for question, point in zip(questions, points, strict=True)
    ]


def _points(question: Question) -> tuple[float, ...] | str:
    """The metric's value on each model, or why there is none."""
    found = []
    models = [("", question.challenger)]
    if question.champion is not None:
        models = [("challenger: ", question.challenger), ("champion: ", question.champion)]
    for who, sample in models:
        try:
            value = float(question.metric.point(sample)) if sample.n else None
        except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
            return who + complaint(error)
        if value is None:
            return who + ("latency was not measured" if Need.LATENCY in question.metric.needs else "no rows")
        if not np.isfinite(value):
            return f"{who}{question.metric.name} gave {value}"
        found.append(value)
    return tuple(found)


def _statistics(question: Question) -> dict[_Key, Statistic]:
    """What must be drawn for a question; nothing where its interval has a closed form."""
    metric, design = question.metric, question.metric.design
    if isinstance(design, Quantile) or (isinstance(design, Proportion) and question.champion is None):
        return {}
    samples = [sample for sample in (question.challenger, question.champion) if sample is not None]
    return {(metric.name, sample): _drawn(metric, sample) for sample in samples}


def _drawn(metric: Metric, sample: Sample) -> Statistic:
    """What is drawn for a metric: its parts, from which the value follows, or the value itself."""
    match metric.design:
        case GroupRates() as design:
            return partial(group_rates, design, sample)
        case Distance() as design:
            return partial(design.gaps, sample)
        case _:
            return statistic(metric, sample)


def _values(metric: Metric, drawn: FloatArray) -> FloatArray:
    """The metric's value in every draw, (b,)."""
    match metric.design:
        case GroupRates() as design:
            return across_groups(design.across, drawn)
        case Distance():
            return np.asarray(np.abs(drawn).sum(axis=1))
        case _:
            return drawn


def _answer(
    question: Question, point: tuple[float, ...] | str, draws: Draws[_Key], settings: Settings
) -> Answer:
    if isinstance(point, str):
        return Answer(_missing(point, question, settings))
    value = point[0] if len(point) == 1 else point[0] - point[1]
    try:
        interval = _interval(question, value, draws, settings)
        found = _estimate(question, value, interval, settings)
        detail = evidence(question.metric, question.challenger, question.champion)
    except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
        return Answer(_missing(complaint(error), question, settings))
    p_pass = p_fail = None
    if question.bound is not None and found.usable:
        p_pass, p_fail = interval.p_above(question.bound.at), interval.p_below(question.bound.at)
        if not question.bound.keeps_above:
            p_pass, p_fail = p_fail, p_pass
    return Answer(found, point[0], point[1] if len(point) == 2 else None, detail, p_pass, p_fail)


def _missing(problem: str, question: Question, settings: Settings) -> Estimate:
    n, unit = question.challenger.n, _unit(question, settings)
    return Estimate.missing(problem, n=n, confidence=settings.confidence, unit=unit)


def _estimate(question: Question, value: float, interval: Interval, settings: Settings) -> Estimate:
    low, high = interval.limits(settings.level)
    return Estimate(
        value=value,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        n=question.challenger.n,
        confidence=settings.confidence,
        method=interval.method,
        problem=_guard(question, settings.min_rows) or interval.problem_at(settings.level),
        unit=_unit(question, settings),
    )


def _unit(question: Question, settings: Settings) -> str:
    return "request" if Need.LATENCY in question.metric.needs else settings.unit


def _guard(question: Question, min_rows: int) -> str | None:
    metric, champion = question.metric, question.champion
    problem = too_few(metric, question.challenger, min_rows)
    if problem is None and champion is not None:
        problem = too_few(metric, champion, min_rows) or too_alike(metric, question.challenger, champion)
    return problem


def _interval(question: Question, value: float, draws: Draws[_Key], settings: Settings) -> Interval:
    """The interval that fits the metric: in closed form where there is one, else from the draws."""
    metric, design = question.metric, question.metric.design
    sample, champion = question.challenger, question.champion
    if isinstance(design, Quantile):
        return _latency(question, design, value, settings)
    if isinstance(design, Proportion) and champion is None:
        hits, base = design.counts(sample)
        return wilson(int(hits.sum()), int(base.sum()))
    for model in (sample, champion):
        if model is not None and (problem := draws.problems.get((metric.name, model))):
            return Interval.missing("bootstrap", f"{metric.name} under resampling: {problem}")
    mine = draws.values[metric.name, sample]
    if champion is None:
        return _single(question, value, mine)
    theirs = draws.values[metric.name, champion]
    return percentile(_values(metric, mine) - _values(metric, theirs), value)


def _single(question: Question, value: float, drawn: FloatArray) -> Interval:
    """The interval of one model's metric from its draws."""
    sample, ones = question.challenger, np.ones((1, question.challenger.n), dtype=np.float32)
    match question.metric.design:
        case GroupRates() as design:
            return simultaneous(group_rates(design, sample, ones)[0], drawn, design.across)
        case Distance() as design:
            return distance(design.gaps(sample, ones)[0], drawn)
        case _:
            return percentile(drawn, value)


def _latency(question: Question, design: Quantile, value: float, settings: Settings) -> Interval:
    """Exact for one model; for two, each model's requests are redrawn on their own, in runs of neighbours."""
    samples = [question.challenger] if question.champion is None else [question.challenger, question.champion]
    single = [order_statistics(_times(sample), design.q) for sample in samples]
    if question.champion is None or any(interval.problem for interval in single):
        return next((interval for interval in single if interval.problem), single[0])
    drawn = []
    for stream, sample in enumerate(samples, start=1):
        plan = Plan(settings.resamples, (settings.seed, stream), _LATENCY_BLOCK)
        draws = draw(sample.n, {"quantile": statistic(question.metric, sample)}, plan)
        drawn.append(draws.values["quantile"])
    return replace(percentile(drawn[0] - drawn[1], value), method="block bootstrap")


def _times(sample: Sample) -> FloatArray:
    return np.empty(0) if sample.latency_ms is None else sample.latency_ms
