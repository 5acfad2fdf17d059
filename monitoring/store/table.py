"""One Delta Lake table of dated rows that several processes append to."""

import threading
import time
import uuid
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Literal

import polars as pl

from evaluation.errors import EnvironmentProblem
from monitoring.store.base import Mark
from monitoring.store.trouble import reported
from monitoring.store.upkeep import merge_files, newest_files, remove_days, remove_rows, widen

if TYPE_CHECKING:
    from deltalake import DeltaTable

# Appends never conflict with each other, they only race for the next version number; a lost race is one retry.
_COMMIT_RETRIES = 100
_CREATE_ATTEMPTS = 10
# A commit takes longer the more small files there are and the more of the log has to be read since its last checkpoint:
# with merges at 200 and checkpoints at 100 it took half as long again as with these (`benchmarks request_log`).
_COMPACT_EVERY = 50
_CHECKPOINT_EVERY = 25
# Every commit lists the table's log: with that of a day a busy server's would come to take a second.
_KEEP_LOG = timedelta(minutes=5)
# Files are read in no order; the id makes that of rows of one moment the same each time.
_ORDER = ("at", "id")


class DayTable:
    """A table with columns `at` (UTC), `id` and `day` (the date, its partition); made by the first append.

    told: columns whose smallest and largest value a file tells in the table's own log, which outlives the file.
    later: columns that tables of an earlier version lack; there they are null, and the next append adds them.
    keep_from: asked now and then for the first day that is kept; None keeps everything.
    """

    def __init__(
        self,
        address: str,
        schema: pl.Schema,
        *,
        told: tuple[str, ...],
        later: tuple[str, ...] = (),
        keep_from: Callable[[], date | None] = lambda: None,
    ) -> None:
        self._address = address
        self._schema = schema
        self._later = pl.Schema({name: schema[name] for name in later})
        self._configuration = {
            "delta.checkpointInterval": str(_CHECKPOINT_EVERY),
            "delta.logRetentionDuration": f"interval {_KEEP_LOG // timedelta(minutes=1)} minutes",
            "delta.deletedFileRetentionDuration": "interval 1 hours",
            "delta.dataSkippingStatsColumns": ",".join(told),
        }
        self._keep_from = keep_from
        self._clock = time.time
        self._table: DeltaTable | None = None
        self._lock = threading.Lock()
        self._appends = 0
        self._tended: date | None = None

    def prepare(self) -> None:
        """Open the table if there is one: the first append is no slower then than others. Raises EnvironmentProblem."""
        with self._lock, self._reported("open"):
            if self._open() is not None:
                self._current()

    def append(self, frame: pl.DataFrame, mark: Mark | None = None) -> None:
        """Commit rows of the table's schema, once, whatever other processes do. Raises EnvironmentProblem.

        With a mark that the table holds already, nothing is appended: the rows are there.
        """
        with self._lock, self._reported("append to"):
            self._commit(frame.select(self._schema.names()), mark)
            self._appends += 1
            today = datetime.now(UTC).date()
            if self._appends % _COMPACT_EVERY == 0:
                merge_files(self._open(), since=frame["day"].min())
            if today != self._tended:
                self._tended = today
                self._remove_old()

    def stored(self, journal: str) -> int:
        """The highest mark of a journal that the table holds, 0 for none. Raises EnvironmentProblem."""
        with self._reported("read"):
            table = self._open()
            return 0 if table is None else table.transaction_version(journal) or 0

    def read(self, query: Callable[[pl.LazyFrame], pl.LazyFrame] = lambda rows: rows) -> pl.DataFrame:
        """What a query finds among all rows of the newest version, none where there is no table yet.

        Raises EnvironmentProblem.
        """
        with self._reported("read"):
            table = self._open()
            return query(self._schema.to_frame().lazy() if table is None else self._scan(table)).collect()

    def newest(self, wanted: pl.Expr, *, since: datetime | None, last: int | None) -> pl.DataFrame:
        """The newest `last` of the wanted rows, oldest first; reads as few files as the statistics allow."""
        if last is not None and last <= 0:
            return pl.DataFrame(schema=self._schema)
        with self._reported("read"):
            table = self._open()
            if table is None:
                return pl.DataFrame(schema=self._schema)
            rows = self._scan(table).filter(wanted)
            if since is not None:
                rows = _from(rows, since.astimezone(UTC))
            if last is None:
                return rows.sort(_ORDER).collect()
            return _newest(rows, last, newest_files(table))

    def compact(self) -> None:
        """Merge small files of every day, remove days that are not kept, and files merged more than an hour ago."""
        with self._lock, self._reported("compact"):
            merge_files(self._open(), since=None)
            self._remove_old()

    def remove_before(self, first: date) -> int:
        """Remove all days before `first` and their files, at once; returns how many rows that were."""
        with self._lock, self._reported("prune"):
            return remove_days(self._open(), first, at_once=True)

    def remove(self, rows: pl.DataFrame) -> int:
        """Remove the rows that agree in every column of `rows`, and every file that held them, at once.

        `rows` has `day` and any other columns of text or time; nothing of their values is left in the table's own log.
        """
        with self._lock, self._reported("erase from"):
            return remove_rows(self._open, rows)

    def _remove_old(self) -> None:
        if first := self._keep_from():
            remove_days(self._open(), first, at_once=False)

    def _scan(self, table: "DeltaTable") -> pl.LazyFrame:
        """The rows; a column that came later and is not there is null."""
        rows = pl.scan_delta(table)
        found = {field.name for field in table.schema().fields}
        lacking = [pl.lit(None, kind).alias(name) for name, kind in self._later.items() if name not in found]
        return rows.with_columns(lacking).select(self._schema.names())

    def _commit(self, frame: pl.DataFrame, mark: Mark | None) -> None:
        """Append; a commit that landed although an error was reported is done, or a retry would double it.

        deltalake tries again by itself when another append came first, but not when the table was made in between:
        of two first writers the second then starts from the table as it is now. A process that was held still for so
        long that its version's number was used and cleaned from the log meanwhile looks whether its rows are there.
        """
        from deltalake import CommitProperties, Transaction, write_deltalake
        from deltalake.exceptions import CommitFailedError

        batch = uuid.uuid4().hex
        once = CommitProperties(
            custom_metadata={"batch": batch},
            max_commit_retries=_COMMIT_RETRIES,
            app_transactions=[Transaction(mark.journal, mark.number)] if mark else None,
        )
        for attempt in range(_CREATE_ATTEMPTS):
            began = self._clock()
            table = self._current()
            if mark and self._holds(table, mark):
                return
            try:
                write_deltalake(
                    table, frame, mode="append", schema_mode=self._mode(table), commit_properties=once
                )
            except Exception as error:
                self._table = None
                if self._landed(batch, mark):
                    return
                again = isinstance(error, CommitFailedError) or self._slept(began)
                if attempt == _CREATE_ATTEMPTS - 1 or not again:
                    raise
            else:
                if not self._slept(began) or self._landed(batch, mark):
                    return
                self._table = None
        raise EnvironmentProblem(f"rows for {self._address} were written and are not there")

    def _slept(self, began: float) -> bool:
        """Whether so much time has passed that the version which was read may have been cleaned from the log."""
        return self._clock() - began >= _KEEP_LOG.total_seconds() / 2

    def _mode(self, table: "DeltaTable") -> Literal["merge"] | None:
        """How rows get in where a later version has widened the table: its columns are null in them."""
        found = {field.name for field in table.schema().fields}
        return "merge" if found > set(self._schema) else None

    def _landed(self, batch: str, mark: Mark | None) -> bool:
        if (table := self._open()) is None:
            return False
        if mark:
            return self._holds(table, mark)
        return any(entry.get("batch") == batch for entry in table.history(limit=100))

    def _holds(self, table: "DeltaTable", mark: Mark) -> bool:
        """Whether the rows of a mark are there; raises EnvironmentProblem where only some of them are."""
        found = table.transaction_version(mark.journal) or 0
        if mark.after < found < mark.number:
            # An earlier append arrived after all that was given up for lost.
            raise EnvironmentProblem(
                f"the request log holds the journal up to {found}, not {mark.after}",
                next_step="ask, then go on",
            )
        return found >= mark.number

    def _current(self) -> "DeltaTable":
        """The table at its newest version, made if need be.

        Never an older one: its next version number may already have been used and cleaned from the log since,
        and a commit under that number would be lost without an error.
        """
        if self._table is not None:
            self._table.update_incremental()
            return self._table
        for attempt in range(_CREATE_ATTEMPTS):
            table = self._open()
            try:
                if table is not None:
                    self._table = widen(table, self._later, self._configuration)
                    return self._table
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
            configuration=self._configuration,
        )

    def _open(self) -> "DeltaTable | None":
        from deltalake import DeltaTable

        return DeltaTable(self._address) if DeltaTable.is_deltatable(self._address) else None

    def _reported(self, deed: str) -> AbstractContextManager[None]:
        return reported(deed, self._address, self._open)


def _from(rows: pl.LazyFrame, start: datetime) -> pl.LazyFrame:
    return rows.filter((pl.col("day") >= start.date()) & (pl.col("at") >= start))


def _newest(rows: pl.LazyFrame, last: int, files: pl.DataFrame) -> pl.DataFrame:
    """Look at the newest files that hold `last` rows, and at ever more while others' rows are among them."""
    sought = last
    while True:
        enough = files.filter(pl.col("held") >= sought)
        start = enough["min.at"].first()
        part = rows if not isinstance(start, datetime) else _from(rows, start)
        found = part.sort(_ORDER).tail(last).collect()
        if found.height == last or not isinstance(start, datetime):
            return found
        sought *= 4
