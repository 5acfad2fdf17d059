"""The whole story on one machine, in about a minute."""

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.context import console


def add_to(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(demo)


def demo(
    folder: Annotated[
        Path,
        typer.Option("--dir", help="Where the demo's two projects go; emptied of an earlier demo first."),
    ] = Path("weighbridge-demo"),
) -> int:
    """A model weighed, registered, served and watched, and a worse one stopped at the gate; real data, no network."""
    from mlops.demo.story import tell

    return tell(folder.resolve(), console())
