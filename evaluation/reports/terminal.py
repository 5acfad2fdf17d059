"""The same on a terminal, by rich."""

from rich.box import HEAVY_EDGE, SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
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
    Listing,
    Paragraph,
    Picture,
    Scatter,
    Stack,
    Table,
    Tiles,
)
from evaluation.reports.picture import WIDTH, letters
from evaluation.types import Verdict

# Columns of a terminal from which a check's picture finds room beside its name and numbers.
_ROOMY = 100
_STYLES = {Verdict.PASS: "green", Verdict.FAIL: "red", Verdict.INCONCLUSIVE: "yellow"}
_MARKS = {Verdict.PASS: "✔", Verdict.FAIL: "✘", Verdict.INCONCLUSIVE: "?"}


def to_terminal(document: Document) -> RenderableType:
    """A renderable for `rich.console.Console.print`; texts are taken as they are, not as rich's markup.

    Folded facts and scatter pictures are left out: the page and the record have them.
    """
    blocks = [_block(block) for block in document.blocks if not isinstance(block, Folded | Scatter)]
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
            return _Grid(block, headed=True)
        case Facts():
            return _Grid(Table(("", ""), block.facts), headed=False)
        case Listing():
            return Padding(Text(block.text.rstrip(), style="cyan"), (0, 0, 0, 2))
        case Folded() | Scatter():
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


class _Grid:
    """A table that leaves its pictures out where the terminal is too narrow for them."""

    def __init__(self, table: Table, *, headed: bool) -> None:
        self._table = table
        self._headed = headed

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        table, drawn = self._table, self._drawn()
        kept = [
            index for index in range(len(table.columns)) if options.max_width >= _ROOMY or index not in drawn
        ]
        grid = RichTable(
            box=SIMPLE_HEAD if self._headed else None, show_header=self._headed, header_style="dim"
        )
        for index in kept:
            badges = any(isinstance(row[index], Badge) for row in table.rows)
            grid.add_column(
                table.columns[index],
                justify="right" if index in table.numbers else "left",
                no_wrap=index in table.numbers or badges,
                overflow="fold",
                min_width=WIDTH if index in drawn else None,
                max_width=WIDTH + 5 if index in drawn else None,
            )
        for row in table.rows:
            grid.add_row(*(_cell(row[index]) for index in kept))
        yield grid

    def _drawn(self) -> set[int]:
        """Columns that hold pictures."""
        return {
            index for row in self._table.rows for index, cell in enumerate(row) if isinstance(cell, Picture)
        }


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
