"""Looking: status, explain, schema."""

import json
from typing import Annotated

import typer

from mlops.cli.context import console, open_project


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    for command in (status, explain, schema):
        app.command()(command)


def status(
    context: typer.Context, as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False
) -> int:
    """Show what serves, what is registered, and how the newest releases ended."""
    from mlops.status.snapshot import render, take, to_json

    snapshot = take(open_project(context))
    if as_json:
        typer.echo(json.dumps(to_json(snapshot), allow_nan=False))
    else:
        console().print(render(snapshot))
    return 0


def explain(
    context: typer.Context,
    release: Annotated[
        str | None, typer.Argument(help="A release's id; the newest decided one by default.")
    ] = None,
) -> int:
    """Tell in plain words what was decided about a release, on which data, and why."""
    from evaluation.reports.explain import explain as explanation
    from evaluation.reports.terminal import to_terminal
    from mlops.decision.record import FILE_NAME, DecisionRecord
    from mlops.release.run import decided

    chosen = decided(open_project(context), release)
    record = DecisionRecord.read(chosen.folder / FILE_NAME)
    console().print(to_terminal(explanation(record.content)))
    return 0


def schema(
    record: Annotated[
        bool, typer.Option("--record", help="The schema of decision.json instead, for whoever reads records.")
    ] = False,
) -> int:
    """Print the JSON schema of weighbridge.yaml, for editors."""
    if record:
        from mlops.decision.schema import json_schema

        typer.echo(json.dumps(json_schema(), indent=2))
        return 0
    from mlops.config import Policy

    typer.echo(json.dumps(Policy.model_json_schema(), indent=2))
    return 0
