"""Which metrics need no resampling, and the interval that each of them gets."""

import math
from dataclasses import replace
from enum import Enum, auto

import numpy as np

from evaluation.metrics.base import (
    Cells,
    GroupRates,
    Mean,
    Metric,
    Proportion,
    Quantile,
    Ranking,
    Sample,
)
from evaluation.stats.delong import area, area_difference, placements
from evaluation.stats.differing import bound
from evaluation.stats.guards import too_alike
from evaluation.stats.intervals import Interval, wilson
from evaluation.stats.means import by_unit, influence, linear
from evaluation.stats.tango import tango


class Way(Enum):
    """How the interval of a metric is found."""

    FORMULA = auto()
    CELLS = auto()
    UNITS = auto()
    REQUESTS = auto()


def way(metric: Metric, *, paired: bool, units: bool) -> Way:
    """By formula where there is one, else by resampling cells where they suffice, else units (or requests).

    paired: against a champion; units: rows come in units of several.
    """
    match metric.design:
        case Quantile():
            return Way.REQUESTS
        case Mean() | Ranking():
            return Way.FORMULA
        case Proportion(shared_base=shared_base):
            return Way.FORMULA if units or not paired or shared_base else Way.CELLS
        case Cells() | GroupRates(counted=True) if not units:
            return Way.CELLS
    return Way.UNITS


def closed_form(metric: Metric, challenger: Sample, champion: Sample | None, value: float) -> Interval:
    """The interval of a metric that has a formula, or of the difference of two models.

    Raises TypeError for a design that has none.
    """
    if isinstance(metric.design, Proportion) and challenger.units is None:
        return _share(metric.design, challenger, champion)
    low, high = metric.range
    if champion is None:
        interval = _spread(metric, challenger, None, value)
    else:
        interval = _difference(metric, challenger, champion, value)
        low, high = low - high, high - low
    return _within(interval, low, high)


def _share(design: Proportion, challenger: Sample, champion: Sample | None) -> Interval:
    hits, base = design.counts(challenger)
    if champion is None:
        return wilson(int(hits.sum()), int(base.sum()))
    theirs, their_base = design.counts(champion)
    if not np.array_equal(base, their_base):
        raise ValueError(f"{design.name} says that two models share its base, but they do not")
    return tango(int((hits & ~theirs).sum()), int((theirs & ~hits).sum()), int(base.sum()))


def _difference(metric: Metric, challenger: Sample, champion: Sample, value: float) -> Interval:
    """By spread where enough rows differ; else by how many differ at all, where that bounds the difference."""
    problem = too_alike(metric, challenger, champion)
    interval = _spread(metric, challenger, champion, value)
    if problem is None and interval.problem is None:
        return interval
    if challenger.units is None and (bounded := bound(metric, challenger, champion)) is not None:
        return bounded
    return replace(interval, problem=problem or interval.problem)


def _spread(metric: Metric, challenger: Sample, champion: Sample | None, value: float) -> Interval:
    if isinstance(metric.design, Ranking) and challenger.units is None:
        beaten, beating = placements(challenger)
        if champion is None:
            return area(beaten, beating)
        theirs = placements(champion)
        return area_difference(beaten - theirs[0], beating - theirs[1])
    moves = influence(metric, challenger)
    if champion is not None:
        moves = moves - influence(metric, champion)
    paired = "" if champion is None else "paired "
    if challenger.units is None:
        return linear(value, moves, f"{paired}Student t")
    share = champion is None and isinstance(metric.design, Proportion | Ranking)
    return linear(value, by_unit(moves, challenger.units), f"{paired}Student t over units", share=share)


def _within(interval: Interval, low: float, high: float) -> Interval:
    """The same interval, cut to what is possible at all."""
    if not math.isfinite(low) and not math.isfinite(high):
        return interval
    limits = interval.limits

    def cut(level: float) -> tuple[float, float]:
        found = limits(level)
        return max(low, found[0]), min(high, found[1])

    return replace(interval, limits=cut)
