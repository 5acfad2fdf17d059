"""Releases of an equally good model, made of a pilot: answers that tell how the next release may come out."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.answers import Answers
from evaluation.columns import unit_codes
from evaluation.types import FloatArray, IntArray, Outputs


def identical_release(pilot: Answers, units: int, unit: str | None, random: np.random.Generator) -> Answers:
    """Answers of an equally good model, and of the champion, on `units` fresh rows (or units of the column `unit`).

    Rows are drawn with replacement, and in each the two models change places with probability 1/2: the true
    difference is 0, and they differ in as many rows as the pilot's do. With one model, its answers are kept.
    """
    if unit is None:
        rows = random.integers(0, len(pilot.target), units)
        drawn, frame = np.arange(units), _frame(pilot, rows)
    else:
        rows, drawn = _by_unit(unit_codes(pilot.frame, unit), units, random)
        # A unit that was drawn twice is two units.
        frame = pilot.frame[rows].with_columns(pl.Series(unit, drawn))
    challenger, champion = pilot.challenger.at(rows), None
    if pilot.champion is not None:
        changed = random.integers(0, 2, units).astype(np.bool_)[drawn]
        champion = pilot.champion.at(rows)
        challenger, champion = _either(changed, champion, challenger), _either(changed, challenger, champion)
    mine, theirs = _requests(pilot, random)
    return replace(
        pilot,
        target=pilot.target[rows],
        frame=frame,
        challenger=challenger,
        champion=champion,
        latency_ms=mine,
        champion_latency_ms=theirs,
    )


def both_ways(pilot: Answers) -> Answers:
    """Every row twice, once with the models' places changed: what identical releases are samples of."""
    if pilot.champion is None:
        return pilot
    return replace(
        pilot,
        target=np.concatenate([pilot.target, pilot.target]),
        frame=pl.concat([pilot.frame, pilot.frame]),
        challenger=_joined(pilot.challenger, pilot.champion),
        champion=_joined(pilot.champion, pilot.challenger),
    )


def _by_unit(codes: IntArray, units: int, random: np.random.Generator) -> tuple[IntArray, IntArray]:
    """Rows of drawn units, and the number of the draw that each row belongs to."""
    sizes = np.bincount(codes)
    order, starts = np.argsort(codes, kind="stable"), np.cumsum(sizes) - sizes
    found = random.integers(0, len(sizes), units)
    drawn = np.repeat(np.arange(units), sizes[found])
    within = np.arange(len(drawn)) - np.repeat(np.cumsum(sizes[found]) - sizes[found], sizes[found])
    return order[starts[found][drawn] + within], drawn


def _frame(pilot: Answers, rows: IntArray) -> pl.DataFrame:
    # A table without columns has no rows to take.
    return pilot.frame[rows] if pilot.frame.width else pilot.frame


def _either(mask: NDArray[np.bool_], one: Outputs, other: Outputs) -> Outputs:
    """One model's answers where the mask holds, the other's elsewhere."""

    def chosen(mine: NDArray[Any], theirs: NDArray[Any]) -> NDArray[Any]:
        return np.where(mask.reshape(-1, *[1] * (mine.ndim - 1)), mine, theirs)

    return _paired(one, other, chosen)


def _joined(one: Outputs, other: Outputs) -> Outputs:
    return _paired(one, other, lambda mine, theirs: np.concatenate([mine, theirs]))


def _paired(
    one: Outputs, other: Outputs, make: Callable[[NDArray[Any], NDArray[Any]], NDArray[Any]]
) -> Outputs:
    """Answers made of two models' answers; of what only one of them has, nothing."""
    return Outputs(
        make(one.labels, other.labels),
        None if one.scores is None or other.scores is None else make(one.scores, other.scores),
        row_scores={
            name: make(values, other.row_scores[name])
            for name, values in one.row_scores.items()
            if name in other.row_scores
        },
    )


def _requests(pilot: Answers, random: np.random.Generator) -> tuple[FloatArray | None, FloatArray | None]:
    """Timed requests drawn anew; two models that are equally fast share theirs."""
    mine, theirs = pilot.latency_ms, pilot.champion_latency_ms
    if mine is None or theirs is None:
        return None if mine is None else random.choice(mine, len(mine)), None
    both = np.concatenate([mine, theirs])
    return random.choice(both, len(mine)), random.choice(both, len(theirs))
