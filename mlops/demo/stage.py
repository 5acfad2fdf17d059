"""What every demonstration stands on: its environment, a release as a user makes it, and what is said."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import EnvironmentProblem
from evaluation.types import Verdict
from mlops.demo.receiver import Receiver
from mlops.project import Project

if TYPE_CHECKING:
    from rich.console import Console


def release(project: Project, screen: "Console") -> Verdict:
    """Make a release, showing its steps, and say how it was decided."""
    from mlops.cli.context import Steps
    from mlops.cli.release import conclude
    from mlops.lock import one_release
    from mlops.release.run import begin, run_all

    with one_release(project.home), Steps() as steps:
        current = begin(project)
        steps.title(f"release {current.id} of {project.policy.model}")
        verdict = run_all(current, steps)
    conclude(current, screen)
    return verdict


@contextmanager
def environment(folder: Path, receiver: Receiver) -> Iterator[None]:
    """The demo has its own store and its own receiver, whatever the shell has set; both end with it."""
    changed: dict[str, str | None] = {
        "ALERT_URL": receiver.address,
        "MLFLOW_TRACKING_URI": None,
        "WEIGHBRIDGE_HOME": None,
        "GITHUB_OUTPUT": None,
    }
    before = {name: os.environ.get(name) for name in changed}
    folder.mkdir(parents=True, exist_ok=True)
    _set(changed)
    try:
        yield
    finally:
        _set(before)


def _set(values: dict[str, str | None]) -> None:
    for name, value in values.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def stop(project: Project) -> None:
    """Stop what serves the project."""
    project.rollout().stop()


def scene(screen: "Console", number: str, title: str) -> None:
    """Say what comes next."""
    screen.print(f"\n[bold]{number}  {title}[/bold]")


def expect(held: bool, found: str) -> None:
    """Raise EnvironmentProblem where the story goes another way."""
    if not held:
        raise EnvironmentProblem(
            f"the demonstration went another way: {found}",
            expected="the story that the README tells",
            next_step="weighbridge demo --dir another-folder, and report it with the decision record",
        )


def short(path: Path) -> str:
    """Relative to where the user is, when it lies below."""
    try:
        return str(path.relative_to(Path.cwd()))
    except ValueError:
        return str(path)
