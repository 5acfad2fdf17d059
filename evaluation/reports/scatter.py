"""Things by two numbers, drawn: spots with their intervals, and the line of those that none beats in both."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape

from evaluation.reports.blocks import Scatter, Spot
from evaluation.reports.html_style import COLOURS, SCATTER
from evaluation.reports.numbers import bound_text
from evaluation.reports.picture import axis

_WIDTH, _HEIGHT = 880, 430
_LEFT, _RIGHT, _TOP, _BOTTOM = 84, 860, 22, 366
_TICKS, _FEWEST = 5, 3
_RADIUS, _LEAST = 17.0, 6.0
# An average letter of the names, and the height of a line.
_LETTER, _LINE = 7.4, 15.0


@dataclass(frozen=True)
class _Scale:
    """From a number to a place in the picture."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        low, high, here = (math.log10(each) if self.log else each for each in (self.low, self.high, value))
        return round(self.start + (here - low) / (high - low) * (self.end - self.start), 1)


@dataclass(frozen=True)
class _Box:
    left: float
    top: float
    right: float
    bottom: float

    def shared(self, other: "_Box") -> float:
        """The area that two have in common."""
        wide = min(self.right, other.right) - max(self.left, other.left)
        high = min(self.bottom, other.bottom) - max(self.top, other.top)
        return max(0.0, wide) * max(0.0, high)


def scatter_svg(scatter: Scatter) -> str:
    """Inline SVG, without colours of its own: the page's style has them."""
    x, y = _scales(scatter)
    text = escape(scatter.text)
    return (
        f'<svg class="scatter" viewBox="0 0 {_WIDTH} {_HEIGHT}" width="{_WIDTH}" height="{_HEIGHT}" role="img" '
        f'aria-label="{text}"><title>{text}</title>{"".join(_grid(scatter, x, y))}{_front(scatter, x, y)}'
        f"{''.join(_spot(spot, x, y) for spot in _large_first(scatter.spots))}"
        f"{''.join(_names(scatter.spots, x, y))}</svg>"
    )


def alone(scatter: Scatter) -> str:
    """The same as a file that needs nothing else."""
    drawn = scatter_svg(scatter)
    head, rest = drawn.split(">", 1)
    paper = f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="var(--card)"/>'
    return f'{head} xmlns="http://www.w3.org/2000/svg"><style>{COLOURS}{SCATTER}</style>{paper}{rest}\n'


def ticks(low: float, high: float, *, log: bool = False) -> list[float]:
    """Round numbers between two ends, about five of them.

    >>> ticks(0.12, 0.49), ticks(0.8, 130.0, log=True)
    ([0.2, 0.3, 0.4], [1.0, 10.0, 100.0])
    """
    if log:
        powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
        for factors in ((1,), (1, 3), (1, 2, 5)):
            found = [factor * 10.0**power for power in powers for factor in factors]
            found = [tick for tick in found if low <= tick <= high]
            if len(found) >= _FEWEST:
                return found
        return [low, high]
    rough = (high - low) / _TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * 0.999)
    return [round(index * step, 12) for index in range(math.ceil(low / step), math.floor(high / step) + 1)]


def _scales(scatter: Scatter) -> tuple[_Scale, _Scale]:
    across = [spot.x for spot in scatter.spots]
    if scatter.log:
        ends = axis(map(math.log10, across))
        low, high = 10 ** ends[0], 10 ** ends[1]
    else:
        low, high = axis(across)
        # What starts at nothing, such as money, has no place on the other side of it.
        low = max(0.0, low) if min(across) >= 0 else low
    up = [value for spot in scatter.spots for value in (spot.y, spot.low, spot.high) if value is not None]
    return _Scale(low, high, _LEFT, _RIGHT, scatter.log), _Scale(*axis(up), _BOTTOM, _TOP)


def _grid(scatter: Scatter, x: _Scale, y: _Scale) -> Iterator[str]:
    for value in ticks(x.low, x.high, log=x.log):
        at = x.at(value)
        yield f'<line class="grid" x1="{at}" y1="{_TOP}" x2="{at}" y2="{_BOTTOM}"/>'
        yield f'<text x="{at}" y="{_BOTTOM + 18}" text-anchor="middle">{bound_text(float(f"{value:.3g}"))}</text>'
    for value in ticks(y.low, y.high):
        at = y.at(value)
        yield f'<line class="grid" x1="{_LEFT}" y1="{at}" x2="{_RIGHT}" y2="{at}"/>'
        yield f'<text x="{_LEFT - 8}" y="{at + 4}" text-anchor="end">{bound_text(value)}</text>'
    middle = (_TOP + _BOTTOM) / 2
    yield (
        f'<text class="title" x="{(_LEFT + _RIGHT) / 2}" y="{_BOTTOM + 38}" text-anchor="middle">'
        f"{escape(scatter.x_label)}</text>"
        f'<text class="title" x="18" y="{middle}" text-anchor="middle" transform="rotate(-90 18 {middle})">'
        f"{escape(scatter.y_label)}</text>"
    )
    if scatter.size_label:
        yield f'<text x="{_RIGHT}" y="{_BOTTOM + 58}" text-anchor="end">{escape(scatter.size_label)}</text>'


def _front(scatter: Scatter, x: _Scale, y: _Scale) -> str:
    if len(scatter.front) < 2:
        return ""
    points = " ".join(f"{x.at(across)},{y.at(up)}" for across, up in scatter.front)
    return f'<polyline class="front" points="{points}"/>'


def _large_first(spots: Iterable[Spot]) -> list[Spot]:
    """Small ones are drawn last, so that none is hidden."""
    return sorted(spots, key=lambda spot: -spot.size)


def _radius(spot: Spot) -> float:
    """The area goes with the size."""
    return round(max(_LEAST, _RADIUS * math.sqrt(max(0.0, spot.size))), 1)


def _spot(spot: Spot, x: _Scale, y: _Scale) -> str:
    across, up = x.at(spot.x), y.at(spot.y)
    drawn = [f'<circle class="spot" cx="{across}" cy="{up}" r="{_radius(spot)}"/>']
    if spot.low is not None and spot.high is not None:
        low, high = y.at(spot.low), y.at(spot.high)
        drawn.append(f'<line class="span" x1="{across}" y1="{low}" x2="{across}" y2="{high}"/>')
        drawn += [
            f'<line class="cap" x1="{across - 5}" y1="{end}" x2="{across + 5}" y2="{end}"/>'
            for end in (low, high)
        ]
    return f'<g class="{spot.verdict or "plain"}">{"".join(drawn)}</g>'


def _names(spots: Sequence[Spot], x: _Scale, y: _Scale) -> Iterator[str]:
    """Each name beside its spot, where it covers least of spots, intervals and the names before it."""
    taken = [box for spot in spots for box in _boxes(spot, x, y)]
    for spot in spots:
        place = min(
            _places(spot, x, y), key=lambda box: sum(box.shared(other) for other in taken) + _outside(box)
        )
        taken.append(place)
        left, line = round(place.left, 1), round(place.bottom - 4, 1)
        yield f'<text class="name" x="{left}" y="{line}">{escape(spot.name)}</text>'
        across, up = x.at(spot.x), y.at(spot.y)
        if abs(place.top + _LINE / 2 - up) > _RADIUS + _LINE:
            near = min(max(across, place.left), place.right)
            end = place.bottom if place.bottom < up else place.top
            yield f'<line class="leader" x1="{across}" y1="{up}" x2="{round(near, 1)}" y2="{round(end, 1)}"/>'


def _places(spot: Spot, x: _Scale, y: _Scale) -> Iterator[_Box]:
    across, up, away = x.at(spot.x), y.at(spot.y), _radius(spot) + 5
    wide = _LETTER * len(spot.name)
    for down in (0.0, -_LINE, _LINE, -2 * _LINE, 2 * _LINE, -3 * _LINE, 3 * _LINE):
        top = up - _LINE / 2 + down
        yield _Box(across + away, top, across + away + wide, top + _LINE)
        yield _Box(across - away - wide, top, across - away, top + _LINE)
    for top in (up - away - _LINE, up + away):
        yield _Box(across - wide / 2, top, across + wide / 2, top + _LINE)


def _boxes(spot: Spot, x: _Scale, y: _Scale) -> Iterator[_Box]:
    across, up, radius = x.at(spot.x), y.at(spot.y), _radius(spot)
    yield _Box(across - radius, up - radius, across + radius, up + radius)
    if spot.low is not None and spot.high is not None:
        yield _Box(across - 6, y.at(spot.high), across + 6, y.at(spot.low))


def _outside(box: _Box) -> float:
    """How much of a box lies outside the picture, which is worse than to cover something."""
    inside = _Box(_LEFT, _TOP, _RIGHT + 14, _BOTTOM)
    return 10 * ((box.right - box.left) * (box.bottom - box.top) - box.shared(inside))
