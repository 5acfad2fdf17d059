"""One process's write-ahead journal: an SQLite file whose every commit is on disk before anybody is answered.

Entries carry numbers that rise and are never used again, which is what lets the table know each of them once. What is
read damaged is told and left out; a file that is none at all is put aside, so that a start never fails on it.
"""

import logging
import sqlite3
import threading
import time
import uuid
import zlib
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from enum import IntEnum
from pathlib import Path

from evaluation.errors import EnvironmentProblem

_LOG = logging.getLogger("weighbridge.request_log")
_PAGE_BYTES = 4096
# A store that is down for long must not fill the disk that other things need too.
_MAX_BYTES = 2**30
_SCHEMA = """
CREATE TABLE IF NOT EXISTS journal (id TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS entry (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    kind INTEGER NOT NULL,
    records INTEGER NOT NULL,
    at INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    payload BLOB NOT NULL
);
"""


class Kind(IntEnum):
    """What an entry holds."""

    REQUESTS = 0
    LABELS = 1


@dataclass(frozen=True)
class Draft:
    """An entry to be written: so many records, the time of the oldest in microseconds since 1970, and their bytes."""

    kind: Kind
    records: int
    at: int
    payload: bytes


@dataclass(frozen=True)
class Entry:
    """An entry as it was read; `payload` is None where it is damaged."""

    number: int
    kind: Kind
    records: int
    payload: bytes | None


class Journal:
    """The journal in one file, for one process at a time; its methods may be called from several threads.

    Everything raises EnvironmentProblem where the disk is full or broken; what was committed before stays.
    """

    def __init__(self, path: Path, *, max_bytes: int = _MAX_BYTES) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._pages = max_bytes // _PAGE_BYTES
        with self._reported():
            try:
                self._connection = self._open()
            except sqlite3.DatabaseError as error:
                if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                    raise
                self._put_aside()
                self._connection = self._open()
            (self.id,) = self._connection.execute("SELECT id FROM journal").fetchone()
            self.waiting, self.oldest = self._count()

    def add(self, drafts: Sequence[Draft]) -> None:
        """Write entries, all or none; they survive a crash of process and machine when this returns."""
        rows = [
            (draft.kind, draft.records, draft.at, zlib.crc32(draft.payload), draft.payload)
            for draft in drafts
        ]
        with self._lock, self._reported():
            self._run("INSERT INTO entry (kind, records, at, checksum, payload) VALUES (?, ?, ?, ?, ?)", rows)
            if not self.waiting:
                self.oldest = min(draft.at for draft in drafts)
            self.waiting += sum(draft.records for draft in drafts)

    def read(self, *, records: int) -> list[Entry]:
        """The oldest entries, of at least one and then at most so many records."""
        with self._lock, self._reported():
            found = self._connection.execute(
                "SELECT number, kind, records, checksum, payload FROM entry ORDER BY number LIMIT ?",
                (records,),
            )
            taken: list[Entry] = []
            with closing(found):
                for number, kind, count, checksum, payload in found:
                    records -= count
                    if taken and records < 0:
                        break
                    whole = payload if zlib.crc32(payload) == checksum else None
                    taken.append(Entry(number, Kind(kind), count, whole))
            return taken

    def forget(self, number: int) -> None:
        """Remove entries up to a number; no trace of them is left in the files."""
        with self._lock, self._reported():
            self._run("DELETE FROM entry WHERE number <= ?", [(number,)])
            self.waiting, self.oldest = self._count()
            if not self.waiting:
                # As a script: executed as a statement it gives one page back, not all.
                self._connection.executescript("PRAGMA incremental_vacuum")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> None:
        """Close the file; what waits stays in it."""
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, isolation_level=None, check_same_thread=False, timeout=0)
        try:
            for pragma in (
                "auto_vacuum=INCREMENTAL",
                "locking_mode=EXCLUSIVE",
                "journal_mode=WAL",
                # FULL: a commit returns after its fsync. What is deleted is overwritten.
                "synchronous=FULL",
                "secure_delete=ON",
                f"max_page_count={self._pages}",
            ):
                connection.execute(f"PRAGMA {pragma}").fetchall()
            connection.executescript(_SCHEMA)
            _check(connection)
            if connection.execute("SELECT 1 FROM journal").fetchone() is None:
                connection.execute("INSERT INTO journal VALUES (?)", (uuid.uuid4().hex,))
        except BaseException:
            connection.close()
            raise
        return connection

    def _put_aside(self) -> None:
        name = f"{self._path.name}.damaged-{time.time_ns()}"
        for suffix in ("-wal", ""):
            with suppress(FileNotFoundError):
                self._path.with_name(self._path.name + suffix).rename(self._path.with_name(name + suffix))
        _LOG.error("a damaged journal was put aside", extra={"facts": {"file": name}})

    def _run(self, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            self._connection.executemany(statement, rows)
            self._connection.execute("COMMIT")
        except sqlite3.Error:
            with suppress(sqlite3.Error):
                self._connection.execute("ROLLBACK")
            raise

    def _count(self) -> tuple[int, int | None]:
        waiting, oldest = self._connection.execute("SELECT total(records), min(at) FROM entry").fetchone()
        return int(waiting), oldest

    @contextmanager
    def _reported(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OSError) as error:
            raise EnvironmentProblem(
                f"the journal {self._path.name} can't be used: {error}",
                expected="a disk with free space, and a journal that no other process has open",
                next_step=f"make room in {self._path.parent}",
            ) from error


def _check(connection: sqlite3.Connection) -> None:
    """Raise what SQLite would on coming across the damage later."""
    if connection.execute("PRAGMA quick_check(1)").fetchone() != ("ok",):
        error = sqlite3.DatabaseError("the journal's pages do not fit together")
        error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
        raise error


def micros(at: datetime) -> int:
    """A moment as microseconds since 1970.

    >>> from datetime import UTC
    >>> micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return round(at.timestamp() * 1_000_000)
