"""Documents that passages come from: a folder of texts, or a table."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from evaluation.errors import UserError

_TEXTS = (".txt", ".md")
_TABLES = (".parquet", ".csv", ".jsonl")


@dataclass(frozen=True)
class Documents:
    """Texts by their ids, and how many were left out: blank ones, and ones that repeat an earlier text."""

    ids: tuple[str, ...]
    texts: tuple[str, ...]
    blank: int = 0
    repeated: int = 0


def read_documents(path: Path) -> Documents:
    """Read a folder of .txt and .md files, whose ids are their names, or a table with columns id and text.

    Raises UserError where there is nothing to read, a text is not UTF-8 or two texts have one id.
    """
    if path.is_dir():
        rows = list(_folder(path))
    elif path.suffix in _TABLES and path.is_file():
        rows = list(_table(path))
    else:
        raise UserError(
            f"no documents at {path}",
            expected="a folder of .txt and .md files, or a .parquet, .csv or .jsonl file with columns id and text",
            next_step="correct retrieval.documents in weighbridge.yaml",
        )
    return _distinct(rows, path)


def _distinct(rows: list[tuple[str, str]], path: Path) -> Documents:
    kept: dict[str, str] = {}
    seen: set[str] = set()
    blank = repeated = 0
    for name, text in rows:
        if not text.strip():
            blank += 1
        elif name in kept and kept[name] != text:
            raise UserError(
                f"{path.name} has two texts with the id '{name}'", expected="an id for each document"
            )
        elif text in seen:
            repeated += 1
        else:
            kept[name] = text
            seen.add(text)
    if not kept:
        raise UserError(
            f"{path.name} has no document with text in it ({len(rows):,} read)",
            expected="at least one document",
            next_step="correct retrieval.documents in weighbridge.yaml",
        )
    return Documents(tuple(kept), tuple(kept.values()), blank, repeated)


def _folder(folder: Path) -> Iterator[tuple[str, str]]:
    for path in sorted(folder.rglob("*")):
        if path.suffix in _TEXTS and path.is_file():
            name = path.relative_to(folder).as_posix()
            try:
                yield name, path.read_text(encoding="utf-8-sig")
            except UnicodeDecodeError as error:
                raise UserError(
                    f"{name} is not UTF-8: byte {error.start} is 0x{error.object[error.start]:02x}",
                    expected="text files in UTF-8",
                    next_step=f"save it as UTF-8; if it is Latin-1, by iconv -f latin1 -t utf-8 {name}",
                ) from None


def _table(path: Path) -> Iterator[tuple[str, str]]:
    try:
        if path.suffix == ".parquet":
            table = pl.read_parquet(path)
        elif path.suffix == ".csv":
            table = pl.read_csv(path, infer_schema=False)
        else:
            table = pl.read_ndjson(path, infer_schema_length=None)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UserError(
            f"{path.name} cannot be read: {str(error).splitlines()[0]}",
            expected=f"a {path.suffix} file, its texts in UTF-8",
        ) from None
    absent = [name for name in ("id", "text") if name not in table.columns]
    if absent:
        raise UserError(
            f"{path.name} has no column '{absent[0]}'",
            expected=f"columns id and text; it has {', '.join(table.columns)}",
            next_step="rename the columns",
        )
    if table["id"].null_count():
        raise UserError(f"{path.name} has {table['id'].null_count():,} documents without id")
    texts = table.select(pl.col("id", "text").cast(pl.String)).fill_null("")
    return iter(texts.rows())
