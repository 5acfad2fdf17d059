"""Collecting what people say of answers."""

from pathlib import Path
from typing import Annotated

import typer

from mlops.cli.context import console


def add_to(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(rate)


def rate(
    answers: Annotated[
        Path, typer.Argument(help="CSV, JSONL or Parquet with prompt, answer and perhaps reference, model.")
    ],
    *,
    ratings: Annotated[Path, typer.Option("--to", help="The file that every rating is added to, JSONL.")],
    rubric: Annotated[str, typer.Option(help="What raters are asked about each answer.")],
    least: Annotated[int, typer.Option("--min", help="The worst score.")] = 1,
    most: Annotated[int, typer.Option("--max", help="The best score.")] = 5,
    port: Annotated[int, typer.Option(help="On this machine only.")] = 8900,
) -> None:
    """A page on this machine where people score answers, blind and in random order. Ctrl-C ends it."""
    from evaluation.judges.config import ScaleConfig
    from evaluation.judges.ratings import read_rateables
    from mlops.ratings.app import HERE, Round, serve

    found = Round(read_rateables(answers), rubric, ScaleConfig(min=least, max=most), ratings)
    console().print(
        f"{len(found.rateables):,} answers at http://{HERE}:{port}; ratings go to {ratings}", soft_wrap=True
    )
    serve(found, port)
