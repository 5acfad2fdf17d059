"""The picture of a comparison: quality against cost and latency."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from evaluation.choice.best import Place
from evaluation.choice.front import pareto_front
from evaluation.metrics.builtin import METRICS, find_metric
from evaluation.reports.blocks import Scatter, Spot
from evaluation.reports.numbers import number
from evaluation.types import Direction, Verdict

# From this ratio of the largest to the smallest on, an axis is one of logarithms.
_WIDE = 20
# Of the largest spot, where nothing tells sizes apart.
_PLAIN_SIZE = 0.3
_VERDICTS = {Place.BEST: Verdict.PASS, Place.OPEN: Verdict.INCONCLUSIVE}


def picture(content: Mapping[str, Any]) -> Scatter | None:
    """The deciding metric against cost, or else latency; None where fewer than two can be placed."""
    placed, axes = compared(content), content["axes"][1:]
    if len(placed) < 2 or not axes:
        return None
    by, across, sized = content["by"], axes[0], axes[1] if len(axes) > 1 else None
    x = [float(found["shown"][across]["value"]) for found in placed]
    sizes = [1.0 if sized is None else float(found["shown"][sized]["value"]) for found in placed]
    spots = tuple(
        Spot(
            name=found["name"],
            x=at,
            y=found["estimate"]["value"],
            low=found["estimate"]["low"],
            high=found["estimate"]["high"],
            size=size / max(sizes) if sized and max(sizes) > 0 else _PLAIN_SIZE,
            verdict=_VERDICTS.get(found["place"]),
        )
        for found, at, size in zip(placed, x, sizes, strict=True)
    )
    front = _front_in_plane(spots, Direction(by["direction"]), find_metric(across).direction)
    return Scatter(
        spots=spots,
        x_label=_axis(across, find_metric(across).direction),
        y_label=_axis(by["metric"], Direction(by["direction"])),
        size_label=f"area: {_called(sized)}" if sized else "",
        front=front,
        log=min(x) > 0 and max(x) / min(x) > _WIDE,
        text=f"{by['metric']} against {_called(across)}: "
        + "; ".join(f"{spot.name} {number(spot.y)} at {number(spot.x)}" for spot in spots),
    )


def _front_in_plane(
    spots: Sequence[Spot], up: Direction, across: Direction
) -> tuple[tuple[float, float], ...]:
    on = pareto_front(np.array([[spot.y, spot.x] for spot in spots]), [up, across])
    return tuple(sorted({(spot.x, spot.y) for spot, there in zip(spots, on.tolist(), strict=True) if there}))


def compared(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The candidates that have a value to compare, best first."""
    return [found for found in content["candidates"] if found["place"] != Place.NOT_COMPARED]


def _called(name: str) -> str:
    """A metric's name with its unit, where the name does not tell it.

    >>> _called("latency_p50_ms"), _called("roc_auc")
    ('latency_p50_ms', 'roc_auc')
    """
    # A judge's metric, which belongs to a policy, has no unit.
    unit = METRICS[name].unit if name in METRICS else ""
    return name if not unit or name.endswith(f"_{unit}") else f"{name} [{unit}]"


def _axis(name: str, direction: Direction) -> str:
    return f"{_called(name)}, {direction.value} is better"
