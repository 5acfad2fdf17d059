"""Where an interval lies on an axis, and the same drawn with letters."""

from collections.abc import Iterable

from evaluation.reports.blocks import Picture

_MARGIN = 0.12
WIDTH = 25


def axis(values: Iterable[float]) -> tuple[float, float]:
    """Ends of an axis that shows all values with some room on both sides.

    >>> axis([0.0, 1.0])
    (-0.12, 1.12)
    """
    found = list(values)
    low, high = min(found), max(found)
    room = (high - low) * _MARGIN or abs(high) * _MARGIN or 1.0
    return low - room, high + room


def place(picture: Picture, value: float) -> float:
    """A value's place on the axis, 0 at its start and 1 at its end."""
    share = (value - picture.start) / (picture.end - picture.start)
    return min(1.0, max(0.0, share))


def letters(picture: Picture) -> str:
    """The picture as one line: `├━●━┤` is the interval, `┆` the bound, dots are the allowed side.

    >>> from evaluation.types import Verdict
    >>> letters(Picture(low=5, value=6, high=7, bound=3, keeps_above=True, verdict=Verdict.PASS,
    ...                 start=0, end=8, text=""))
    '         ┆·····├━━●━━┤···'
    """
    at = {name: round(place(picture, value) * (WIDTH - 1)) for name, value in _marks(picture).items()}
    line = [
        "·" if (index > at["bound"]) == picture.keeps_above and index != at["bound"] else " "
        for index in range(WIDTH)
    ]
    for index in range(at["low"], at["high"] + 1):
        line[index] = "━"
    line[at["low"]], line[at["high"]] = "├", "┤"
    line[at["bound"]] = "┆"
    line[at["value"]] = "●"
    return "".join(line)


def _marks(picture: Picture) -> dict[str, float]:
    return {"low": picture.low, "value": picture.value, "high": picture.high, "bound": picture.bound}
