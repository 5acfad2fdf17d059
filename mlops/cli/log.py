"""The request log: show, erase, prune."""

from typing import Annotated

import typer

from evaluation.errors import ExitCode, UserError
from mlops.cli.context import console, open_project

_SHORT = 60


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="The request log: show it, erase a subject from it, remove old days.",
        rich_markup_mode=None,
        no_args_is_help=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    for command in (show, erase, prune):
        group.command()(command)
    app.add_typer(group, name="log")


def show(
    context: typer.Context,
    last: Annotated[int, typer.Option(min=1, max=10_000, help="How many of the newest rows.")] = 20,
) -> int:
    """Print the newest rows, oldest first."""
    from rich.table import Table
    from rich.text import Text

    project = open_project(context)
    rows = project.request_log.read(model=project.policy.model, last=last)
    names = ["at (UTC)", "id", "version", "prediction", "score", "target", "ms", "inputs"]
    looked_up = rows["sources"].list.len().sum() > 0
    table = Table(*names, *(["sources"] if looked_up else []), box=None)
    inputs = [name for name in rows.columns if name.startswith("input.")]
    for row in rows.iter_rows(named=True):
        said = ", ".join(
            f"{name.removeprefix('input.')}={row[name]}" for name in inputs if row[name] is not None
        )
        score = "" if row["score"] is None else f"{row['score']:.3g}"
        target = "" if row["target"] is None else str(row["target"])
        cells = (
            f"{row['at']:%Y-%m-%d %H:%M:%S}",
            row["id"],
            row["version"],
            str(row["prediction"]),
            score,
            target,
        )
        found = [_cut(", ".join(dict.fromkeys(row["sources"] or ())))] if looked_up else []
        # As text: what a caller sent must not be taken for markup.
        table.add_row(*(Text(cell) for cell in (*cells, f"{row['latency_ms']:.1f}", _cut(said), *found)))
    console().print(table if rows.height else f"no request to '{project.policy.model}' is in the log")
    return 0


def _cut(said: str) -> str:
    return said if len(said) <= _SHORT else said[:_SHORT] + "..."


def erase(
    context: typer.Context,
    subject: Annotated[str, typer.Option(help="Whom the rows are about, as `serve.log.subject` names it.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> int:
    """Remove every row about a subject, and every file that held one. Exit code 1 while something is left."""
    from mlops.serving.log.erase import Erasure

    project = open_project(context)
    config = project.policy.serve.log
    erasure = Erasure(project.request_log, config, project.log_dir, subject)
    if not yes:
        rows = erasure.rows().height
        typer.confirm(f"{rows} rows name it under '{config.subject}'; remove them for good?", abort=True)
    done = erasure.run()
    say = console().print
    say(f"{done.requests} requests and {done.labels} labels are removed")
    for path in done.left:
        say(f"still there: {path}", soft_wrap=True)
    if done.waiting:
        say(f"running servers hold {done.waiting} records that came before and are not stored yet")
    if done.complete:
        say("no file of the log holds any of them")
        return 0
    say(
        "not everything is gone; the same command again, after an hour for files of an append that was cut off"
    )
    return ExitCode.FAIL


def prune(
    context: typer.Context,
    keep: Annotated[
        str | None, typer.Option(metavar="90d", help="Instead of `serve.log.keep` of the policy.")
    ] = None,
) -> int:
    """Remove the days that are older than the policy keeps, and their files."""
    from pydantic import ValidationError

    from mlops.serving.log.config import LogConfig
    from monitoring.store.delta import DeltaRequestLog

    project = open_project(context)
    policy = project.policy.serve.log
    try:
        span = policy.keep if keep is None else LogConfig.model_validate({"keep": keep}).keep
    except ValidationError:
        raise UserError(f"--keep is {keep!r}", expected="at least one day, such as 90d") from None
    if span is None:
        raise UserError(
            "the policy keeps every day", expected="serve.log.keep, or --keep", next_step="--keep 90d"
        )
    gone = DeltaRequestLog(policy.at or project.log_dir, keep=span).prune()
    console().print(
        f"{gone.requests} requests and {gone.labels} labels older than {span.days} days are removed"
    )
    return 0
