"""A document without a format: what a report says, from which each renderer makes its own page."""

from dataclasses import dataclass

from evaluation.types import Verdict


@dataclass(frozen=True)
class Badge:
    """A verdict, to be seen at a glance."""

    verdict: Verdict


@dataclass(frozen=True)
class Code:
    """Text to be copied letter by letter: an id, a digest, a path."""

    text: str


@dataclass(frozen=True)
class Stack:
    """A line, and a smaller one below it."""

    title: str
    note: str


@dataclass(frozen=True)
class Picture:
    """An interval against its bound, in the estimate's own unit.

    `keeps_above` says on which side of the bound the allowed values lie; `start` and `end` are the ends of
    the axis, so that checks of one metric can share them; `text` says the same in words.
    """

    low: float
    value: float
    high: float
    bound: float
    keeps_above: bool
    verdict: Verdict
    start: float
    end: float
    text: str


Cell = str | Badge | Code | Stack | Picture


@dataclass(frozen=True)
class Heading:
    """The start of a part."""

    text: str


@dataclass(frozen=True)
class Paragraph:
    """Plain sentences."""

    text: str


@dataclass(frozen=True)
class Banner:
    """The result, first and largest."""

    verdict: Verdict
    title: str
    text: str


@dataclass(frozen=True)
class Tile:
    """A number with its label; `verdict` colours it."""

    label: str
    value: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Tiles:
    """Numbers side by side."""

    tiles: tuple[Tile, ...]


@dataclass(frozen=True)
class Item:
    """One point of a list, with its verdict where it has one."""

    title: str
    text: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Items:
    """Points below each other."""

    items: tuple[Item, ...]


@dataclass(frozen=True)
class Facts:
    """Labels with values."""

    facts: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class Table:
    """Rows of cells, as many as there are columns; `numbers` are the columns to align right."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    numbers: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Folded:
    """Facts that few readers need, closed where the format can."""

    title: str
    facts: Facts


@dataclass(frozen=True)
class Listing:
    """Lines to be copied as they stand, such as YAML; `language` is their name for a highlighter."""

    text: str
    language: str


@dataclass(frozen=True)
class Spot:
    """One thing in a scatter picture; low and high are the limits of y, `size` is a share of the largest spot."""

    name: str
    x: float
    y: float
    low: float | None
    high: float | None
    size: float
    verdict: Verdict | None


@dataclass(frozen=True)
class Scatter:
    """Things by two numbers, and a third as size.

    front: (x, y) of the spots that no other one beats in both, by rising x. log: whether x is on a scale of
    logarithms. text: the picture in words.
    """

    spots: tuple[Spot, ...]
    x_label: str
    y_label: str
    size_label: str
    front: tuple[tuple[float, float], ...]
    log: bool
    text: str


Block = Heading | Paragraph | Banner | Tiles | Items | Facts | Table | Folded | Listing | Scatter


@dataclass(frozen=True)
class Document:
    """A title and its blocks, in order."""

    title: str
    blocks: tuple[Block, ...]
