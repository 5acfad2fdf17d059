"""Files below a request log that still hold something about a subject, whatever the tables say."""

import mmap
from collections.abc import Collection, Iterator
from pathlib import Path

import polars as pl

from evaluation.errors import EnvironmentProblem
from monitoring.store.columns import encode, names_any, said_of

# Shorter texts are found by chance in any file of numbers.
_LEAST_BYTES = 6


def in_tables(
    root: str, names: Collection[str], *, field: str | None, ids: Collection[str]
) -> tuple[str, ...]:
    """Parquet files below `root` with a row about a subject: also those that no table names any more, or yet.

    names: what the subject is called in the input `field` (None: ids name it), ids: the rows that were about it.
    Raises EnvironmentProblem where a file can't be read.
    """
    wanted = pl.col("id").is_in(list({*ids, *(names if field is None else ())}))
    found: set[str] = set()
    try:
        for table, condition in (
            ("requests", wanted if field is None else wanted | names_any(names)),
            ("labels", wanted),
        ):
            rows = _files_of(f"{root}/{table}").filter(condition).collect()
            found |= {
                row["file"]
                for row in rows.iter_rows(named=True)
                if field is None or row["id"] in ids or said_of(row.get("inputs"), field) in names
            }
    except (OSError, pl.exceptions.PolarsError) as error:
        raise EnvironmentProblem(
            f"the files below {root} can't be searched: {type(error).__name__}: {error}",
            expected="Parquet files that this process may read",
            next_step="the same command again",
        ) from error
    return tuple(sorted(found))


def in_bytes(folder: Path, texts: Collection[str]) -> tuple[str, ...]:
    """Other files below a local folder that hold one of these texts, of at least six bytes, as JSON writes it."""
    sought = [encode(text)[1:-1].encode() for text in texts]
    sought = [text for text in sought if len(text) >= _LEAST_BYTES]
    return tuple(str(path) for path in _other_files(folder) if _holds(path, sought))


def _files_of(table: str) -> pl.LazyFrame:
    columns = {"id": pl.String(), "inputs": pl.String()}
    if table.endswith("labels"):
        del columns["inputs"]
    empty = pl.LazyFrame(schema={**columns, "file": pl.String()})
    if "://" not in table and not any(Path(table).glob("day=*/*.parquet")):
        return empty
    rows = pl.scan_parquet(
        f"{table}/day=*/*.parquet",
        include_file_paths="file",
        hive_partitioning=False,
        schema={**columns},
        extra_columns="ignore",
        missing_columns="insert",
    )
    return pl.concat([empty, rows.select(*columns, "file")])


def _other_files(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        data = path.suffix == ".parquet" and "_delta_log" not in path.parts
        if path.is_file() and not data:
            yield path


def _holds(path: Path, sought: Collection[bytes]) -> bool:
    try:
        with path.open("rb") as file:
            if path.stat().st_size == 0:
                return False
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
                return any(content.find(text) >= 0 for text in sought)
    except FileNotFoundError:  # removed by its owner meanwhile
        return False
