"""Before a run: what the policy can decide on this holdout."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.context import console, open_project

if TYPE_CHECKING:
    from rich.table import Table

    from evaluation.forecast.plan import CheckForecast, GateForecast

_PATIENCE_S = 2.0
_UNTOLD = "-"
_ASSUMED = "no earlier release; what is assumed stands beside each check"
_LEGEND = (
    "needed: units for 80 % power, were the truth what the pilot shows (against the champion: no difference).",
    "resolves: the least distance between truth and bound that the units at hand decide with 80 %.",
)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(plan)


def plan(
    context: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
    runs: Annotated[int, typer.Option(min=40, max=10_000, help="Simulated releases.")] = 200,
) -> int:
    """Tell what each check can decide on the rows at hand, and how likely an equally good model passes."""
    from evaluation.forecast.plan import forecast
    from evaluation.plan import columns_of
    from mlops.release.foreseen import without_value
    from mlops.release.ledger import coming
    from mlops.release.pilot import find_pilot

    project = open_project(context)
    policy = project.policy
    wanted = dict.fromkeys([policy.data.target, *columns_of(policy.gate)])
    holdout = project.dataset.holdout.columns(list(wanted))
    with _progress() as advance:
        found = forecast(
            task=policy.task,
            gate=policy.gate,
            frame=holdout,
            target=holdout[policy.data.target].to_numpy(),
            pilot=find_pilot(project),
            allowance=coming(project),
            runs=runs,
            progress=advance,
        )
    missing = without_value(project)
    told = [f"{name} would be inconclusive: {problem}." for name, problem in missing.items()]
    found = replace(found, notes=(*found.notes, *told))
    if as_json:
        typer.echo(json.dumps(asdict(found), allow_nan=False))
        return 0
    screen = console()
    screen.print("\n".join(_head(found, policy.model)), markup=False)
    screen.print(_table(found))
    screen.print("\n".join(_foot(found)), markup=False)
    return 0


@contextmanager
def _progress() -> Iterator[Callable[[float], None]]:
    """A bar on a terminal, for work that takes longer than two seconds."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    bar = Progress(
        TextColumn("simulating releases"),
        BarColumn(bar_width=24),
        TimeRemainingColumn(),
        console=Console(stderr=True),
        transient=True,
        disable=not sys.stderr.isatty(),
    )
    task, started = bar.add_task("", total=1.0), time.monotonic()

    def advance(share: float) -> None:
        if time.monotonic() - started > _PATIENCE_S:
            bar.start()
        bar.update(task, completed=share)

    try:
        yield advance
    finally:
        bar.stop()


def _head(found: "GateForecast", model: str) -> list[str]:
    from evaluation.reports.allowance import stated_error

    return [
        f"What the gate of {model} can decide on {_count(found.units, found.unit)}",
        f"pilot   {found.pilot or _ASSUMED}",
        f"error   {stated_error(found.allowance)}",
    ]


def _table(found: "GateForecast") -> "Table":
    from rich.table import Table
    from rich.text import Text

    from evaluation.gate.outlook import two_digits
    from evaluation.reports.numbers import number

    table = Table(
        "check", "bound", "at hand", "needed", "resolves", "passes", "from", box=None, pad_edge=False
    )
    for column in table.columns[2:6]:
        column.justify = "right"
    for check in found.checks:
        table.add_row(
            Text(check.id),
            _bound(check),
            _count(check.n, check.unit),
            _UNTOLD if check.needed is None else f"{two_digits(check.needed):,}",
            _UNTOLD if check.resolvable is None else number(check.resolvable),
            _UNTOLD if check.chance is None else f"{check.chance:.0%}",
            check.basis.value,
        )
    return table


def _foot(found: "GateForecast") -> list[str]:
    noted: dict[str, list[str]] = {}
    for check in found.checks:
        if check.note:
            noted.setdefault(check.note, []).append(check.id)
    lines = [f"{', '.join(names)}: {note}." for note, names in noted.items()]
    if found.chance is None:
        lines.append("The chance for the gate as a whole takes the answers of an earlier release.")
    else:
        doubt = (
            ""
            if found.error is None
            else f" (standard error {found.error:.1%}, {found.runs:,} simulated releases)"
        )
        lines.append(f"An equally good model passes the gate with a chance of {found.chance:.0%}{doubt}.")
    return [*lines, *dict.fromkeys(found.notes), *_LEGEND]


def _bound(check: "CheckForecast") -> str:
    from evaluation.reports.numbers import bound_text

    words = {"at_least": "at least", "at_most": "at most"}.get(check.comparison, "no worse by")
    return f"{words} {bound_text(check.bound)}"


def _count(n: int, unit: str) -> str:
    from evaluation.reports.numbers import count

    return count(n, unit)
