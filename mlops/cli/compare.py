"""Choosing between candidates before one of them is released."""

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from evaluation.errors import ExitCode
from mlops.cli.context import console, open_project, to_github

if TYPE_CHECKING:
    from rich.console import Console

    from mlops.compare.record import Written


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(compare)


def compare(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> int:
    """Make and ask the policy's candidates, and tell which may be the best. Exit code 2 where none was compared."""
    from evaluation.choice.best import Place
    from mlops.compare.record import FILE_NAME
    from mlops.compare.run import compare as compare_candidates

    project = open_project(context)
    project.prepare_home()
    with _Candidates(hidden=as_json) as shown:
        found = compare_candidates(project, shown)
    if as_json:
        typer.echo(json.dumps(found.content, allow_nan=False))
    else:
        show(found, console())
    to_github({"best": found.content["best"] or "", "comparison": found.folder / FILE_NAME})
    compared = [one for one in found.content["candidates"] if one["place"] != Place.NOT_COMPARED]
    return ExitCode.PASS if len(compared) > 1 else ExitCode.INCONCLUSIVE


def show(found: "Written", screen: "Console") -> None:
    """Show a comparison in a table, what to put into weighbridge.yaml, and where the page is."""
    from evaluation.reports.comparison import comparison_brief
    from evaluation.reports.terminal import to_terminal
    from mlops.compare.record import FILE_NAME, PAGE

    screen.print(to_terminal(comparison_brief(found.content)))
    screen.print(f"record  {found.folder / FILE_NAME}\nreport  {found.folder / PAGE}", soft_wrap=True)


class _Candidates:
    """Shows who is asked: a spinner on a terminal, and a line for everyone who has answered."""

    def __init__(self, *, hidden: bool) -> None:
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._hidden = hidden
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=console(),
            transient=True,
            disable=hidden or not sys.stdout.isatty(),
        )

    def __enter__(self) -> "_Candidates":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def begin(self, name: str) -> None:
        """Show that a candidate is at work."""
        self._progress.add_task(name, total=None)

    def end(self, name: str, problem: str | None) -> None:
        """Replace that by one line."""
        from rich.text import Text

        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        if not self._hidden:
            mark, style, said = ("·", "dim", "answered") if problem is None else ("?", "yellow", problem)
            self._progress.console.print(Text.assemble((f"  {mark} {name}  ", style), said))
