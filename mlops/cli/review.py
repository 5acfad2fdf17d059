"""Looking at decisions again: replay, backtest."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluation.errors import ExitCode
from mlops.cli.context import Bar, console, open_project

if TYPE_CHECKING:
    from rich.table import Table as RichTable

    from mlops.data.table import Table
    from mlops.decision.backtest import Verdicts
    from mlops.decision.replay import Replay
    from mlops.project import Project

_JSON = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_SHOWN = 10


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (replay, backtest):
        app.command()(command)


def replay(
    context: typer.Context,
    release: Annotated[
        str | None, typer.Argument(help="A release's id; the newest decided one by default.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Every decided release of this home.")] = False,
    as_json: _JSON = False,
) -> int:
    """Take a decision again from the stored predictions and seeds; exit code 1 where it comes out otherwise."""
    from mlops.decision.replay import replay as again
    from mlops.release.run import all_decided, decided

    project = open_project(context)
    chosen = all_decided(project) if every else [decided(project, release)]
    found = []
    with Bar("replay", hidden=as_json) as advance:
        for done, item in enumerate(chosen, start=1):
            found.append(again(item.folder))
            advance(done / len(chosen))
    if as_json:
        typer.echo(json.dumps([_replayed(item) for item in found], allow_nan=False))
    else:
        for result in found:
            _show(result)
    return int(ExitCode.FAIL if any(item.differences for item in found) else ExitCode.PASS)


def _show(found: "Replay") -> None:
    screen, record = console(), found.record
    if not found.differences:
        screen.print(f"✓ release {record.release_id}: {record.verdict}, bit-identical")
        return
    screen.print(f"✗ release {record.release_id}: {len(found.differences)} values differ")
    for item in found.differences[:_SHOWN]:
        screen.print(
            f"  {item.place}: recorded {item.recorded}, found {item.found}", soft_wrap=True, markup=False
        )
    if (more := len(found.differences) - _SHOWN) > 0:
        screen.print(f"  and {more} more: --json lists them")


def _replayed(found: "Replay") -> dict[str, Any]:
    differences = [
        {"place": item.place, "recorded": item.recorded, "found": item.found} for item in found.differences
    ]
    record = found.record
    return {
        "release": record.release_id,
        "verdict": record.verdict.value,
        "identical": not differences,
        "differences": differences,
    }


def backtest(
    context: typer.Context,
    policy: Annotated[
        Path, typer.Option("--policy", metavar="FILE", help="The policy to try, as a whole weighbridge.yaml.")
    ],
    as_json: _JSON = False,
) -> int:
    """Decide all past releases by another policy, and list what would have come out otherwise."""
    from evaluation.metrics.builtin import find_metric
    from evaluation.metrics.named import named_by
    from mlops.config import load_policy
    from mlops.decision.backtest import backtest as decide_all
    from mlops.release.judging import digests
    from mlops.release.run import all_decided

    project = open_project(context)
    gate = load_policy(policy.resolve()).gate
    for check in gate.checks:
        find_metric(check.metric, among=named_by(gate))
    folders = [item.folder for item in reversed(all_decided(project))]
    with Bar("backtest", hidden=as_json) as advance:
        found = decide_all(
            folders,
            gate,
            holdout=lambda sha256: _holdout(project, sha256),
            judges=digests(project, gate),
            progress=advance,
        )
    if as_json:
        typer.echo(json.dumps([_row(item) for item in found], allow_nan=False))
        return 0
    console().print(_table(found))
    flips = sum(item.flipped for item in found)
    console().print(f"{flips} of {len(found)} releases would have been decided otherwise")
    return 0


def _holdout(project: "Project", sha256: str) -> "Table | None":
    """The evaluation data, where they are still those that a record names."""
    holdout = project.dataset.holdout
    return holdout if holdout.fingerprint.sha256 == sha256 else None


def _row(item: "Verdicts") -> dict[str, Any]:
    record = item.record
    return {
        "release": record.release_id,
        "created_at": record.content["release"]["created_at"],
        "commit": record.content["release"]["commit"],
        "recorded": record.verdict.value,
        "decided": None if item.outcome is None else item.outcome.verdict.value,
        "flipped": item.flipped,
        "moved": [[name, before, after] for name, before, after in item.moved],
        "problem": item.problem,
    }


def _table(found: "list[Verdicts]") -> "RichTable":
    from rich.table import Table
    from rich.text import Text

    table = Table("release", "commit", "recorded", "by this policy", "what moved", box=None)
    for item in found:
        release = item.record.content["release"]
        decided = "can't be told" if item.outcome is None else item.outcome.verdict.value
        moved = [
            f"{name}: {before or 'not there'} → {after or 'not there'}" for name, before, after in item.moved
        ]
        table.add_row(
            release["id"],
            (release["commit"] or "")[:8],
            item.record.verdict.value,
            Text(decided, style="bold" if item.flipped else ""),
            Text(item.problem or "\n".join(moved[:_SHOWN]) or "nothing"),
        )
    return table
