"""From a metric and rows to an estimate: the value, the interval that fits the metric, and the guards."""

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
from evaluation.stats.intervals import Limits, distance, order_statistics, percentile, simultaneous, wilson
from evaluation.types import Estimate, FloatArray

# Neighbouring requests share their fate (caches, pauses); a run of ten is drawn as one.
_LATENCY_BLOCK = 10
_Key = tuple[str, Sample]


@dataclass(frozen=True)
class Settings:
    """How sure, how many resamples, from which seed, and from how many rows."""

    confidence: float = 0.95
    resamples: int = 2000
    seed: int = 0
    min_rows: int = 50

    @classmethod
    def of(cls, gate: GateConfig) -> "Settings":
        """The settings that a policy's gate names."""
        return cls(gate.confidence, gate.resamples, gate.seed, gate.min_rows)


@dataclass(frozen=True)
class Question:
    """A metric on one model's rows, or, with a champion, the difference on the same rows."""

    metric: Metric
    challenger: Sample
    champion: Sample | None = None


@dataclass(frozen=True)
class Answer:
    """The estimate of a question; `challenger` and `champion` are the two values behind a difference."""

    estimate: Estimate
    challenger: float | None = None
    champion: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict)


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
    n = question.challenger.n
    if isinstance(point, str):
        return Answer(Estimate.missing(point, n=n, confidence=settings.confidence))
    value = point[0] if len(point) == 1 else point[0] - point[1]
    try:
        limits = _limits(question, value, draws, settings)
        problem = _guard(question, settings.min_rows) or limits.problem
        detail = evidence(question.metric, question.challenger, question.champion)
    except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
        return Answer(Estimate.missing(complaint(error), n=n, confidence=settings.confidence))
    estimate = Estimate(value, limits.low, limits.high, n, settings.confidence, limits.method, problem)
    return Answer(estimate, point[0], point[1] if len(point) == 2 else None, detail)


def _guard(question: Question, min_rows: int) -> str | None:
    metric, champion = question.metric, question.champion
    problem = too_few(metric, question.challenger, min_rows)
    if problem is None and champion is not None:
        problem = too_few(metric, champion, min_rows) or too_alike(metric, question.challenger, champion)
    return problem


def _limits(question: Question, value: float, draws: Draws[_Key], settings: Settings) -> Limits:
    """The interval that fits the metric: in closed form where there is one, else from the draws."""
    metric, design = question.metric, question.metric.design
    sample, champion = question.challenger, question.champion
    if isinstance(design, Quantile):
        return _latency_limits(question, design, value, settings)
    if isinstance(design, Proportion) and champion is None:
        hits, base = design.counts(sample)
        return wilson(int(hits.sum()), int(base.sum()), settings.confidence)
    for model in (sample, champion):
        if model is not None and (problem := draws.problems.get((metric.name, model))):
            return Limits(None, None, "bootstrap", f"{metric.name} under resampling: {problem}")
    mine = draws.values[metric.name, sample]
    if champion is None:
        return _single(question, value, mine, settings)
    theirs = draws.values[metric.name, champion]
    return percentile(_values(metric, mine) - _values(metric, theirs), value, settings.confidence)


def _single(question: Question, value: float, drawn: FloatArray, settings: Settings) -> Limits:
    """Limits of one model's metric from its draws."""
    sample, ones = question.challenger, np.ones((1, question.challenger.n), dtype=np.float32)
    match question.metric.design:
        case GroupRates() as design:
            rates = group_rates(design, sample, ones)[0]
            return simultaneous(rates, drawn, design.across, settings.confidence)
        case Distance() as design:
            return distance(design.gaps(sample, ones)[0], drawn, settings.confidence)
        case _:
            return percentile(drawn, value, settings.confidence)


def _latency_limits(question: Question, design: Quantile, value: float, settings: Settings) -> Limits:
    """Exact for one model; for two, each model's requests are redrawn on their own, in runs of neighbours."""
    samples = [question.challenger] if question.champion is None else [question.challenger, question.champion]
    single = [order_statistics(_times(sample), design.q, settings.confidence) for sample in samples]
    if question.champion is None or any(limits.problem for limits in single):
        return next((limits for limits in single if limits.problem), single[0])
    drawn = []
    for stream, sample in enumerate(samples, start=1):
        plan = Plan(settings.resamples, (settings.seed, stream), _LATENCY_BLOCK)
        draws = draw(sample.n, {"quantile": statistic(question.metric, sample)}, plan)
        drawn.append(draws.values["quantile"])
    limits = percentile(drawn[0] - drawn[1], value, settings.confidence)
    return replace(limits, method="block bootstrap")


def _times(sample: Sample) -> FloatArray:
    return np.empty(0) if sample.latency_ms is None else sample.latency_ms
