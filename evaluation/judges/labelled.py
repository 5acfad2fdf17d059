"""Answers that people scored: a table with one row a rating, read strictly."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from evaluation.errors import UserError
from evaluation.judges.config import ScaleConfig
from evaluation.judges.prompts import Item
from evaluation.types import FloatArray, IntArray

NEEDED = ("prompt", "answer", "score")
OPTIONAL = ("rater", "reference", "model")
SOMEBODY = "somebody"


@dataclass(frozen=True, eq=False)
class LabelledSet:
    """n answers and what people say of them.

    ratings: (n, raters) on the scale of the judge, NaN where a rater said nothing. models: (n,) who wrote each
    answer, None where that is not known.
    """

    items: tuple[Item, ...]
    ratings: FloatArray
    raters: tuple[str, ...]
    models: tuple[str | None, ...]

    @property
    def means(self) -> FloatArray:
        """The mean of what people say of each answer, (n,)."""
        return np.asarray(np.nanmean(self.ratings, axis=1))

    @property
    def ratings_middle(self) -> FloatArray:
        """The middle rating of each answer, (n,), the lower of two; always a point of the scale."""
        ordered = np.sort(self.ratings, axis=1)
        said = np.isfinite(ordered).sum(axis=1)
        return np.asarray(ordered[np.arange(len(ordered)), (said - 1) // 2])

    @property
    def prompts(self) -> IntArray:
        """(n,) codes of the prompts: answers to one prompt are not independent."""
        codes = np.unique(np.array([item.prompt for item in self.items], dtype=object), return_inverse=True)[
            1
        ]
        return np.asarray(codes, dtype=np.int64)

    def take(self, rows: Sequence[int] | IntArray) -> "LabelledSet":
        """Some of them, by index."""
        kept = [int(row) for row in rows]
        return LabelledSet(
            tuple(self.items[row] for row in kept),
            self.ratings[kept],
            self.raters,
            tuple(self.models[row] for row in kept),
        )

    def said_of(self, prompts: Sequence[str], answers: Sequence[str]) -> FloatArray:
        """The mean of what people say of exactly these answers to these prompts, (n,), NaN where nobody was asked."""
        known = {
            (item.prompt, item.answer): mean
            for item, mean in zip(self.items, self.means.tolist(), strict=True)
        }
        return np.array([known.get(key, np.nan) for key in zip(prompts, answers, strict=True)])


def read_labelled(path: Path, scale: ScaleConfig) -> LabelledSet:
    """Read a CSV, JSONL or Parquet file with the columns prompt, answer, score and, if known, rater, reference, model.

    One row a rating; where one rater scored an answer twice, the later row counts.

    Raises UserError where the file cannot be read, lacks a column, or has a score off the scale.
    """
    return _gathered(path.name, read_table(path, NEEDED, OPTIONAL), scale)


def read_table(path: Path, needed: Sequence[str], optional: Sequence[str]) -> list[dict[str, Any]]:
    """Rows of a CSV, JSONL or Parquet file, with these columns only.

    Raises UserError where the file cannot be read or lacks a needed column.
    """
    table = _table(path)
    if missing := [name for name in needed if name not in table.columns]:
        raise UserError(
            f"{path.name} has no column {', '.join(missing)}",
            expected=", ".join(needed) + (f" and perhaps {', '.join(optional)}" if optional else ""),
        )
    return table.select([name for name in (*needed, *optional) if name in table.columns]).to_dicts()


def _table(path: Path) -> pl.DataFrame:
    try:
        match path.suffix:
            case ".csv":
                # As text, so that a label such as 007 stays what it is.
                return pl.read_csv(path, infer_schema=False)
            case ".jsonl" | ".ndjson":
                lines = path.read_text(encoding="utf-8-sig").splitlines()
                rows = [json.loads(line) for line in lines if line.strip()]
                return pl.DataFrame(rows, infer_schema_length=None, strict=False)
            case ".parquet":
                return pl.read_parquet(path)
    except (OSError, ValueError, TypeError, pl.exceptions.PolarsError) as error:
        raise UserError(
            f"{path.name} could not be read: {type(error).__name__}",
            expected="a CSV, JSONL or Parquet file in UTF-8, one row a rating",
        ) from error
    raise UserError(
        f"{path.name} is no table of ratings", expected="a name that ends in .csv, .jsonl or .parquet"
    )


def _gathered(name: str, rows: Sequence[dict[str, Any]], scale: ScaleConfig) -> LabelledSet:
    items: dict[tuple[str, str], tuple[Item, str | None]] = {}
    said: dict[tuple[str, str], dict[str, float]] = {}
    for number, row in enumerate(rows, start=1):
        if row["prompt"] is None or not row["answer"]:
            raise UserError(f"{name}: row {number} has no prompt or no answer")
        key = (str(row["prompt"]), str(row["answer"]))
        items.setdefault(key, (Item(*key, row.get("reference") or None), row.get("model") or None))
        value = score_value(row["score"], scale)
        if value is None:
            raise UserError(
                f"{name}: row {number} has score {row['score']!r}",
                expected=f"one of: {', '.join(map(str, scale.points))}",
            )
        said.setdefault(key, {})[str(row.get("rater") or SOMEBODY)] = value
    raters = tuple(sorted({rater for each in said.values() for rater in each}))
    ratings = np.full((len(items), len(raters)), np.nan)
    for place, key in enumerate(items):
        for rater, value in said[key].items():
            ratings[place, raters.index(rater)] = value
    found = list(items.values())
    return LabelledSet(tuple(item for item, _ in found), ratings, raters, tuple(model for _, model in found))


def score_value(said: object, scale: ScaleConfig) -> float | None:
    """What a person's score counts, None where it is off the scale.

    >>> score_value("4", ScaleConfig()), score_value(4.5, ScaleConfig())
    (4.0, None)
    >>> score_value("good", ScaleConfig(labels=("poor", "good")))
    1.0
    """
    if scale.labels is not None:
        return float(scale.labels.index(str(said))) if str(said) in scale.labels else None
    try:
        number = float(str(said))
    except ValueError:
        return None
    return number if number in scale.points else None
