"""Which metrics need no resampling, and the interval that each of them gets."""

import math
from collections.abc import Callable
from dataclasses import replace
from enum import Enum, auto

import numpy as np

from evaluation.metrics.base import (
    Cells,
    Corrected,
    GroupRates,
    LeftOut,
    Mean,
    Metric,
    Proportion,
    Quantile,
    Ranking,
    Sample,
    Sums,
)
from evaluation.stats.delong import area, area_difference, placements
from evaluation.stats.differing import bound, bound_edge
from evaluation.stats.guards import too_alike
from evaluation.stats.intervals import Interval, wilson
from evaluation.stats.jackknife import jackknife, left_out, moves
from evaluation.stats.means import by_unit, influence, linear
from evaluation.stats.ppi import Scores, corrected_difference, corrected_mean
from evaluation.stats.student import NO_SPREAD
from evaluation.stats.tango import tango
from evaluation.types import FloatArray

# Leaving out a row of every cell takes the square of their number: up to 50 classes.
_MANY_CELLS = 2500


class Way(Enum):
    """How the interval of a metric is found."""

    FORMULA = auto()
    CELLS = auto()
    UNITS = auto()
    REQUESTS = auto()


def way(metric: Metric, sample: Sample) -> Way:
    """By formula where there is one, else by resampling cells where they suffice, else units (or requests)."""
    match metric.design:
        case Quantile():
            return Way.REQUESTS
        case Mean() | Ranking() | Proportion() | Sums() | LeftOut() | Corrected():
            return Way.FORMULA
        case Cells(codes=codes) if codes(sample)[1] <= _MANY_CELLS:
            return Way.FORMULA
        case Cells() | GroupRates(counted=True) if sample.units is None:
            return Way.CELLS
    return Way.UNITS


def closed_form(metric: Metric, challenger: Sample, champion: Sample | None, value: float) -> Interval:
    """The interval of a metric that has a formula, or of the difference of two models.

    Raises TypeError for a design that has none.
    """
    if isinstance(metric.design, Proportion) and _by_score(metric.design, challenger, champion):
        return _share(metric.design, challenger, champion)
    low, high = metric.range
    if isinstance(metric.design, Corrected):
        interval = _corrected(metric.design, challenger, champion)
    elif champion is None:
        interval = _spread(metric, challenger, None, value)
        if interval.problem == NO_SPREAD and (bounded := bound_edge(metric, challenger)) is not None:
            interval = bounded
    else:
        interval = _difference(metric, challenger, champion, value)
    return _within(interval, *((low, high) if champion is None else (low - high, high - low)))


def _by_score(design: Proportion, challenger: Sample, champion: Sample | None) -> bool:
    """Whether score limits hold: rows are units, and both models' shares are of the same rows."""
    return challenger.units is None and (champion is None or design.shared_base)


def _share(design: Proportion, challenger: Sample, champion: Sample | None) -> Interval:
    hits, base = design.counts(challenger)
    if champion is None:
        return wilson(int(hits.sum()), int(base.sum()))
    theirs, their_base = design.counts(champion)
    if not np.array_equal(base, their_base):
        raise ValueError(f"{design.name} says that two models share its base, but they do not")
    return tango(int((hits & ~theirs).sum()), int((theirs & ~hits).sum()), int(base.sum()))


def _corrected(design: Corrected, challenger: Sample, champion: Sample | None) -> Interval:
    mine = Scores.of(design.columns(challenger), challenger.units)
    if champion is None:
        return corrected_mean(mine)
    return corrected_difference(mine, Scores.of(design.columns(champion), champion.units))


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
    units = challenger.units
    paired, over_units = "" if champion is None else "paired ", "" if units is None else " over units"
    smooth = isinstance(metric.design, Sums | Cells | LeftOut)
    if smooth or (isinstance(metric.design, Proportion) and units is None):
        moved = _moved(lambda sample: moves(left_out(metric, sample)), challenger, champion)
        within = metric.range if champion is None else (-math.inf, math.inf)
        return jackknife(value, moved, f"{paired}jackknife{over_units}", within)
    moved = _moved(lambda sample: influence(metric, sample), challenger, champion)
    share = champion is None and isinstance(metric.design, Proportion | Ranking)
    return linear(value, moved, f"{paired}Student t{over_units}", share=share)


def _moved(by_row: Callable[[Sample], FloatArray], challenger: Sample, champion: Sample | None) -> FloatArray:
    """By how much every unit moves the value, or the difference of two, (units,)."""
    found = by_row(challenger)
    if champion is not None:
        found = found - by_row(champion)
    return found if challenger.units is None else by_unit(found, challenger.units)


def _within(interval: Interval, low: float, high: float) -> Interval:
    """The same interval, cut to what is possible at all."""
    if not math.isfinite(low) and not math.isfinite(high):
        return interval
    limits = interval.limits

    def cut(level: float) -> tuple[float, float]:
        found = limits(level)
        return max(low, found[0]), min(high, found[1])

    return replace(interval, limits=cut)
