"""Watching: monitor, and the pages of MLflow and Evidently."""

import json
from typing import TYPE_CHECKING, Annotated

import typer

from mlops.cli.context import EXIT_CODES, console, open_project, to_github

if TYPE_CHECKING:
    from monitoring.record import WatchPass


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(monitor)
    app.command("mlflow-ui")(mlflow_ui)
    app.command("drift-ui")(drift_ui)


def monitor(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Go on, one pass every `monitor.every`.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> int:
    """Look at the newest window: drift, latency, performance. Exit code 0 quiet, 1 findings, 2 inconclusive."""
    from mlops.watching import could_not_look, open_watch
    from monitoring.scheduler import run_every

    project = open_project(context)
    look = open_watch(project)

    def tell(seen: "WatchPass") -> None:
        _show(seen, as_json=as_json)

    if watch:
        failed = could_not_look(project)
        run_every(project.policy.monitor.every, look, tell=tell, failed=lambda error: tell(failed(error)))
        return 0
    seen = look()
    tell(seen)
    to_github({"verdict": seen.verdict.value})
    return EXIT_CODES[seen.verdict]


def _show(seen: "WatchPass", *, as_json: bool) -> None:
    from mlops.watching import show
    from monitoring.record import watch_pass_to_json

    if as_json:
        typer.echo(json.dumps(watch_pass_to_json(seen), allow_nan=False))
    else:
        console().print(show(seen))


def mlflow_ui(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 5000,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the command instead of running it.")
    ] = False,
) -> int:
    """Open MLflow's pages on this project's store."""
    from mlops.pages import mlflow_command, run

    return run(mlflow_command(open_project(context), port), print_only=print_only)


def drift_ui(
    context: typer.Context,
    port: Annotated[int, typer.Option(help="Port on loopback.")] = 8001,
    print_only: Annotated[
        bool, typer.Option("--print", help="Print the command instead of running it.")
    ] = False,
) -> int:
    """Open Evidently's pages on this project's workspace."""
    from mlops.pages import drift_command, run

    return run(drift_command(open_project(context), port), print_only=print_only)
