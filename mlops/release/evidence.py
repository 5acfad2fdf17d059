"""What is kept of an evaluation, so that its decision can be taken again without data or models.

predictions.parquet  target, label, score, champion_label, champion_score, and column.NAME for slices, groups, units;
                     of texts also fact.NAME, measured.NAME, why.NAME, and the champion's with champion_ before them
variants.parquet     the same of cases with another person in them; pairs.parquet: of pairs of sentences
latency.parquet      who (challenger, champion) and milliseconds of every timed request
evaluation.json      what was measured, and who the champion was
reference.parquet    what the model saw and said, in the columns of the request log; monitoring compares with it
ranges.json          what training saw of each field; the server's guards compare with it
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.answers import Answers
from evaluation.errors import UserError
from evaluation.types import FloatArray, Outputs
from mlops.packaging.bundle import RANGES, REFERENCE
from monitoring.profiles.sources import IDS
from monitoring.store.base import SOURCES, sources_of

PREDICTIONS, LATENCY = "predictions.parquet", "latency.parquet"
VARIANTS, PAIRS = "variants.parquet", "pairs.parquet"
EVIDENCE = (PREDICTIONS, VARIANTS, PAIRS, LATENCY, "evaluation.json", REFERENCE, RANGES)
_COLUMN, _FACT, _ROW_SCORE, _ROW_PROBLEM = "column.", "fact.", "measured.", "why."


def write_answers(answers: Answers, folder: Path) -> None:
    """Keep what two models said, and their timings, in a release's folder."""
    _write(answers, folder / PREDICTIONS)
    for asked, name in ((answers.variants, VARIANTS), (answers.pairs, PAIRS)):
        if asked is not None:
            _write(asked, folder / name)
    timed = {"challenger": answers.latency_ms, "champion": answers.champion_latency_ms}
    parts = [
        pl.DataFrame({"who": [who] * len(times), "ms": times}, schema={"who": pl.String, "ms": pl.Float64})
        for who, times in timed.items()
        if times is not None
    ]
    if parts:
        pl.concat(parts).write_parquet(folder / LATENCY, compression="zstd")


def read_answers(folder: Path) -> Answers:
    """What `write_answers` kept; raises UserError where it is gone."""
    if not (folder / PREDICTIONS).exists():
        raise UserError(
            f"no predictions of release {folder.name}",
            expected=f"the file {PREDICTIONS} that `weighbridge evaluate` writes",
            next_step="restore the release's folder, or release again: weighbridge release --new",
        )
    times = pl.read_parquet(folder / LATENCY) if (folder / LATENCY).exists() else None
    beside = {name: folder / name for name in (VARIANTS, PAIRS) if (folder / name).exists()}
    return replace(
        _read(folder / PREDICTIONS),
        latency_ms=_times(times, "challenger"),
        champion_latency_ms=_times(times, "champion"),
        name=f"release {folder.name}",
        variants=_read(beside[VARIANTS]) if VARIANTS in beside else None,
        pairs=_read(beside[PAIRS]) if PAIRS in beside else None,
    )


def _write(answers: Answers, path: Path) -> None:
    columns = [series("target", answers.target), *_columns("", answers.challenger)]
    if answers.champion is not None:
        columns += _columns("champion_", answers.champion)
    columns += [each.alias(_COLUMN + each.name) for each in answers.frame.iter_columns()]
    pl.DataFrame(columns).write_parquet(path, compression="zstd")


def _read(path: Path) -> Answers:
    table = pl.read_parquet(path)
    kept = [name for name in table.columns if name.startswith(_COLUMN)]
    challenger = _outputs(table, "")
    if challenger is None:
        raise UserError(f"{path.name} of release {path.parent.name} has no column 'label'", expected="one")
    return Answers(
        target=table["target"].to_numpy(),
        frame=table.select(pl.col(name).alias(name.removeprefix(_COLUMN)) for name in kept),
        challenger=challenger,
        champion=_outputs(table, "champion_"),
    )


def _columns(prefix: str, outputs: Outputs) -> list[pl.Series]:
    columns = [series(f"{prefix}label", outputs.labels)]
    if outputs.scores is not None:
        columns += _numbers(f"{prefix}score", outputs.scores, "_")
    if outputs.facts is not None:
        columns += [each.alias(prefix + _FACT + each.name) for each in outputs.facts.iter_columns()]
    for name, values in outputs.row_scores.items():
        columns += _numbers(prefix + _ROW_SCORE + name, values, "#")
    return columns + [
        pl.Series(prefix + _ROW_PROBLEM + name, problems.tolist(), dtype=pl.String)
        for name, problems in outputs.row_problems.items()
    ]


def write_reference(inputs: pl.DataFrame, target: pl.Series, said: Outputs, folder: Path) -> None:
    """Keep what the model saw and said of some rows, for monitoring to compare with."""
    scores = said.scores if said.scores is not None and said.scores.ndim == 1 else None
    table = inputs.select(pl.all().name.prefix("input.")).with_columns(
        series("prediction", said.labels),
        pl.Series("score", scores if scores is not None else np.full(len(target), None), dtype=pl.Float64),
        target.alias("target"),
        pl.lit(None, dtype=pl.Float64).alias("latency_ms"),
    )
    if said.facts is not None:
        table = table.with_columns(_sources(said.facts, said.labels))
    table.write_parquet(folder / REFERENCE, compression="zstd")


def _sources(facts: pl.DataFrame, labels: NDArray[Any]) -> pl.Series:
    """As the log has them; of a case without an answer, which is in no log, none are known."""
    kept = [
        None if label is None or (ids := sources_of(row)) is None else list(ids)
        for label, row in zip(labels, facts.to_dicts(), strict=True)
    ]
    return pl.Series(SOURCES, kept, dtype=IDS)


def series(name: str, values: NDArray[Any]) -> pl.Series:
    """Values as a column that a file takes: texts, and lists of them, are objects to NumPy, and may all be absent."""
    if values.dtype.kind != "O":
        return pl.Series(name, values)
    found = pl.Series(name, [each.tolist() if isinstance(each, np.ndarray) else each for each in values])
    return found.cast(pl.String) if found.dtype == pl.Null else found


def _numbers(name: str, values: FloatArray, between: str) -> list[pl.Series]:
    """One column, or numbered ones."""
    if values.ndim == 1:
        return [pl.Series(name, values)]
    return [pl.Series(f"{name}{between}{k}", values[:, k]) for k in range(values.shape[1])]


def _outputs(table: pl.DataFrame, prefix: str) -> Outputs | None:
    if f"{prefix}label" not in table.columns:
        return None
    facts = [name for name in table.columns if name.startswith(prefix + _FACT)]
    measured = [name for name in table.columns if name.startswith(prefix + _ROW_SCORE)]
    problems = [name for name in table.columns if name.startswith(prefix + _ROW_PROBLEM)]
    names = dict.fromkeys(name.removeprefix(prefix + _ROW_SCORE).partition("#")[0] for name in measured)
    return Outputs(
        labels=table[f"{prefix}label"].to_numpy(),
        scores=_read_numbers(table, f"{prefix}score", "_"),
        facts=table.select(pl.col(name).alias(name.removeprefix(prefix + _FACT)) for name in facts)
        if facts
        else None,
        row_scores={
            name: values
            for name in names
            if (values := _read_numbers(table, prefix + _ROW_SCORE + name, "#")) is not None
        },
        row_problems={name.removeprefix(prefix + _ROW_PROBLEM): table[name].to_numpy() for name in problems},
    )


def _read_numbers(table: pl.DataFrame, name: str, between: str) -> FloatArray | None:
    if name in table.columns:
        return table[name].to_numpy()
    wanted = name + between
    found = [
        column
        for column in table.columns
        if column.startswith(wanted) and column.removeprefix(wanted).isdigit()
    ]
    found.sort(key=lambda column: int(column.removeprefix(wanted)))
    return np.stack([table[column].to_numpy() for column in found], axis=1) if found else None


def _times(table: pl.DataFrame | None, who: str) -> FloatArray | None:
    if table is None:
        return None
    found = table.filter(pl.col("who") == who)["ms"].to_numpy()
    return found if len(found) else None
