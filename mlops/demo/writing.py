"""The demonstration of models that write, told in order: choose, weigh, serve, stop a worse one, see drift."""

import json
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.types import Verdict
from mlops.data.table import read_table
from mlops.demo import projects, traffic
from mlops.demo.receiver import receive
from mlops.demo.stage import environment, expect, release, scene, short, stop
from mlops.project import Project

if TYPE_CHECKING:
    from rich.console import Console


def tell_writing(folder: Path, screen: "Console") -> int:
    """Run the demonstration in a folder; returns the exit code.

    Raises EnvironmentProblem when the story does not go as it must.
    """
    started = time.perf_counter()
    with ExitStack() as cleanup:
        receiver = cleanup.enter_context(receive())
        cleanup.enter_context(environment(folder, receiver))
        [shop] = projects.prepare(folder, ("shop-copy",))
        cleanup.callback(stop, shop)
        scene(
            screen,
            "1",
            "Two prompts and two ways to draw words are compared on examples that the gate does not see",
        )
        compare(shop, screen)
        scene(screen, "2", "A prompt that gives the facts is weighed, registered and served")
        good_prompt(shop, screen)
        scene(screen, "3", "Somebody simplifies the prompt, and the gate stops it")
        careless_prompt(shop, screen)
        scene(screen, "4", "The titles of a later season come in, and the monitor sees that they say less")
        later_titles(shop, screen)
    screen.print(f"\n[green]✓[/green] {time.perf_counter() - started:.0f} s in all")
    return 0


def compare(project: Project, screen: "Console") -> None:
    """Ask every candidate of the policy, and show which may be best."""
    from evaluation.reports.comparison import comparison_brief
    from evaluation.reports.terminal import to_terminal
    from mlops.compare.record import PAGE
    from mlops.compare.run import compare as compare_candidates

    found = compare_candidates(project)
    screen.print(to_terminal(comparison_brief(found.content)))
    screen.print(f"  picture          {short(found.folder / PAGE)}", soft_wrap=True)


def good_prompt(project: Project, screen: "Console") -> None:
    """Release version 1 and ask it for one text."""
    verdict = release(project, screen)
    expect(verdict is Verdict.PASS, f"the first release was decided '{verdict}'")
    answer = traffic.ask_for_text(project)
    said = answer["generations"][0]
    screen.print(
        f"  POST {traffic.url(project)}/v1/generate -> {json.dumps(said['text'])}, prompt {answer['prompt']}"
    )


def careless_prompt(project: Project, screen: "Console") -> None:
    """Commit a prompt that leaves everything to the model, release, and show what it wrote."""
    projects.make_prompt_careless(project.folder)
    changed = Project.open(project.folder)
    verdict = release(changed, screen)
    expect(verdict is Verdict.FAIL, f"the careless prompt was decided '{verdict}'")
    for item in worst_answers(changed)[:2]:
        screen.print(f"  worst by {item['metric']}:", markup=False)
        for worst in item["answers"][:2]:
            screen.print(f"    {worst['score']:.2f}  asked   {worst['prompt']}", markup=False)
            screen.print(f"          answer  {worst['answer']}", markup=False)
    answer = traffic.ask_for_text(changed)
    expect(answer["version"] == "1", f"version {answer['version']} answers")
    screen.print(f"  version {answer['version']} goes on answering at {traffic.url(changed)}")


def worst_answers(project: Project) -> list[dict[str, Any]]:
    """What the newest decision shows of each text metric whose check failed."""
    from mlops.decision.record import FILE_NAME, DecisionRecord
    from mlops.release.run import decided

    record = DecisionRecord.read(decided(project).folder / FILE_NAME).content
    failed = {check["metric"] for check in record["checks"] if check["verdict"] == Verdict.FAIL}
    return [item for item in record["advice"].get("worst_answers") or () if item["metric"] in failed]


def later_titles(project: Project, screen: "Console") -> None:
    """Ask for texts about later titles, and let the monitor look."""
    from mlops.watching import open_watch

    rows = read_table(project.folder / "data" / "later.csv")
    served = traffic.ask_for_texts(project, rows)
    seen = open_watch(project)()
    moved = [item for item in seen.findings if item.check == "drift" and item.verdict is Verdict.FAIL]
    screen.print(f"  {served} texts about titles that were first sold from September 2011 on")
    for item in sorted(moved, key=lambda item: -(item.estimate.low or 0.0))[:3]:
        screen.print(f"  {item.message}", markup=False)
    expect(bool(moved), "the monitor found no drift")
    reports = sorted((project.home / "monitoring").glob("*/report.html"))
    screen.print(f"  drift report     {short(reports[-1])}", soft_wrap=True)
