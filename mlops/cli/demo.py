"""The whole story on one machine, in about a minute; that of models that write takes some more."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.context import console


class Story(StrEnum):
    """Which demonstration."""

    MODELS = "models"
    WRITING = "writing"


def add_to(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(demo)


def demo(
    folder: Annotated[
        Path,
        typer.Option("--dir", help="Where the demo's projects go; emptied of an earlier demo first."),
    ] = Path("weighbridge-demo"),
    story: Annotated[
        Story, typer.Option(help="models of numbers and classes, or a prompt and a language model.")
    ] = Story.MODELS,
) -> int:
    """A model weighed, registered, served and watched, and a worse one stopped at the gate; real data, no network."""
    if story is Story.WRITING:
        from mlops.demo.writing import tell_writing as tell
    else:
        from mlops.demo.story import tell

    return tell(folder.resolve(), console())
