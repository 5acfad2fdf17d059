"""A project's two tables, and which of their columns are what."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evaluation.errors import UserError
from mlops.config import FILE_NAME, DataConfig
from mlops.data.names import listed, suggest
from mlops.data.table import DataFingerprint, Table


@dataclass(frozen=True)
class Dataset:
    """A project's two tables; `features` are the columns that a model is given."""

    training: Table
    holdout: Table
    features: tuple[str, ...]

    @property
    def train(self) -> pl.DataFrame:
        """The whole training table."""
        return self.training.frame

    @property
    def evaluate(self) -> pl.DataFrame:
        """The whole holdout."""
        return self.holdout.frame

    @property
    def train_fingerprint(self) -> DataFingerprint:
        """What the training table was."""
        return self.training.fingerprint

    @property
    def evaluate_fingerprint(self) -> DataFingerprint:
        """What the holdout was."""
        return self.holdout.fingerprint


def load(project_dir: Path, data: DataConfig) -> Dataset:
    """Open both tables of a project; their rows are read when they are asked for.

    Raises UserError for a file that can't be read and for a target or ignored column that is absent,
    EnvironmentProblem when a file is rewritten meanwhile.
    """
    training, holdout = Table.open(project_dir / data.train), Table.open(project_dir / data.evaluate)
    features = feature_columns(training.schema, data, path=data.train)
    require_columns(holdout.schema, [data.target], path=data.evaluate, key="data.target")
    return Dataset(training, holdout, features)


def feature_columns(columns: Iterable[str], data: DataConfig, *, path: str = "the table") -> tuple[str, ...]:
    """The columns that a model is given: all but the target and the ignored ones.

    Raises UserError when the target or an ignored column is absent (with the nearest name), when a column is
    both, and when no feature is left.

    >>> data = DataConfig(train="t.csv", evaluate="e.csv", target="late", ignore=("id",))
    >>> feature_columns(["id", "age", "late"], data)
    ('age',)
    """
    known = list(columns)
    require_columns(known, [data.target], path=path, key="data.target")
    require_columns(known, data.ignore, path=path, key="data.ignore")
    if data.target in data.ignore:
        raise UserError(
            f"'{data.target}' is the target and ignored",
            expected="a target that is used",
            next_step=f"remove '{data.target}' from data.ignore in {FILE_NAME}",
        )
    features = tuple(name for name in known if name != data.target and name not in data.ignore)
    if not features:
        raise UserError(
            f"{path} has no feature left",
            expected="at least one column besides target and ignored ones",
            next_step=f"shorten data.ignore in {FILE_NAME}",
        )
    return features


def require_columns(columns: Iterable[str], names: Iterable[str], *, path: str, key: str) -> None:
    """Raise UserError for the first of the names that is no column; `key` says where the policy named it."""
    known = list(columns)
    for name in names:
        if name not in known:
            raise UserError(
                f"{key}: column '{name}' is not in {path}",
                expected=f"one of: {listed(known)}",
                next_step=suggest(name, known, f"correct {key} in {FILE_NAME}"),
            )
