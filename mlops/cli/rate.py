"""Collecting what people say of answers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from evaluation.errors import UserError
from mlops.cli.context import RELEASE_OPTION, console, open_project

if TYPE_CHECKING:
    from evaluation.judges.config import ScaleConfig


def add_to(app: typer.Typer) -> None:
    """Add this group's command."""
    app.command()(rate)


def rate(
    context: typer.Context,
    answers: Annotated[
        Path | None,
        typer.Argument(
            help="CSV, JSONL or Parquet with prompt, answer and perhaps reference, model; else those of a release."
        ),
    ] = None,
    *,
    ratings: Annotated[Path, typer.Option("--to", help="The file that every rating is added to, JSONL.")],
    rubric: Annotated[str, typer.Option(help="What raters are asked about each answer.")],
    release: RELEASE_OPTION = None,
    most: Annotated[
        int | None, typer.Option("--most", min=1, help="So many of a release's answers, at random.")
    ] = None,
    worst: Annotated[int, typer.Option("--min", help="The worst score.")] = 1,
    best: Annotated[int, typer.Option("--max", help="The best score.")] = 5,
    labels: Annotated[
        list[str] | None,
        typer.Option("--label", help="A name in place of scores, worst first; once for each."),
    ] = None,
    port: Annotated[int, typer.Option(help="On this machine only.")] = 8900,
) -> None:
    """A page on this machine where people score answers, blind and in random order. Ctrl-C ends it."""
    from evaluation.judges.ratings import read_rateables
    from mlops.ratings.app import HERE, Round, serve
    from mlops.ratings.released import released
    from mlops.release.run import current

    scale = _scale({"labels": labels} if labels else {"min": worst, "max": best})
    _require_jsonl(ratings)
    if answers is None:
        rateables = released(current(open_project(context), release).folder, most=most)
    else:
        rateables = read_rateables(answers)
    found = Round(rateables, rubric, scale, ratings)
    console().print(
        f"{len(found.rateables):,} answers at http://{HERE}:{port}; ratings go to {ratings}", soft_wrap=True
    )
    serve(found, port)


def _scale(given: dict[str, Any]) -> "ScaleConfig":
    from pydantic import ValidationError

    from evaluation.judges.config import ScaleConfig

    try:
        return ScaleConfig.model_validate(given)
    except ValidationError as error:
        raise UserError(
            f"no scale: {error.errors()[0]['msg'].removeprefix('Value error, ')}",
            expected="--min and --max, or --label for each name, worst first",
        ) from None


def _require_jsonl(ratings: Path) -> None:
    """What is added to it line by line is read again by its name."""
    if ratings.suffix not in {".jsonl", ".ndjson"}:
        raise UserError(
            f"--to {ratings}: ratings are kept as JSONL",
            expected="a name that ends in .jsonl",
            next_step=f"--to {ratings.with_suffix('.jsonl')}",
        )
