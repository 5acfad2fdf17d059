from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from mlops.config import DataConfig
from mlops.data.load import Dataset, load


def _people(rows: int, *, start: int = 0) -> pl.DataFrame:
    numbers = range(start, start + rows)
    return pl.DataFrame(
        {
            "customer_id": list(numbers),
            "income": [1000.0 + 7 * number for number in numbers],
            "age": [18 + number % 60 for number in numbers],
            "city": [("Taipei", "Tainan", "Hualien")[number % 3] for number in numbers],
            "default": [int(number % 4 == 0) for number in numbers],
        }
    )


@pytest.fixture
def people() -> Callable[..., pl.DataFrame]:
    """Make distinct customers, every fourth of whom defaults."""
    return _people


@pytest.fixture
def data() -> DataConfig:
    return DataConfig(
        train="train.parquet", evaluate="holdout.parquet", target="default", ignore=("customer_id",)
    )


@pytest.fixture
def dataset(tmp_path: Path, data: DataConfig) -> Callable[..., Dataset]:
    """Write two tables, good ones unless given, and load them as a project's."""

    def make(
        train: pl.DataFrame | None = None, holdout: pl.DataFrame | None = None, **changes: Any
    ) -> Dataset:
        (_people(400) if train is None else train).write_parquet(tmp_path / "train.parquet")
        (_people(200, start=400) if holdout is None else holdout).write_parquet(tmp_path / "holdout.parquet")
        return load(tmp_path, data.model_copy(update=changes))

    return make
