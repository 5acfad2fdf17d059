"""What people are told when a table of the request log can't be read or written."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import polars as pl

from evaluation.errors import EnvironmentProblem

# Opens the table, a DeltaTable, or gives None where there is none.
Opened = Callable[[], Any]


@contextmanager
def reported(deed: str, address: str, opened: Opened) -> Iterator[None]:
    """Turn whatever deltalake and Polars raise (also bare Exception, and panics) into one EnvironmentProblem."""
    try:
        yield
    except EnvironmentProblem:
        raise
    # A file that was cut off makes Polars panic, and its panics are no Exception.
    except (Exception, pl.exceptions.PanicException) as error:
        if damaged := _damaged(opened, address):
            raise _broken(deed, address, damaged) from error
        raise EnvironmentProblem(
            f"cannot {deed} the request log at {address}: {type(error).__name__}: {_plain(error)}",
            expected="a Delta Lake table that this process may read and write, and free space",
            next_step="check the folder; weighbridge_log_queue_records at /metrics tells how many records wait",
        ) from error


def _damaged(opened: Opened, address: str) -> list[str]:
    """Files of a table on this machine that are not as long as when they were written, or are gone, in order."""
    try:
        table = None if "://" in address else opened()
        if table is None:
            return []
        files = pl.DataFrame(table.get_add_actions(flatten=True)).select("path", "size_bytes").rows()
        return sorted(path for path, size in files if _length(Path(address, unquote(path))) != size)
    except Exception:  # noqa: BLE001 - the table's own log is at fault, or the store: the first error says it
        return []


def _length(file: Path) -> int | None:
    return file.stat().st_size if file.is_file() else None


def _broken(deed: str, address: str, damaged: list[str]) -> EnvironmentProblem:
    others = f" and {len(damaged) - 1:,} other files" if len(damaged) > 1 else ""
    return EnvironmentProblem(
        f"cannot {deed} the request log at {address}: {damaged[0]}{others} cut off or gone",
        expected="every file of the table as it was written",
        next_step="restore it from a backup; or delete it and give its rows up: "
        f"python -c \"from deltalake import DeltaTable; DeltaTable('{address}').repair()\"",
    )


def _plain(error: BaseException) -> str:
    """Its message in one line, without the colours that deltalake gives to some."""
    return " ".join(re.sub(r"\x1b\[\d+m", "", str(error)).split())
