"""Comparing candidates by what they answered to the same cases."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.choice.best import Candidate, Choice, Place, choose
from evaluation.choice.front import pareto_front
from evaluation.errors import UserError
from evaluation.metrics.base import Metric, Need, Sample
from evaluation.samples import Model, models, why_unmeasured
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.types import Estimate, FloatArray, IntArray, Outputs, Task


@dataclass(frozen=True, eq=False)
class Answered:
    """What one candidate said about the cases, and how long single answers took; or why it could not be asked."""

    name: str
    outputs: Outputs | None
    latency_ms: FloatArray | None = None
    problem: str | None = None


@dataclass(frozen=True)
class Comparison:
    """What was found about several candidates.

    shown: for each candidate, the other metrics by name. axes: what the Pareto front is taken over, first the metric
    that decides; a metric that some compared candidate has no value for is no axis. front: the candidates on it.
    """

    choice: Choice
    shown: Mapping[str, Mapping[str, Estimate]]
    axes: tuple[str, ...]
    front: tuple[str, ...]


def compare(  # noqa: PLR0913 - keyword-only, one for each thing that the comparison is about
    answered: Sequence[Answered],
    *,
    task: Task,
    target: NDArray[Any],
    by: Metric,
    show: Sequence[Metric] = (),
    weigh: Sequence[str] = (),
    settings: Settings,
    units: IntArray | None = None,
) -> Comparison:
    """Find which of several candidates may be the best by one metric, and which are on the Pareto front.

    target: (n,) what really happened. show: what else is measured of each, of which `weigh` names the axes of the
    front beside `by`. units: (n,) codes of what was sampled independently, None where every row is its own.

    A candidate without an answer, or without a value, for a case is not compared, and says why.
    """
    known, problems = _models(answered, task, target, units)
    candidates = [_candidate(one.name, known.get(one.name), problems.get(one.name), by) for one in answered]
    shown = {one.name: _shown(one, known.get(one.name), show, settings) for one in answered}
    choice = choose(candidates, by, settings)
    axes, front = _front(choice, shown, by, [metric for metric in show if metric.name in weigh])
    return Comparison(choice, shown, axes, front)


def _models(
    answered: Sequence[Answered], task: Task, target: NDArray[Any], units: IntArray | None
) -> tuple[dict[str, Model], dict[str, str]]:
    """Every candidate's answers on the same class codes; those that do not fit the target are a problem."""
    fit, problems = {}, {one.name: one.problem for one in answered if one.problem is not None}
    for one in answered:
        if one.outputs is None or one.problem is not None:
            problems.setdefault(one.name, "it was not asked")
            continue
        try:
            models(task, target, [one.outputs])
        except UserError as error:
            problems[one.name] = error.found
        else:
            fit[one.name] = one.outputs
    known = dict(zip(fit, models(task, target, list(fit.values())), strict=True)) if fit else {}
    return {
        name: replace(model, sample=replace(model.sample, units=units)) for name, model in known.items()
    }, problems


def _candidate(name: str, model: Model | None, problem: str | None, by: Metric) -> Candidate:
    if model is None:
        return Candidate(name, None, problem)
    return Candidate(name, model.sample, why_unmeasured(model, by))


def _shown(
    one: Answered, model: Model | None, show: Sequence[Metric], settings: Settings
) -> dict[str, Estimate]:
    """Every shown metric of one candidate; one that can't be had says why."""
    timed = Sample.of_latency(np.empty(0) if one.latency_ms is None else one.latency_ms)
    found: dict[str, Estimate] = {}
    for metric in show:
        of_requests = Need.LATENCY in metric.needs
        problem = None if of_requests or model is None else why_unmeasured(model, metric)
        if problem is None and (of_requests or model is not None):
            sample = timed if of_requests or model is None else model.sample
            found[metric.name] = estimate([Question(metric, sample)], settings)[0].estimate
        else:
            why = problem or one.problem or "it was not asked"
            found[metric.name] = Estimate.missing(
                why, n=0, confidence=settings.confidence, unit=settings.unit
            )
    return found


def _front(
    choice: Choice, shown: Mapping[str, Mapping[str, Estimate]], by: Metric, weighed: Sequence[Metric]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    compared = [found for found in choice.standings if found.place is not Place.NOT_COMPARED]
    if not compared:
        return (by.name,), ()
    axes = [
        metric
        for metric in weighed
        if all(shown[one.name][metric.name].value is not None for one in compared)
    ]
    values = np.array(
        [[one.estimate.value, *(shown[one.name][metric.name].value for metric in axes)] for one in compared],
        dtype=np.float64,
    )
    on = pareto_front(values, [by.direction, *(metric.direction for metric in axes)])
    names = tuple(one.name for one, there in zip(compared, on.tolist(), strict=True) if there)
    return (by.name, *(metric.name for metric in axes)), names
