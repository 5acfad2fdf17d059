"""Evidence: who served when, and whose signature counts."""

import json
from typing import Annotated

import typer

from evaluation.errors import UserError
from mlops.cli.context import console, open_project


def add_to(app: typer.Typer) -> None:
    """Add this group's commands."""
    app.command()(history)
    group = typer.Typer(rich_markup_mode=None, context_settings={"help_option_names": ["-h", "--help"]})
    group.callback(invoke_without_command=True)(keys)
    group.command()(make)
    group.command()(trust)
    app.add_typer(group, name="keys")


def history(
    context: typer.Context,
    moment: Annotated[
        str | None,
        typer.Option("--on", metavar="DATE", help="Only what served then: a day or a time, in UTC."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """List which version served from when to when, by which decision and with which waivers."""
    from mlops.registry.history import on, parse_time, read_history, render, to_json
    from mlops.registry.moves import utc_now

    project = open_project(context)
    between = parse_time(moment) if moment is not None else None
    if between and between[0] > utc_now():
        raise UserError(f"{moment} is still to come", expected="a day or a time that has begun, in UTC")
    whole = read_history(project.registry, project.home / "releases")
    found = on(whole, *between) if between else whole
    if as_json:
        typer.echo(json.dumps(to_json(found), allow_nan=False))
        return 0
    if not found.served:
        first = f"; the first began at {whole.served[-1].since:%Y-%m-%d %H:%M:%S} UTC" if whole.served else ""
        then = f" on {moment} (UTC)" if moment else " yet"
        console().print(f"nothing served as '{whole.model}'{then}{first or '; next: weighbridge release'}")
    if found.served or found.unknown:
        console().print(render(found, proof=moment is not None))
    return 0


def keys(context: typer.Context) -> int:
    """Show the own public key, which signs decisions here, and the keys whose signatures count here."""
    if context.invoked_subcommand:
        return 0
    from rich.table import Table

    from mlops.decision.keys import keys_dir, own_key
    from mlops.decision.trust import trust as trusted

    own, found = own_key(), trusted()
    screen = console()
    if own is None:
        screen.print(f"no own key yet; the first decision makes one in {keys_dir()}", soft_wrap=True)
    else:
        screen.print(
            f"own key {own.public.text}\nid      {own.public.id}\nfrom    {own.source}", soft_wrap=True
        )
    table = Table("trusted key", "id", "", box=None)
    for key in found.keys:
        table.add_row(key.text, key.id, "the own one" if own and key == own.public else "")
    screen.print(f"\nlist    {found.source}", soft_wrap=True)
    screen.print(table if found.keys else "nobody's signature counts here; next: weighbridge keys trust KEY")
    return 0


def make() -> int:
    """Make the own key now, if there is none, and print its public part."""
    from pathlib import Path

    from mlops.decision.keys import make_own_key

    typer.echo(make_own_key(outside=[Path.cwd()]).public.text)
    return 0


def trust(
    key: Annotated[str, typer.Argument(metavar="KEY", help="A public key, as `weighbridge keys` prints it.")],
) -> int:
    """Let signatures of a key count on this machine, for this user."""
    from mlops.decision.trust import TRUSTED_KEYS, add_trusted
    from mlops.decision.trust import trust as trusted

    added, path = add_trusted(key)
    console().print(f"key {added.id} is in {path}", soft_wrap=True)
    if added not in trusted():
        console().print(f"it counts once {TRUSTED_KEYS} is unset: that goes before the file", soft_wrap=True)
    return 0
