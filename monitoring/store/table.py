"""One Delta Lake table of dated rows that several processes append to."""

import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

from evaluation.errors import EnvironmentProblem

if TYPE_CHECKING:
    from deltalake import DeltaTable

# Appends never conflict with each other, they only race for the next version number; a lost race is one retry.
_COMMIT_RETRIES = 100
_CREATE_ATTEMPTS = 10
# With two commits a second, 200 small files are 100 seconds of traffic; merging them takes about 0.1 s.
_COMPACT_EVERY = 200
# A file of this size is left alone, so that a busy day is not rewritten at every merge.
_FILE_BYTES = 16 * 2**20
# Files are read in no order; the id makes that of rows of one moment the same each time.
_ORDER = ("at", "id")
_KEEP_MERGED = timedelta(hours=1)
_CONFIGURATION = {
    "delta.logRetentionDuration": "interval 1 days",
    "delta.deletedFileRetentionDuration": "interval 1 hours",
    "delta.dataSkippingNumIndexedCols": "4",
}


class DayTable:
    """A table with columns `at` (UTC), `id` and `day` (the date, its partition); made by the first append."""

    def __init__(self, address: str, schema: pl.Schema) -> None:
        self._address = address
        self._schema = schema
        self._table: DeltaTable | None = None
        self._lock = threading.Lock()
        self._appends = 0

    def append(self, frame: pl.DataFrame) -> None:
        """Commit rows of the table's schema, once, whatever other processes do. Raises EnvironmentProblem."""
        with self._lock, self._reported("append to"):
            self._commit(frame.select(self._schema.names()))
            self._appends += 1
            if self._appends % _COMPACT_EVERY == 0:
                self._merge(since=frame["day"].min())

    def scan(self) -> pl.LazyFrame | None:
        """All rows of the newest version, lazily; None where there is no table yet."""
        with self._reported("read"):
            table = self._open()
            return None if table is None else pl.scan_delta(table)

    def newest(self, wanted: pl.Expr, *, since: datetime | None, last: int | None) -> pl.DataFrame:
        """The newest `last` of the wanted rows, oldest first; reads as few files as the statistics allow."""
        if last is not None and last <= 0:
            return pl.DataFrame(schema=self._schema)
        with self._reported("read"):
            table = self._open()
            if table is None:
                return pl.DataFrame(schema=self._schema)
            rows = pl.scan_delta(table).filter(wanted)
            if since is not None:
                rows = _from(rows, since.astimezone(UTC))
            if last is None:
                return rows.sort(_ORDER).collect()
            return _newest(rows, last, pl.DataFrame(table.get_add_actions(flatten=True)))

    def compact(self) -> None:
        """Merge small files of every day and remove those merged more than an hour ago."""
        with self._lock, self._reported("compact"):
            self._merge(since=None)

    def _commit(self, frame: pl.DataFrame) -> None:
        """Append; a commit that landed although an error was reported is done, or a retry would double it.

        deltalake tries again by itself when another append came first, but not when the table was made in between:
        of two first writers the second then starts from the table as it is now.
        """
        from deltalake import CommitProperties, write_deltalake
        from deltalake.exceptions import CommitFailedError

        batch = uuid.uuid4().hex
        once = CommitProperties(custom_metadata={"batch": batch}, max_commit_retries=_COMMIT_RETRIES)
        for attempt in range(_CREATE_ATTEMPTS):
            table = self._current()
            try:
                write_deltalake(table, frame, mode="append", commit_properties=once)
            except Exception as error:
                self._table = None
                if self._landed(batch):
                    return
                if attempt == _CREATE_ATTEMPTS - 1 or not isinstance(error, CommitFailedError):
                    raise
            else:
                return

    def _landed(self, batch: str) -> bool:
        table = self._open()
        return table is not None and any(entry.get("batch") == batch for entry in table.history(limit=100))

    def _current(self) -> "DeltaTable":
        """The table at its newest version, made if need be.

        Never an older one: its next version number may already have been used and cleaned from the log since,
        and a commit under that number would be lost without an error.
        """
        if self._table is not None:
            self._table.update_incremental()
            return self._table
        for attempt in range(_CREATE_ATTEMPTS):
            if (table := self._open()) is not None:
                self._table = table
                return table
            try:
                self._create()
            except Exception:
                # Two first writers: the one that comes second finds the other's table on its next look.
                if attempt == _CREATE_ATTEMPTS - 1:
                    raise
        raise EnvironmentProblem(f"no table could be made at {self._address}")

    def _create(self) -> None:
        from deltalake import DeltaTable

        DeltaTable.create(
            self._address,
            self._schema.to_frame().to_arrow().schema,
            mode="ignore",
            partition_by=["day"],
            configuration=_CONFIGURATION,
        )

    def _open(self) -> "DeltaTable | None":
        from deltalake import DeltaTable

        return DeltaTable(self._address) if DeltaTable.is_deltatable(self._address) else None

    def _merge(self, *, since: Any) -> None:
        from deltalake.exceptions import CommitFailedError

        table = self._open()
        if table is None:
            return
        filters: Any = [("day", ">=", since.isoformat())] if since is not None else None
        try:
            table.optimize.compact(partition_filters=filters, target_size=_FILE_BYTES)
        except CommitFailedError:
            return  # another process merged the same files; its result is as good
        hours = int(_KEEP_MERGED / timedelta(hours=1))
        table.vacuum(retention_hours=hours, dry_run=False, enforce_retention_duration=False)

    @contextmanager
    def _reported(self, deed: str) -> Iterator[None]:
        """Turn whatever deltalake and Polars raise (also bare Exception) into one error for people."""
        try:
            yield
        except EnvironmentProblem:
            raise
        except Exception as error:
            raise EnvironmentProblem(
                f"cannot {deed} the request log at {self._address}: {type(error).__name__}: {error}",
                expected="a Delta Lake table that this process may read and write, and free space",
                next_step="check the folder; weighbridge_log_queue_records at /metrics tells how many records wait",
            ) from error


def _from(rows: pl.LazyFrame, start: datetime) -> pl.LazyFrame:
    return rows.filter((pl.col("day") >= start.date()) & (pl.col("at") >= start))


def _newest(rows: pl.LazyFrame, last: int, files: pl.DataFrame) -> pl.DataFrame:
    """Look at the newest files that hold `last` rows, and at ever more while others' rows are among them."""
    files = files.sort("min.at", descending=True).with_columns(held=pl.col("num_records").cum_sum())
    sought = last
    while True:
        enough = files.filter(pl.col("held") >= sought)
        start = enough["min.at"].first()
        part = rows if not isinstance(start, datetime) else _from(rows, start)
        found = part.sort(_ORDER).tail(last).collect()
        if found.height == last or not isinstance(start, datetime):
            return found
        sought *= 4
