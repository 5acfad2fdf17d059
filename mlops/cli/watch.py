"""Watching: monitor, and the pages of MLflow and Evidently."""

import json
from typing import Annotated

import typer

from mlops.cli.context import EXIT_CODES, console, open_project, to_github


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
    from monitoring.run import watch_pass_to_json

    from mlops.watching import open_watch

    project = open_project(context)
    look = open_watch(project)
    if watch:
        from monitoring.scheduler import run_every

        run_every(project.policy.monitor.every, look, tell=lambda seen: _show(seen, as_json=as_json))
        return 0
    seen = look()
    if as_json:
        typer.echo(json.dumps(watch_pass_to_json(seen), allow_nan=False))
    else:
        _show(seen, as_json=False)
    to_github({"verdict": seen.verdict.value})
    return EXIT_CODES[seen.verdict]


def _show(seen: object, *, as_json: bool) -> None:
    from monitoring.run import WatchPass, watch_pass_to_json

    from mlops.watching import show

    assert isinstance(seen, WatchPass)  # noqa: S101 - narrows for the type checker
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
