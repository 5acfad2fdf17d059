"""From draws to an interval: what each metric's resamples say."""

from dataclasses import replace

import numpy as np

from evaluation.metrics.base import (
    Distance,
    GroupRates,
    Metric,
    Need,
    Quantile,
    Sample,
    count_units,
    membership,
)
from evaluation.stats import cells
from evaluation.stats.bootstrap import Plan, draw
from evaluation.stats.comparisons import Groups
from evaluation.stats.differing import bound_gap
from evaluation.stats.group_change import group_change
from evaluation.stats.group_value import group_value
from evaluation.stats.guards import too_alike
from evaluation.stats.intervals import Interval, distance, order_statistics, outer, percentile
from evaluation.stats.statistic import group_values, statistic
from evaluation.types import FloatArray

# Neighbouring requests share their fate (caches, pauses); a run of ten is drawn as one.
_LATENCY_BLOCK = 10


def by_cells(
    metric: Metric, challenger: Sample, champion: Sample | None, plan: Plan, *, champion_first: bool
) -> tuple[FloatArray, ...]:
    """Draws of one model's metric, or of both models' on the same rows, by cells.

    champion_first lets the order of the models follow from their values, so that changing their places
    changes the sign of every difference and nothing else.
    """
    samples = [challenger] if champion is None else [challenger, champion]
    tables = [cells.table(metric, sample) for sample in samples]
    if champion_first:
        tables.reverse()
    drawn = cells.draws(tables, plan.resamples, plan.seed)
    return drawn[::-1] if champion_first else drawn


def from_draws(
    metric: Metric, challenger: Sample, champion: Sample | None, value: float, drawn: tuple[FloatArray, ...]
) -> Interval:
    """The interval of one model's metric from its draws, or of the difference from both models' draws."""
    if isinstance(metric.design, GroupRates):
        return _of_groups(metric, metric.design, challenger, champion, drawn)
    if champion is not None:
        mine, theirs = (_values(metric, each) for each in drawn)
        interval = outer(mine - theirs, value)
        return replace(interval, problem=too_alike(metric, challenger, champion) or interval.problem)
    if isinstance(metric.design, Distance):
        gaps = metric.design.gaps
        sums = gaps.columns(challenger).sum(axis=0, keepdims=True)
        return distance(gaps.value(sums)[0], drawn[0])
    return percentile(drawn[0], value)


def _of_groups(
    metric: Metric,
    design: GroupRates,
    challenger: Sample,
    champion: Sample | None,
    drawn: tuple[FloatArray, ...],
) -> Interval:
    """Limits of one number across groups, or of its change; a share in which no row differs still has them."""
    samples = [challenger] if champion is None else [challenger, champion]
    models = [
        Groups(
            group_values(metric, design, sample),
            draws,
            _bases(design, sample),
            binomial=design.counted and sample.units is None,
        )
        for sample, draws in zip(samples, drawn, strict=True)
    ]
    if champion is not None:
        interval = group_change(models[0], models[1], design.across)
        alike = None if design.counted else too_alike(metric, challenger, champion)
        return replace(interval, problem=alike or interval.problem)
    bounded = bound_gap(metric, challenger) if Need.VARIANTS in metric.needs else None
    return bounded or group_value(models[0], design.across, metric.range[1])


def _bases(design: GroupRates, sample: Sample) -> FloatArray | None:
    """Units behind every rate in every group, (rates, groups); None for ratios."""
    if not design.counted:
        return None
    member = membership(sample).T
    found = [
        [count_units(sample, rate.counts(sample)[1] & group) for group in member]
        for rate in design.rates(sample)
    ]
    return np.array(found, dtype=np.float64)


def _values(metric: Metric, drawn: FloatArray) -> FloatArray:
    """The metric's value in every draw, (b,), where its parts were drawn."""
    return np.abs(drawn).sum(axis=1) if isinstance(metric.design, Distance) else drawn


def of_requests(
    metric: Metric, challenger: Sample, champion: Sample | None, value: float, plan: Plan
) -> Interval:
    """Limits of a quantile of latency: exact for one model.

    For two, each model's requests are redrawn on their own, in runs of neighbours.

    Raises TypeError for another design.
    """
    if not isinstance(metric.design, Quantile):
        raise TypeError(f"{metric.name} is no quantile")
    q = metric.design.q
    samples = [challenger] if champion is None else [challenger, champion]
    single = [order_statistics(_times(sample), q) for sample in samples]
    problems = [interval for interval in single if interval.problem]
    if champion is None or problems:
        return problems[0] if problems else single[0]
    drawn = []
    for stream, sample in enumerate(samples, start=1):
        own = Plan(plan.resamples, (plan.seed[0], stream), _LATENCY_BLOCK)
        drawn.append(draw(sample.n, {"": statistic(metric, sample)}, own).values[""])
    return replace(percentile(drawn[0] - drawn[1], value), method="block bootstrap")


def _times(sample: Sample) -> FloatArray:
    return np.empty(0) if sample.latency_ms is None else sample.latency_ms
