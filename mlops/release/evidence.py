"""What is kept of an evaluation, so that its decision can be taken again without data or models.

predictions.parquet  target, label, score, champion_label, champion_score, and column.NAME for slices, groups, units
latency.parquet      who (challenger, champion) and milliseconds of every timed request
evaluation.json      what was measured, and who the champion was
reference.parquet    what the model saw and said, in the columns of the request log; monitoring compares with it
ranges.json          what training saw of each field; the server's guards compare with it
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import polars as pl

from evaluation.answers import Answers
from evaluation.errors import UserError
from evaluation.types import FloatArray, Outputs
from mlops.packaging.bundle import RANGES, REFERENCE

PREDICTIONS, LATENCY = "predictions.parquet", "latency.parquet"
EVIDENCE = (PREDICTIONS, LATENCY, "evaluation.json", REFERENCE, RANGES)
_COLUMN = "column."


def write_answers(answers: Answers, folder: Path) -> None:
    """Keep what two models said, and their timings, in a release's folder."""
    columns = [pl.Series("target", answers.target), *_columns("", answers.challenger)]
    if answers.champion is not None:
        columns += _columns("champion_", answers.champion)
    columns += [series.alias(_COLUMN + series.name) for series in answers.frame.iter_columns()]
    pl.DataFrame(columns).write_parquet(folder / PREDICTIONS, compression="zstd")
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
    table = pl.read_parquet(folder / PREDICTIONS)
    kept = [name for name in table.columns if name.startswith(_COLUMN)]
    challenger = _outputs(table, "")
    if challenger is None:
        raise UserError(f"{PREDICTIONS} of release {folder.name} has no column 'label'", expected="one")
    times = pl.read_parquet(folder / LATENCY) if (folder / LATENCY).exists() else None
    return Answers(
        target=table["target"].to_numpy(),
        frame=table.select(pl.col(name).alias(name.removeprefix(_COLUMN)) for name in kept),
        challenger=challenger,
        champion=_outputs(table, "champion_"),
        latency_ms=_times(times, "challenger"),
        champion_latency_ms=_times(times, "champion"),
        name=f"release {folder.name}",
    )


def _columns(prefix: str, outputs: Outputs) -> list[pl.Series]:
    columns = [pl.Series(f"{prefix}label", outputs.labels)]
    scores = outputs.scores
    if scores is not None and scores.ndim == 1:
        columns.append(pl.Series(f"{prefix}score", scores))
    elif scores is not None:
        columns += [pl.Series(f"{prefix}score_{k}", scores[:, k]) for k in range(scores.shape[1])]
    return columns


def _outputs(table: pl.DataFrame, prefix: str) -> Outputs | None:
    if f"{prefix}label" not in table.columns:
        return None
    labels = table[f"{prefix}label"].to_numpy()
    if f"{prefix}score" in table.columns:
        return Outputs(labels, table[f"{prefix}score"].to_numpy())
    classes = _score_columns(table.columns, prefix)
    return Outputs(
        labels, np.stack([table[name].to_numpy() for name in classes], axis=1) if classes else None
    )


def _score_columns(names: Sequence[str], prefix: str) -> list[str]:
    wanted = f"{prefix}score_"
    found = [name for name in names if name.startswith(wanted) and name.removeprefix(wanted).isdigit()]
    return sorted(found, key=lambda name: int(name.removeprefix(wanted)))


def _times(table: pl.DataFrame | None, who: str) -> FloatArray | None:
    if table is None:
        return None
    found = table.filter(pl.col("who") == who)["ms"].to_numpy()
    return found if len(found) else None
