"""The SQLite file that jobs lie in: opened, made anew where it is damaged, changed by whole transactions, bounded."""

import logging
import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from mlops.serving.errors import Busy

_LOG = logging.getLogger("weighbridge.jobs")
_PAGE_BYTES = 4096
# Another process writes for a moment only.
_PATIENCE_S = 5.0
_SCHEMA = """
CREATE TABLE IF NOT EXISTS job (
    id TEXT PRIMARY KEY,
    caller TEXT NOT NULL,
    request_id TEXT NOT NULL,
    owner TEXT NOT NULL,
    state TEXT NOT NULL,
    made_at INTEGER NOT NULL,
    ended_at INTEGER,
    callback TEXT,
    headers TEXT NOT NULL,
    outcome BLOB
);
CREATE INDEX IF NOT EXISTS ended ON job (ended_at) WHERE ended_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS owed ON job (owner) WHERE ended_at IS NULL OR callback IS NOT NULL;
"""


class JobDatabase:
    """One process's connection, which its threads use in turn; raises Busy where the disk or others do not let it.

    max_bytes: from here on the oldest answers make room; nothing is written beyond twice as much.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self._path = path
        self._pages = max_bytes // _PAGE_BYTES
        self._lock = threading.Lock()

    def open(self) -> None:
        """Make the file or open it; one that is damaged is removed, as what it held would not have been kept for long.

        Raises OSError or sqlite3.Error.
        """
        try:
            self._connection = self._connect()
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise
            for suffix in ("-wal", "-shm", ""):
                self._path.with_name(self._path.name + suffix).unlink(missing_ok=True)
            _LOG.error("damaged jobs were removed")
            self._connection = self._connect()

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for this thread alone."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                facts = {"reason": getattr(error, "sqlite_errorname", type(error).__name__)}
                _LOG.warning("jobs cannot be kept", extra={"facts": facts})
                raise Busy("jobs cannot be kept for now") from error

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        with self.reading() as connection:
            connection.execute("BEGIN IMMEDIATE")
            try:
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
                raise

    def make_room(self, changing: sqlite3.Connection, since: int, most: int) -> None:
        """Let go of answers that ended by `since`, in microseconds, and of the oldest beyond `most` or max_bytes."""
        changing.execute("DELETE FROM job WHERE ended_at <= ?", (since,))
        (kept,) = changing.execute("SELECT count(*) FROM job WHERE ended_at IS NOT NULL").fetchone()
        _remove_oldest(changing, kept - most)
        kept = min(kept, most)
        while kept > 0 and _pages_used(changing) > self._pages:
            _remove_oldest(changing, tenth := kept // 10 + 1)
            kept -= tenth

    def shrink(self) -> None:
        """Give back what is free, without a trace of what was there."""
        with self.reading() as connection:
            # As a script: executed as a statement it gives one page back, not all.
            connection.executescript("PRAGMA incremental_vacuum")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close; it never raises."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _connect(self) -> sqlite3.Connection:
        os.close(os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(
            self._path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S
        )
        try:
            for pragma in (
                "auto_vacuum=INCREMENTAL",
                "journal_mode=WAL",
                # A crash of the machine may cost the last jobs, one of the process costs no answer.
                "synchronous=NORMAL",
                "secure_delete=ON",
                f"max_page_count={2 * self._pages}",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            connection.executescript(_SCHEMA)
        except BaseException:
            connection.close()
            raise
        return connection


def _remove_oldest(changing: sqlite3.Connection, count: int) -> None:
    if count > 0:
        changing.execute(
            "DELETE FROM job WHERE id IN"
            " (SELECT id FROM job WHERE ended_at IS NOT NULL ORDER BY ended_at, id LIMIT ?)",
            (count,),
        )


def _pages_used(changing: sqlite3.Connection) -> int:
    (pages,) = changing.execute("PRAGMA page_count").fetchone()
    (free,) = changing.execute("PRAGMA freelist_count").fetchone()
    return int(pages) - int(free)
