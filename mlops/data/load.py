"""Reading a project's tables and knowing them again."""

import csv
import difflib
import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evaluation.errors import EnvironmentProblem, UserError
from mlops.config import FILE_NAME, DataConfig

_CHUNK = 1 << 20
_SUFFIXES = (".parquet", ".csv")
_SHOWN_COLUMNS = 30


@dataclass(frozen=True)
class DataFingerprint:
    """What a table was: SHA-256 over the file's bytes, its rows and columns (counts), its size in bytes."""

    path: str
    sha256: str
    rows: int
    columns: int
    bytes: int


@dataclass(frozen=True)
class Dataset:
    """A project's two tables as they were read; `features` are the columns that a model is given."""

    train: pl.DataFrame
    evaluate: pl.DataFrame
    train_fingerprint: DataFingerprint
    evaluate_fingerprint: DataFingerprint
    features: tuple[str, ...]


def load(project_dir: Path, data: DataConfig) -> Dataset:
    """Read both tables of a project.

    Raises UserError for a file that `read_table` refuses and for a target or ignored column that is absent,
    EnvironmentProblem when a file is rewritten meanwhile.
    """
    train, train_fingerprint = _read(project_dir / data.train)
    evaluate, evaluate_fingerprint = _read(project_dir / data.evaluate)
    features, _ = split_columns(train, data, path=data.train)
    require_columns(evaluate, [data.target], path=data.evaluate, key="data.target")
    return Dataset(train, evaluate, train_fingerprint, evaluate_fingerprint, tuple(features.columns))


def read_table(path: Path) -> pl.DataFrame:
    """Read a .parquet or .csv file whole; a CSV's types are taken from all its rows.

    A table without rows is a frame without rows. Raises UserError for a file that is missing, unreadable,
    damaged, empty, of another kind, or that names a column twice.
    """
    suffix = path.suffix.lower()
    if suffix not in _SUFFIXES:
        raise UserError(
            f"{path.name} ends in '{path.suffix}'",
            expected=f"a table that ends in {' or '.join(_SUFFIXES)}",
            next_step="write it as Parquet: pandas.DataFrame.to_parquet, polars.DataFrame.write_parquet",
        )
    _require_content(path)
    try:
        if suffix == ".csv":
            _require_distinct(_header(path), path)
            return pl.read_csv(path, infer_schema_length=None, glob=False)
        return pl.read_parquet(path, glob=False, hive_partitioning=False)
    except pl.exceptions.DuplicateError as error:
        raise _named_twice(path, str(error)) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, UnicodeDecodeError, csv.Error) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path} is damaged or no {'CSV' if suffix == '.csv' else 'Parquet'} file: {reason[:200]}",
            expected="a whole file; a download or export may have broken off",
            next_step=f"write {path.name} again",
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None


def fingerprint(path: Path) -> DataFingerprint:
    """Say what a table is: its bytes are hashed in chunks, its rows and columns counted.

    Raises UserError as `read_table` does.
    """
    return _read(path)[1]


def sha256_of(path: Path) -> str:
    """SHA-256 over a file's bytes, as 64 hexadecimal digits; raises UserError when it cannot be read."""
    total = hashlib.sha256()
    try:
        with path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                total.update(chunk)
    except OSError as error:
        raise _unreadable(path, error) from None
    return total.hexdigest()


def split_columns(
    frame: pl.DataFrame, data: DataConfig, *, path: str = "the table"
) -> tuple[pl.DataFrame, pl.Series]:
    """Give the features, without target and ignored columns, and the target.

    Raises UserError when the target or an ignored column is absent (with the nearest name), when a column is
    both, and when no feature is left.

    >>> frame = pl.DataFrame({"id": [1, 2], "age": [30, 40], "late": [0, 1]})
    >>> data = DataConfig(train="t.csv", evaluate="e.csv", target="late", ignore=("id",))
    >>> split_columns(frame, data)[0].columns
    ['age']
    """
    require_columns(frame, [data.target], path=path, key="data.target")
    require_columns(frame, data.ignore, path=path, key="data.ignore")
    if data.target in data.ignore:
        raise UserError(
            f"'{data.target}' is the target and ignored",
            expected="a target that is used",
            next_step=f"remove '{data.target}' from data.ignore in {FILE_NAME}",
        )
    features = frame.drop(data.target, *data.ignore)
    if not features.width:
        raise UserError(
            f"{path} has no feature left",
            expected="at least one column besides target and ignored ones",
            next_step=f"shorten data.ignore in {FILE_NAME}",
        )
    return features, frame[data.target]


def require_columns(frame: pl.DataFrame, names: Iterable[str], *, path: str, key: str) -> None:
    """Raise UserError for the first of the names that is no column; `key` says where the policy named it."""
    for name in names:
        if name not in frame.columns:
            raise UserError(
                f"{key}: column '{name}' is not in {path}",
                expected=f"one of: {listed(frame.columns)}",
                next_step=suggest(name, frame.columns, f"correct {key} in {FILE_NAME}"),
            )


def suggest(word: str, known: Iterable[str], otherwise: str) -> str:
    """Name the nearest known word, or say what else to do.

    >>> suggest("defualt", ["default", "sex"], "correct it")
    "did you mean 'default'?"
    """
    near = difflib.get_close_matches(word, list(known), n=1)
    return f"did you mean '{near[0]}'?" if near else otherwise


def listed(names: Iterable[str]) -> str:
    """Write names one after the other; of a long list, the first 30."""
    every = list(names)
    more = f" and {len(every) - _SHOWN_COLUMNS} more" if len(every) > _SHOWN_COLUMNS else ""
    return ", ".join(every[:_SHOWN_COLUMNS]) + more


def _read(path: Path) -> tuple[pl.DataFrame, DataFingerprint]:
    """Read a table and hash the same bytes; a file that changes in between would get a wrong digest."""
    _require_content(path)
    before = path.stat()
    digest, frame = sha256_of(path), read_table(path)
    after = path.stat()
    if (before.st_mtime_ns, before.st_size, before.st_ino) != (
        after.st_mtime_ns,
        after.st_size,
        after.st_ino,
    ):
        raise EnvironmentProblem(
            f"{path} changed while it was read",
            expected="a file that nobody writes to",
            next_step="run the same command again when the export has ended",
        )
    return frame, DataFingerprint(path.name, digest, frame.height, frame.width, before.st_size)


def _require_content(path: Path) -> None:
    try:
        size = path.stat().st_size
    except OSError as error:
        raise _unreadable(path, error) from None
    if path.is_dir():
        raise UserError(f"{path} is a folder", expected="one file", next_step=f"correct data in {FILE_NAME}")
    if not size:
        raise UserError(
            f"{path} is empty (0 bytes)", expected="a table", next_step=f"write {path.name} again"
        )


def _unreadable(path: Path, error: OSError) -> UserError:
    if not isinstance(error, FileNotFoundError):
        return UserError(
            f"{path} cannot be read: {error.strerror or error}",
            expected="a file that this user may read",
            next_step=f"ls -l {path}",
        )
    there = sorted(item.name for item in path.parent.glob("*") if item.suffix.lower() in _SUFFIXES)
    return UserError(
        f"no file {path}",
        expected=f"one of: {listed(there)}" if there else f"a table in {path.parent}",
        next_step=suggest(path.name, there, f"correct data in {FILE_NAME}, or write the file"),
    )


def _header(path: Path) -> list[str]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return next(csv.reader(file), [])


def _require_distinct(names: list[str], path: Path) -> None:
    """Polars would rename the second of two equal columns."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise _named_twice(path, f"'{twice[0]}'")


def _named_twice(path: Path, which: str) -> UserError:
    return UserError(
        f"{path} names a column twice: {which}",
        expected="every column under its own name",
        next_step=f"write {path.name} again with distinct names",
    )
