"""What every command shares: the project, how results are shown, and how they reach a GitHub job."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from evaluation.errors import ExitCode
from evaluation.types import Verdict

if TYPE_CHECKING:
    from rich.console import Console

    from mlops.project import Project
    from mlops.release.journal import Step

PROJECT_OPTION = Annotated[
    Path | None,
    typer.Option(
        "--project", "-p", metavar="DIR", help="Folder with weighbridge.yaml; the current one by default."
    ),
]
RELEASE_OPTION = Annotated[
    str | None, typer.Option("--release", metavar="ID", help="A release; the newest one by default.")
]
EXIT_CODES = {
    Verdict.PASS: ExitCode.PASS,
    Verdict.FAIL: ExitCode.FAIL,
    Verdict.INCONCLUSIVE: ExitCode.INCONCLUSIVE,
}


@dataclass(frozen=True)
class Settings:
    """The options before the command."""

    folder: Path | None


def open_project(context: typer.Context) -> "Project":
    """Open the project that the command line names."""
    from mlops.project import Project

    return Project.open(cast("Settings", context.obj).folder or Path.cwd())


def console() -> "Console":
    """The console for standard output; wide and plain when it is not a terminal."""
    from rich.console import Console

    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)


def to_github(results: Mapping[str, Any]) -> None:
    """Append results to the file that GITHUB_OUTPUT names, so that workflows need no parsing."""
    if path := os.environ.get("GITHUB_OUTPUT"):
        lines = [f"{key}={str(value).replace(chr(10), ' ')}\n" for key, value in results.items()]
        with Path(path).open("a", encoding="utf-8") as file:
            file.writelines(lines)


class Bar:
    """One bar on a terminal, nothing elsewhere; inside `with` it is the function that moves it from 0 to 1."""

    def __init__(self, name: str, *, hidden: bool = False) -> None:
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

        self._progress = Progress(
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            transient=True,
            disable=hidden or not sys.stdout.isatty(),
        )
        self._task = self._progress.add_task(name, total=1.0)

    def __enter__(self) -> Callable[[float], None]:
        self._progress.start()
        return lambda share: self._progress.update(self._task, completed=share)

    def __exit__(self, *_: object) -> None:
        self._progress.stop()


class Steps:
    """Shows a release's steps: a live bar on a terminal, a line a step elsewhere."""

    def __init__(self) -> None:
        from rich.progress import BarColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

        self._console = console()
        self._progress = Progress(
            SpinnerColumn(),
            TextColumn("{task.description:<9}"),
            BarColumn(bar_width=24),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not sys.stdout.isatty(),
        )

    def __enter__(self) -> "Steps":
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._progress.stop()

    def title(self, text: str) -> None:
        """Say what is at work."""
        self._progress.console.print(text)

    def begin(self, step: "Step") -> Callable[[float], None]:
        """Show a bar for the step."""
        task = self._progress.add_task(step.value, total=1.0)
        return lambda share: self._progress.update(task, completed=share)

    def end(self, step: "Step", summary: str, verdict: Verdict | None) -> None:
        """Replace the bar by one line."""
        for task in self._progress.task_ids:
            self._progress.remove_task(task)
        self._line(step.value, summary, verdict)

    def earlier(self, step: "Step") -> None:
        """Say that the step was done before."""
        self._line(step.value, "done earlier", None)

    def _line(self, name: str, summary: str, verdict: Verdict | None) -> None:
        from rich.text import Text

        mark, style = {
            None: ("·", "dim"),
            Verdict.PASS: ("✓", "green"),
            Verdict.FAIL: ("✗", "bold red"),
            Verdict.INCONCLUSIVE: ("?", "yellow"),
        }[verdict]
        self._progress.console.print(Text.assemble((f"  {mark} {name:<9} ", style), summary))
