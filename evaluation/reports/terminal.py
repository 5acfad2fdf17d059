"""The same on a terminal, by rich."""

from rich.box import HEAVY_EDGE, SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.panel import Panel
from rich.table import Table as RichTable
from rich.text import Text

from evaluation.reports.blocks import (
    Badge,
    Banner,
    Block,
    Cell,
    Code,
    Document,
    Facts,
    Folded,
    Heading,
    Items,
    Paragraph,
    Picture,
    Stack,
    Table,
    Tiles,
)
from evaluation.reports.picture import WIDTH, letters
from evaluation.types import Verdict

_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}
_MARKS = {Verdict.PASS: "✔", Verdict.FAIL: "✘", Verdict.INCONCLUSIVE: "?"}


def to_terminal(document: Document) -> RenderableType:
    """A renderable for `rich.console.Console.print`; texts are taken as they are, not as rich's markup.

    Folded facts are left out: the page and the record have them.
    """
    blocks = [_block(block) for block in document.blocks if not isinstance(block, Folded)]
    return Group(Text(document.title, style="dim"), *blocks)


def _block(block: Block) -> RenderableType:  # noqa: PLR0911 - one for each kind of block
    match block:
        case Heading():
            return Text(f"\n{block.text}", style="bold")
        case Paragraph():
            return Padding(Text(block.text), (0, 0, 0, 2))
        case Banner():
            return _banner(block)
        case Tiles():
            return _tiles(block)
        case Items():
            return _items(block)
        case Table():
            return _table(block)
        case Facts():
            return _table(Table(("", ""), block.facts), headed=False)
        case Folded():
            return Text("")


def _banner(banner: Banner) -> RenderableType:
    style = _STYLES[banner.verdict]
    text = Text.assemble(
        (f"{banner.verdict.upper()}  ", f"bold {style}"), (banner.title, "bold"), "\n", banner.text
    )
    return Panel(text, box=HEAVY_EDGE, border_style=style, padding=(0, 1))


def _tiles(tiles: Tiles) -> RenderableType:
    text = Text("  ")
    for index, tile in enumerate(tiles.tiles):
        style = f"bold {_STYLES[tile.verdict]}" if tile.verdict else "bold"
        text.append("   " if index else "").append(tile.value, style=style).append(
            f" {tile.label}", style="dim"
        )
    return text


def _items(items: Items) -> RenderableType:
    grid = RichTable.grid(padding=(0, 1, 0, 0))
    for item in items.items:
        mark = Text(_MARKS[item.verdict], style=_STYLES[item.verdict]) if item.verdict else Text("-")
        grid.add_row(mark, Text.assemble((item.title, "bold"), "\n", item.text))
    return Padding(grid, (0, 0, 0, 2))


def _table(table: Table, *, headed: bool = True) -> RenderableType:
    grid = RichTable(box=SIMPLE_HEAD if headed else None, show_header=headed, header_style="dim")
    for index, name in enumerate(table.columns):
        cells = [row[index] for row in table.rows]
        drawn = any(isinstance(cell, Picture) for cell in cells)
        grid.add_column(
            name,
            justify="right" if index in table.numbers else "left",
            no_wrap=index in table.numbers or any(isinstance(cell, Badge) for cell in cells),
            overflow="fold",
            min_width=WIDTH if drawn else None,
            max_width=WIDTH + 5 if drawn else None,
        )
    for row in table.rows:
        grid.add_row(*(_cell(cell) for cell in row))
    return grid


def _cell(cell: Cell) -> RenderableType:
    match cell:
        case Badge():
            return Text(f"{_MARKS[cell.verdict]} {cell.verdict}", style=_STYLES[cell.verdict])
        case Code():
            return Text(cell.text, style="cyan")
        case Stack():
            return Text.assemble((cell.title, "bold"), "\n", (cell.note, "dim"))
        case Picture():
            return Text(letters(cell), style=_STYLES[cell.verdict])
        case str():
            return Text(cell)
