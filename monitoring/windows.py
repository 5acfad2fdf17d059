"""Which stretch of traffic is looked at, and what it is compared with."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import polars as pl

from evaluation.errors import EnvironmentProblem, UserError
from monitoring.config import MonitorConfig
from monitoring.store.base import RequestLog

INPUT_PREFIX = "input."
Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock that is used unless another is handed in.

    >>> utc_now().utcoffset()
    datetime.timedelta(0)
    """
    return datetime.now(UTC)


@dataclass(frozen=True)
class Windows:
    """Frames with the columns of `RequestLog.read`, oldest record first.

    - reference: the holdout as the model saw it when it was weighed.
    - current: the newest `window_records` records; may be empty.
    - history: the newest `labels.history_records` records, where labels that came late are looked for. It
      ends with the same record as `current` and is `current` itself where no metric is watched.
    """

    reference: pl.DataFrame
    current: pl.DataFrame
    history: pl.DataFrame


def read_windows(
    log: RequestLog, *, model: str, version: str, reference: pl.DataFrame, config: MonitorConfig
) -> Windows:
    """Read one version's current window and its history in one go.

    Raises what the log raises, EnvironmentProblem where the store can't be read.
    """
    watched = config.window_records
    searched = max(watched, config.labels.history_records) if config.performance else watched
    history = log.read(model=model, version=version, last=searched)
    return Windows(reference=reference, current=history.tail(watched), history=history)


def read_reference(path: Path) -> pl.DataFrame:
    """Read the reference frame that lies beside a bundled model.

    Raises UserError where it is missing or is no reference frame, EnvironmentProblem where it can't be read.
    """
    next_step = "weighbridge deploy, which writes the bundle again"
    try:
        frame = pl.read_parquet(path)
    except FileNotFoundError:
        raise UserError(
            f"no reference frame at {path}", expected="reference.parquet in the bundle", next_step=next_step
        ) from None
    except (OSError, pl.exceptions.PolarsError) as error:
        raise EnvironmentProblem(
            f"{path} can't be read: {error.__class__.__name__}",
            expected="a Parquet file",
            next_step=next_step,
        ) from error
    if frame.is_empty() or not {"prediction", "score"} <= set(frame.columns):
        raise UserError(
            f"{path} holds {frame.height} rows of {', '.join(frame.columns) or 'no column'}",
            expected="rows with prediction, score and one column `input.<name>` per feature",
            next_step=next_step,
        )
    return frame
