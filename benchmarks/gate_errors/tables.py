"""The figures for a terminal: one table a design, one line a figure."""

from collections.abc import Sequence

from rich.console import Console
from rich.table import Table

from benchmarks.gate_errors.rates import Row


def show(rows: Sequence[Row], title: str, console: Console) -> None:
    """Print a design's rows; what does not hold is marked."""
    table = Table(title=title, title_justify="left", header_style="bold")
    for name in ("rule", "cell", "event"):
        table.add_column(name)
    for name in ("rate", "se", "upper 95 %", "R", "CPU s"):
        table.add_column(name, justify="right")
    table.add_column("holds")
    for row in rows:
        table.add_row(
            row.rule,
            row.cell,
            row.event,
            figure(row, row.value),
            figure(row, row.se),
            "" if row.upper is None else figure(row, row.upper),
            f"{row.runs:,}",
            f"{row.cpu_s:.1f}",
            held(row),
            style="red" if row.holds is False else None,
        )
    console.print(table)


def figure(row: Row, value: float) -> str:
    """A share in per cent, any other number as it is.

    >>> figure(Row("G1", "", "", "", 0.0512, 0.0, 100, 0.0, count=5), 0.0512)
    '5.12 %'
    """
    if row.count is None and row.value >= 10:
        return f"{value:,.0f}"
    return f"{100 * value:.2f} %"


def claim(row: Row) -> str:
    """What is claimed, empty for nothing."""
    if row.most is None:
        return ""
    most = f"at most {row.most:,.0f}" if row.most >= 10 else f"at most {100 * row.most:.3g} %"
    return most if row.least is None else f"{100 * row.least:.3g} to {100 * row.most:.3g} %"


def held(row: Row) -> str:
    """Whether the claim holds, with the claim."""
    return "" if row.holds is None else f"{'yes' if row.holds else 'NO'} ({claim(row)})"
