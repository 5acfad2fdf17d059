"""The figures as tables: of text, which a terminal and a page then draw each in its way."""

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from benchmarks.serving.contestants import BARE, OURS, UNLOGGED
from benchmarks.serving.goals import goals
from benchmarks.serving.results import Results, Row
from benchmarks.serving.soak import WARM_UP_S, slope, warm_from


@dataclass(frozen=True)
class Grid:
    """A table; all columns but the first `words` hold numbers."""

    title: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    words: int = 1


def grids(found: Results) -> list[Grid]:
    """All tables that have lines."""
    made = [_closed(found), _open(found), _log(found), _ready(found), _soak(found), _goals(found)]
    return [grid for grid in made if grid.lines]


def _closed(found: Results) -> Grid:
    lines = []
    for row in sorted(found.rows, key=lambda row: row.problem is not None):
        if row.share_of is not None:
            continue
        if row.problem is not None:
            lines.append(("", row.name, row.problem, "", "", "", ""))
            continue
        bare = found.row(BARE, clients=row.clients or 0)
        ratio = "" if bare is None else _ratio(row, bare)
        lines.append((str(row.clients), row.name, *_figures(row), ratio, _failed(row)))
    head = ("clients", "server", "requests/s", "p50 ms", "p99 ms", "times bare route", "failed")
    return Grid("Asked again as soon as it has answered", head, tuple(lines), words=2)


def _ratio(row: Row, bare: Row) -> str:
    middle, least, most = row.times(bare)
    spread = f" ({least:.2f} to {most:.2f})" if len(row.rounds) > 1 and row.name != BARE else ""
    return f"{middle:.2f}{spread}"


def _open(found: Results) -> Grid:
    lines = [
        (
            row.name,
            f"half of {row.share_of}",
            f"{row.rate:.0f}",
            *_figures(row)[1:],
            _failed(row),
            f"{row.late:,}",
        )
        for row in found.rows
        if row.share_of is not None
    ]
    head = ("server", "load", "requests/s", "p50 ms", "p99 ms", "failed", "late")
    return Grid("Asked at a fixed rate, half of what saturates", head, tuple(lines), words=2)


def _figures(row: Row) -> tuple[str, str, str]:
    return f"{row.per_second:,.0f}", f"{row.p50_ms:.2f}", f"{row.p99_ms:.2f}"


def _failed(row: Row) -> str:
    return f"{row.failed:,}"


def _log(found: Results) -> Grid:
    lines = []
    for clients in dict.fromkeys(row.clients for row in found.log):
        cost = found.log_costs(clients or 0)
        kept, without = (
            next(row for row in found.log if (row.name, row.clients) == (name, clients))
            for name in (OURS, UNLOGGED)
        )
        told = ("", "") if cost is None else (f"{cost.value:.1%}", f"{cost.low:.1%} to {cost.high:.1%}")
        rates = (f"{row.per_second:,.0f}" for row in (kept, without))
        lines.append((str(clients), str(len(kept.rounds)), *rates, *told))
    head = ("clients", "pairs of rounds", "requests/s with", "without", "cost", "95 % interval")
    return Grid("What the request log costs", head, tuple(lines), words=0)


def _ready(found: Results) -> Grid:
    lines = tuple(
        (name, f"{median(took):.1f}", ", ".join(f"{each:.1f}" for each in took))
        for name, took in found.ready_s.items()
    )
    return Grid("From start to first answer", ("server", "median s", "each"), lines)


def _soak(found: Results) -> Grid:
    one = found.soak
    if one is None:
        return Grid("", (), ())
    line = slope(one)
    grows = "too short to tell" if line is None else f"{line.value:.1f} ± {line.se:.1f} (standard error)"
    warm = one.mib[warm_from(one) :]
    values = (
        f"{one.minutes:g}",
        f"{one.rate:.0f}",
        f"{one.answered:,}",
        f"{one.failed:,}",
        f"{one.late:,}",
        f"{warm[0]:.0f}" if warm else "",
        f"{one.mib[-1]:.0f}" if one.mib else "",
        grows,
    )
    head = (
        "minutes",
        "requests/s",
        "answered",
        "failed",
        "late",
        f"MiB after {WARM_UP_S / 60:g} minutes",
        "MiB at the end",
        "MiB an hour from then on",
    )
    return Grid("Memory under a steady load", head, (values,), words=0)


def _goals(found: Results) -> Grid:
    lines = tuple((goal.text, goal.measured, goal.shown) for goal in goals(found))
    return Grid("Goals", ("goal", "measured", "met"), lines)


def show(found: Results) -> None:
    """Print all tables."""
    from rich.console import Console
    from rich.table import Table

    console = Console(width=None if Console().is_terminal else 160)
    for grid in grids(found):
        table = Table(title=grid.title, title_justify="left", header_style="bold")
        for number, name in enumerate(grid.head):
            table.add_column(name, justify="left" if number < grid.words else "right")
        for line in grid.lines:
            table.add_row(*line)
        console.print(table)


def as_markdown(grid: Grid) -> str:
    """The table for a page.

    >>> print(as_markdown(Grid("", ("server", "s"), (("one", "2"),))))
    | server | s |
    |---|---:|
    | one | 2 |
    """
    rule = ["---" if number < grid.words else "---:" for number in range(len(grid.head))]
    return "\n".join([_line(grid.head), f"|{'|'.join(rule)}|", *(_line(line) for line in grid.lines)])


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
