"""What keeps a Delta table small and private: merging files, removing old days, removing rows without a trace."""

from collections.abc import Callable, Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from evaluation.errors import EnvironmentProblem

if TYPE_CHECKING:
    from deltalake import DeltaTable

# A file of this size is left alone, so that a busy day is not rewritten at every merge.
_FILE_BYTES = 16 * 2**20
_KEEP_MERGED = timedelta(hours=1)
# Each attempt takes some 20 ms and fails when somebody appended meanwhile, which a busy server does once a second.
_ERASE_ATTEMPTS = 100


def merge_files(table: "DeltaTable | None", *, since: Any) -> None:
    """Merge small files of the days from `since` on (all if None); files merged more than an hour ago go."""
    from deltalake.exceptions import CommitFailedError

    if table is None:
        return
    filters: Any = [("day", ">=", since.isoformat())] if since is not None else None
    try:
        table.optimize.compact(partition_filters=filters, target_size=_FILE_BYTES)
    except CommitFailedError:
        return  # another process merged the same files; its result is as good
    _remove_files(table, at_once=False)


def remove_days(table: "DeltaTable | None", first: date, *, at_once: bool) -> int:
    """Remove whole days before `first`; returns how many rows. Files go at once, or an hour later."""
    from deltalake.exceptions import CommitFailedError

    if table is None:
        return 0
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    rows = files.filter(pl.col("partition.day") < first)["num_records"].sum() if files.height else 0
    if rows:
        try:
            table.delete(f"day < '{first.isoformat()}'")
        except CommitFailedError:
            if at_once:
                raise
            return 0  # the next look finds them again
    if rows or at_once:
        _remove_files(table, at_once=at_once)
    return int(rows)


def remove_rows(opened: Callable[[], "DeltaTable | None"], rows: pl.DataFrame) -> int:
    """Remove every row that agrees with one of `rows` in all its columns; returns how many.

    By a merge, not a delete: the table's own log keeps a delete's predicate, and with it the values. Files that held
    the rows are removed at once, so a reader that is just at work may have to read again.
    """
    from deltalake.exceptions import CommitFailedError

    rows = rows.unique()
    same = " AND ".join(f"target.`{name}` = source.`{name}`" for name in rows.columns)
    for attempt in range(_ERASE_ATTEMPTS):
        table = opened()
        if table is None:
            return 0
        try:
            removed = 0
            if rows.height:
                done = (
                    # Streamed, else the smallest and largest value of each column become part of the predicate.
                    table.merge(rows, same, source_alias="source", target_alias="target", streamed_exec=True)
                    .when_matched_delete()
                    .execute()
                )
                removed = int(done["num_target_rows_deleted"])
            _remove_files(table, at_once=True)
        except CommitFailedError:
            if attempt == _ERASE_ATTEMPTS - 1:
                raise
        else:
            return removed
    raise EnvironmentProblem("the request log is too busy to erase from", next_step="the same command again")


def widen(table: "DeltaTable", later: pl.Schema, configuration: Mapping[str, str]) -> "DeltaTable":
    """Give a table that an earlier version made the columns and settings that came later."""
    from deltalake import Schema

    found = {field.name for field in table.schema().fields}
    fields = Schema.from_arrow(later.to_frame().to_arrow().schema).fields
    if lacking := [field for field in fields if field.name not in found]:
        table.alter.add_columns(lacking)
    known = table.metadata().configuration
    if changed := {name: value for name, value in configuration.items() if known.get(name) != value}:
        table.alter.set_table_properties(changed)
    return table


def newest_files(table: "DeltaTable") -> pl.DataFrame:
    """A table's files from the newest on: `min.at`, and how many rows they `held` together."""
    files = pl.DataFrame(table.get_add_actions(flatten=True))
    return files.sort("min.at", descending=True).with_columns(held=pl.col("num_records").cum_sum())


def _remove_files(table: "DeltaTable", *, at_once: bool) -> None:
    """Remove what is in the table no more; and what never was, of appends that were cut off, after an hour.

    An hour, since an append that is not finished yet looks the same.
    """
    hours = int(_KEEP_MERGED / timedelta(hours=1))
    if at_once:
        table.vacuum(retention_hours=0, dry_run=False, enforce_retention_duration=False)
    table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False, full=True)
