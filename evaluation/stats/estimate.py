"""From a metric and rows to an estimate: the value, the interval that fits the metric, and the guards."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from evaluation.config import GateConfig
from evaluation.metrics.base import Metric, Need, Sample, Statistic, count_units
from evaluation.stats.bootstrap import Draws, Plan, Progress, complaint, draw
from evaluation.stats.closed import Way, closed_form, way
from evaluation.stats.drawn import by_cells, from_draws, of_requests
from evaluation.stats.evidence import evidence
from evaluation.stats.guards import too_few
from evaluation.stats.intervals import Interval
from evaluation.stats.point import point
from evaluation.stats.statistic import statistic
from evaluation.types import Allowance, Estimate

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
        return cls(confidence, gate.resamples, gate.seed, gate.min_rows, gate.sampled or "row")

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
    compact: dict[int, Sample] = {}
    questions = [_in_units(question, compact) for question in questions]
    points = [_points(question) for question in questions]
    asked = [q for q, found in zip(questions, points, strict=True) if not isinstance(found, str)]
    plan = Plan(settings.resamples, (settings.seed, stream))
    draws = _draw([question for question in asked if _way(question) is Way.UNITS], plan, progress)
    return [
        _answer(question, found, draws, settings, plan)
        for question, found in zip(questions, points, strict=True)
    ]


def _in_units(question: Question, compact: dict[int, Sample]) -> Question:
    """The question with its units coded without gaps; without any where every row is its own."""

    def own(sample: Sample) -> Sample:
        if sample.units is None:
            return sample
        if id(sample) not in compact:
            found, codes = np.unique(sample.units, return_inverse=True)
            compact[id(sample)] = replace(sample, units=codes if len(found) < sample.n else None)
        return compact[id(sample)]

    champion = None if question.champion is None else own(question.champion)
    return replace(question, challenger=own(question.challenger), champion=champion)


def _way(question: Question) -> Way:
    return way(question.metric, question.challenger)


def _draw(questions: Sequence[Question], plan: Plan, progress: Progress | None) -> Draws[_Key]:
    """What must be drawn by units, once for every metric and model."""
    wanted: dict[_Key, Statistic] = {}
    problems: dict[_Key, str] = {}
    for question in questions:
        for sample in _models(question):
            key = (question.metric.name, sample)
            try:
                wanted[key] = wanted.get(key) or statistic(question.metric, sample)
            except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
                problems[key] = complaint(error)
    n = count_units(questions[0].challenger) if questions else 0
    draws = draw(n, wanted, plan, progress=progress)
    return Draws(draws.values, {**problems, **draws.problems})


def _models(question: Question) -> list[Sample]:
    return [sample for sample in (question.challenger, question.champion) if sample is not None]


def _points(question: Question) -> tuple[float, ...] | str:
    """The metric's value on each model, or why there is none."""
    found = []
    models = [("", question.challenger)]
    if question.champion is not None:
        models = [("challenger: ", question.challenger), ("champion: ", question.champion)]
    for who, sample in models:
        try:
            value = point(question.metric, sample) if sample.n else None
        except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
            return who + complaint(error)
        if value is None:
            return who + ("latency was not measured" if Need.LATENCY in question.metric.needs else "no rows")
        if not np.isfinite(value):
            return f"{who}{question.metric.name} gave {value}"
        found.append(value)
    return tuple(found)


def _answer(
    question: Question, found: tuple[float, ...] | str, draws: Draws[_Key], settings: Settings, plan: Plan
) -> Answer:
    if isinstance(found, str):
        return Answer(_missing(found, question, settings))
    value = found[0] if len(found) == 1 else found[0] - found[1]
    try:
        interval = _interval(question, value, draws, plan)
        made = _estimate(question, value if interval.value is None else interval.value, interval, settings)
        detail = evidence(question.metric, question.challenger, question.champion)
    except Exception as error:  # noqa: BLE001 - a plug-in failed: a record, not a crash
        return Answer(_missing(complaint(error), question, settings))
    p_pass = p_fail = None
    if question.bound is not None and made.usable:
        p_pass, p_fail = interval.p_above(question.bound.at), interval.p_below(question.bound.at)
        if not question.bound.keeps_above:
            p_pass, p_fail = p_fail, p_pass
    return Answer(made, found[0], found[1] if len(found) == 2 else None, detail, p_pass, p_fail)


def _missing(problem: str, question: Question, settings: Settings) -> Estimate:
    n, unit = count_units(question.challenger), _unit(question, settings)
    return Estimate.missing(problem, n=n, confidence=settings.confidence, unit=unit)


def _estimate(question: Question, value: float, interval: Interval, settings: Settings) -> Estimate:
    low, high = interval.limits(settings.level)
    return Estimate(
        value=value,
        low=low if math.isfinite(low) else None,
        high=high if math.isfinite(high) else None,
        n=count_units(question.challenger),
        confidence=settings.confidence,
        method=interval.method,
        problem=_guard(question, settings.min_rows) or interval.problem_at(settings.level),
        unit=_unit(question, settings),
    )


def _unit(question: Question, settings: Settings) -> str:
    return "request" if Need.LATENCY in question.metric.needs else settings.unit


def _guard(question: Question, min_rows: int) -> str | None:
    problems = (too_few(question.metric, sample, min_rows) for sample in _models(question))
    return next((problem for problem in problems if problem is not None), None)


def _interval(question: Question, value: float, draws: Draws[_Key], plan: Plan) -> Interval:
    """The interval that fits the metric: in closed form where there is one, else from draws."""
    metric, challenger, champion = question.metric, question.challenger, question.champion
    match _way(question):
        case Way.FORMULA:
            return closed_form(metric, challenger, champion, value)
        case Way.REQUESTS:
            return of_requests(metric, challenger, champion, value, plan)
        case Way.CELLS:
            drawn = by_cells(metric, challenger, champion, plan, champion_first=value < 0)
        case Way.UNITS:
            keys = [(metric.name, sample) for sample in _models(question)]
            for key in keys:
                if problem := draws.problems.get(key):
                    return Interval.missing("bootstrap", f"{metric.name} under resampling: {problem}")
            drawn = tuple(draws.values[key] for key in keys)
    return from_draws(metric, challenger, champion, value, drawn)
