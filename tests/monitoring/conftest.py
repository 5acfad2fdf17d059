"""Windows of a small credit model, drawn with a seed."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.types import Task
from monitoring.checks.base import WatchContext
from monitoring.config import MonitorConfig
from monitoring.windows import Windows

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MakeFrame = Callable[..., pl.DataFrame]
MakeContext = Callable[..., WatchContext]


def make_frame(rows: int = 1000, *, seed: int = 0, age_shift: float = 0.0, **columns: Any) -> pl.DataFrame:
    """Records, one a minute up to NOW; every other column may be replaced or, with None, left out."""
    random = np.random.default_rng(seed)
    score = random.random(rows)
    frame = {
        "id": [f"{seed}-{row}" for row in range(rows)],
        "at": pl.Series(
            [NOW - timedelta(minutes=rows - row) for row in range(rows)], dtype=pl.Datetime("us", "UTC")
        ),
        "version": ["3"] * rows,
        "release_id": ["20261121-120000-0a1b2c3d"] * rows,
        "latency_ms": random.gamma(4, 3, rows),
        "prediction": (score >= 0.5).astype(int),
        "score": score,
        "target": (random.random(rows) < score).astype(int),
        "input.age": random.normal(40 + 10 * age_shift, 10, rows),
        "input.job": random.choice(["clerk", "cook", "nurse"], rows, p=[0.5, 0.3, 0.2]),
        "input.owner": random.random(rows) < 0.4,
    }
    frame |= columns
    return pl.DataFrame({name: values for name, values in frame.items() if values is not None})


@cache
def _reference() -> pl.DataFrame:
    return make_frame(6000, seed=1)


def make_context(
    current: pl.DataFrame | None = None,
    *,
    reference: pl.DataFrame | None = None,
    history: pl.DataFrame | None = None,
    task: Task = Task.BINARY,
    now: datetime = NOW,
    **config: Any,
) -> WatchContext:
    """What a check sees; `config` holds keys of the policy's `monitor` section."""
    current = make_frame(2000, seed=2) if current is None else current
    reference = _reference() if reference is None else reference
    return WatchContext(
        windows=Windows(reference, current, current if history is None else history),
        config=MonitorConfig.model_validate(config),
        task=task,
        model="lending",
        version="3",
        now=now,
    )


@pytest.fixture(name="now")
def _now() -> datetime:
    return NOW


@pytest.fixture(name="make_frame")
def _make_frame() -> MakeFrame:
    return make_frame


@pytest.fixture(name="make_context")
def _make_context() -> MakeContext:
    return make_context
