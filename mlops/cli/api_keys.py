"""API keys of the server: create, list, revoke."""

from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from mlops.cli.context import console, open_project
from mlops.serving.access.callers import Scope

_SHORTEST, _LONGEST = timedelta(minutes=1), timedelta(days=3653)


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    group = typer.Typer(
        help="Keys by which callers are let in, where serve.access.keys is true.",
        no_args_is_help=True,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    group.command()(create)
    group.command("list")(list_keys)
    group.command()(revoke)
    app.add_typer(group, name="api-keys")


def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Who will use it, such as shop.")],
    scope: Annotated[list[Scope], typer.Option(help="What it allows; give it once for each.")],
    expires: Annotated[
        str | None, typer.Option(metavar="90d", help="After how long it counts no more; never if absent.")
    ] = None,
) -> int:
    """Make a key and print it, once: only its hash is kept."""
    from evaluation.errors import UserError
    from mlops.serving.access.keys import KeyFile, make_key
    from monitoring.config import parse_duration

    lasts = parse_duration(expires) if expires is not None else None
    if not (lasts is None or (isinstance(lasts, timedelta) and _SHORTEST <= lasts <= _LONGEST)):
        raise UserError(
            f"--expires {expires} is no time from a minute to ten years",
            expected="a number and m, h or d",
            next_step="--expires 90d",
        )
    project = open_project(context)
    project.prepare_home()
    made, key = make_key(name, scope, now=datetime.now(UTC), lasts=lasts)
    KeyFile.of(project.home).add(key)
    typer.echo(made)
    until = f"until {key.expires:%Y-%m-%d %H:%M} UTC" if key.expires else "until it is revoked"
    typer.echo(
        f"counts {until}; it is not shown again: give it to {name}, who sends it as a bearer token", err=True
    )
    if not project.policy.serve.access.keys:
        typer.echo(
            "no server asks for it yet; next: serve.access: {keys: true} in weighbridge.yaml", err=True
        )
    return 0


def list_keys(context: typer.Context) -> int:
    """List the keys, without what is secret of them."""
    from rich.table import Table

    from mlops.serving.access.keys import KeyFile

    file = KeyFile.of(open_project(context).home)
    now = datetime.now(UTC)
    table = Table("name", "id", "scopes", "created", "expires", "last used", "", box=None)
    keys = file.read()
    for key in keys:
        days = (key.created, key.expires, file.last_used(key.id))
        shown = (f"{day:%Y-%m-%d %H:%M}" if day else "-" for day in days)
        table.add_row(key.name, key.id, ", ".join(sorted(key.scopes)), *shown, key.state(now))
    console().print(
        table if keys else "no keys; next: weighbridge api-keys create --name NAME --scope predict"
    )
    return 0


def revoke(context: typer.Context, id: Annotated[str, typer.Argument(metavar="ID")]) -> int:
    """Make a key count no more; servers of this machine know within two seconds."""
    from mlops.serving.access.keys import KeyFile

    key = KeyFile.of(open_project(context).home).revoke(id, now=datetime.now(UTC))
    console().print(f"the key {key.id} of {key.name} counts no more")
    return 0
