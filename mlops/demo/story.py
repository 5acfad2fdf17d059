"""The demonstration, told in order; each scene does what a user's command would do."""

import json
import queue
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import EnvironmentProblem
from evaluation.types import Verdict
from mlops.demo import projects, traffic
from mlops.demo.receiver import Receiver, receive
from mlops.demo.stage import environment, expect, release, scene, short, stop
from mlops.project import Project

if TYPE_CHECKING:
    from rich.console import Console

    from monitoring.record import WatchPass

_ALERT_WITHIN_S = 10.0


def tell(folder: Path, screen: "Console") -> int:
    """Run the whole demonstration in a folder; returns the exit code.

    Raises EnvironmentProblem when the story does not go as it must.
    """
    started = time.perf_counter()
    with ExitStack() as cleanup:
        receiver = cleanup.enter_context(receive())
        cleanup.enter_context(environment(folder, receiver))
        lending, flights = projects.prepare(folder, ("lending", "flights"))
        for project in (lending, flights):
            cleanup.callback(stop, project)
        scene(screen, "1", "A credit model is weighed, registered and served")
        goodrelease(lending, screen)
        scene(
            screen, "2", "A second run trains on labels taken too early, overlooks the young, and is stopped"
        )
        biasedrelease(lending, screen)
        scene(screen, "3", "A flight-delay model is served month by month, until its monitor speaks")
        month = watched_flights(flights, screen, receiver)
    where_to_look(lending, flights, screen)
    screen.print(
        f"\n[green]✓[/green] drift was told in month {month}; {time.perf_counter() - started:.0f} s in all"
    )
    return 0


def goodrelease(project: Project, screen: "Console") -> None:
    """Release version 1 and ask it one question."""
    verdict = release(project, screen)
    expect(verdict is Verdict.PASS, f"the first release was decided '{verdict}'")
    answer = traffic.ask_first_row(project)
    said = answer["predictions"][0]
    screen.print(
        f"  POST {traffic.url(project)}/v1/predict -> {json.dumps(said)}, version {answer['version']}"
    )


def biasedrelease(project: Project, screen: "Console") -> None:
    """Commit the harmful change, release, and show that the old champion still answers."""
    projects.make_lending_biased(project.folder)
    verdict = release(Project.open(project.folder), screen)
    expect(verdict is Verdict.FAIL, f"the biased release was decided '{verdict}'")
    answer = traffic.ask_first_row(project)
    expect(answer["version"] == "1", f"version {answer['version']} answers")
    screen.print(f"  version {answer['version']} goes on answering at {traffic.url(project)}")


def watched_flights(project: Project, screen: "Console", receiver: Receiver) -> int:
    """Release the flight model, then serve the year's months until an alert about drift arrives; returns the month."""
    from mlops.watching import open_watch

    verdict = release(project, screen)
    expect(verdict is Verdict.PASS, f"the flight model was decided '{verdict}'")
    look = open_watch(project)
    for month, rows in traffic.months(project):
        served = traffic.serve_rows(project, rows)
        seen = look()
        drifted = [item for item in seen.findings if item.check == "drift" and item.verdict is Verdict.FAIL]
        names = ", ".join(item.subject.removeprefix("input.") for item in drifted) or "none"
        screen.print(f"  month {month}: {served:,} predictions and labels; {_quality(seen)}; drift: {names}")
        if drifted:
            _show_alert(receiver, screen)
            return month
    raise EnvironmentProblem(
        "the year ended without a drift alert", expected="drift, as flights change over a year"
    )


def where_to_look(lending: Project, flights: Project, screen: "Console") -> None:
    """Print the commands and files that show the evidence."""
    from mlops.release.run import decided

    stopped = decided(lending)
    reports = sorted((flights.home / "monitoring").glob("*/report.html"))
    scene(screen, "→", "Where to look")
    for what, where in (
        ("decision record", stopped.folder / "decision.json"),
        ("gate report", stopped.folder / "report.html"),
        ("in plain words", f"weighbridge -p {short(lending.folder)} explain"),
        ("take it again", f"weighbridge -p {short(lending.folder)} replay --all"),
        ("MLflow", f"weighbridge -p {short(lending.folder)} mlflow-ui"),
        ("drift report", reports[-1]),
        ("Evidently", f"weighbridge -p {short(flights.folder)} drift-ui"),
        ("serve again", f"weighbridge -p {short(lending.folder)} deploy"),
    ):
        screen.print(f"  {what:<16} {short(where) if isinstance(where, Path) else where}", soft_wrap=True)


def _quality(seen: "WatchPass") -> str:
    """The metrics on labelled records, with their limits."""
    found = [
        f"{item.subject} {item.estimate.value:.3f} ({item.estimate.low:.3f} to {item.estimate.high:.3f})"
        for item in seen.findings
        if item.check == "performance" and item.estimate.usable
    ]
    return ", ".join(found) or "no metric on labels yet"


def _show_alert(receiver: Receiver, screen: "Console") -> None:
    try:
        alert = receiver.arrived.get(timeout=_ALERT_WITHIN_S)
    except queue.Empty:
        raise EnvironmentProblem(
            "drift was found, but no alert arrived", expected="a message at the receiver on loopback"
        ) from None
    screen.print(f"  [bold red]alert[/bold red] {alert['title']}")
    for line in str(alert["message"]).splitlines()[:6]:
        screen.print(f"        {line}", markup=False)
