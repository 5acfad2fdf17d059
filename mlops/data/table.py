"""A file of rows: read whole, or as little of it as is asked for, and known again by its bytes."""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.types import IntArray
from mlops.config import FILE_NAME
from mlops.data.names import listed, suggest

# Rows that are held at once where a table is gone through in parts.
BATCH_ROWS = 100_000
_CHUNK = 1 << 20
_SUFFIXES = (".parquet", ".csv")


@dataclass(frozen=True)
class DataFingerprint:
    """What a table was: SHA-256 over the file's bytes, its rows and columns (counts), its size in bytes."""

    path: str
    sha256: str
    rows: int
    columns: int
    bytes: int


@dataclass(frozen=True)
class Table:
    """A file that was fingerprinted; whatever is read from it later comes from the same bytes.

    A Parquet file is read by columns and in parts, unless `frame` has been asked for; a CSV is always read whole.
    Raises EnvironmentProblem, wherever it is read, when the file is no longer the one that was fingerprinted.
    """

    path: Path
    fingerprint: DataFingerprint
    schema: pl.Schema
    stamp: tuple[int, int, int] = field(repr=False)

    @classmethod
    def open(cls, path: Path) -> "Table":
        """Fingerprint a file; raises UserError as `read_table` does, as far as the file's head tells."""
        _require_content(path)
        stamp = _stamp(path)
        digest = sha256_of(path)
        schema, rows = _head(path)
        _require_same(path, stamp)
        return cls(path, DataFingerprint(path.name, digest, rows, len(schema), stamp[1]), schema, stamp)

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return self.fingerprint.rows

    @cached_property
    def frame(self) -> pl.DataFrame:
        """All rows and columns, read once."""
        found = read_table(self.path)
        _require_same(self.path, self.stamp)
        return found

    def columns(self, names: Sequence[str]) -> pl.DataFrame:
        """All rows of some columns, without holding the others."""
        if self._whole:
            return self.frame.select(names)
        with _reading(self.path):
            found = pl.read_parquet(self.path, columns=list(names), glob=False, hive_partitioning=False)
        _require_same(self.path, self.stamp)
        return found

    def batches(self, names: Sequence[str], rows: int = BATCH_ROWS) -> Iterator[pl.DataFrame]:
        """Some columns, so many rows at a time, in order; a table without rows is one batch without rows."""
        for start in range(0, max(self.rows, 1), rows):
            if self._whole:
                yield self.frame.select(names).slice(start, rows)
                continue
            lazy = pl.scan_parquet(self.path, glob=False, hive_partitioning=False)
            with _reading(self.path):
                batch = lazy.select(names).slice(start, rows).collect()
            _require_same(self.path, self.stamp)
            yield batch

    def sample(self, names: Sequence[str], rows: int, seed: int) -> tuple[pl.DataFrame, IntArray]:
        """At most so many rows, drawn without repeats, in order, and the place of each in the table, (rows,)."""
        places = np.arange(self.rows)
        if rows < self.rows:
            random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
            places = np.sort(random.choice(self.rows, rows, replace=False))
        parts, start = [], 0
        for batch in self.batches(names):
            inside = places[(places >= start) & (places < start + batch.height)] - start
            parts.append(batch[inside])
            start += batch.height
        return pl.concat(parts), places

    @property
    def _whole(self) -> bool:
        return "frame" in self.__dict__ or self.path.suffix.lower() == ".csv"


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
    with _reading(path):
        if suffix == ".csv":
            _require_distinct(_header(path), path)
            return pl.read_csv(path, infer_schema_length=None, glob=False)
        return pl.read_parquet(path, glob=False, hive_partitioning=False)


def fingerprint(path: Path) -> DataFingerprint:
    """Say what a table is: its bytes are hashed in chunks, its rows and columns counted.

    Raises UserError as `read_table` does.
    """
    return Table.open(path).fingerprint


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


def _head(path: Path) -> tuple[pl.Schema, int]:
    """Columns with their types, and how many rows; a Parquet file tells without being read."""
    if path.suffix.lower() != ".parquet":
        frame = read_table(path)
        return frame.schema, frame.height
    with _reading(path):
        lazy = pl.scan_parquet(path, glob=False, hive_partitioning=False)
        return lazy.collect_schema(), int(lazy.select(pl.len()).collect().item())


def _stamp(path: Path) -> tuple[int, int, int]:
    found = path.stat()
    return found.st_mtime_ns, found.st_size, found.st_ino


def _require_same(path: Path, stamp: tuple[int, int, int]) -> None:
    if _stamp(path) != stamp:
        raise EnvironmentProblem(
            f"{path} changed while it was read",
            expected="a file that nobody writes to",
            next_step="run the same command again when the export has ended",
        )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Tell what is wrong with a file in words for its owner."""
    try:
        yield
    except pl.exceptions.DuplicateError as error:
        raise _named_twice(path, str(error)) from None
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is not UTF-8: {error.object[error.start : error.start + 1].hex()} at byte {error.start:,}",
            expected="a CSV file in UTF-8",
            next_step=f"save it as UTF-8; if it is Latin-1, by iconv -f latin1 -t utf-8 {path.name}",
        ) from None
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, csv.Error) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise UserError(
            f"{path} is damaged or no {'CSV' if path.suffix.lower() == '.csv' else 'Parquet'} file: {reason[:200]}",
            expected="a whole file; a download or export may have broken off",
            next_step=f"write {path.name} again",
        ) from None
    except OSError as error:
        raise _unreadable(path, error) from None


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
