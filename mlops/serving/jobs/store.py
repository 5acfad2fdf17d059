"""Where jobs are kept: an SQLite file that all processes on one log folder share, so that any of them can tell of any.

It holds who asked and what was answered, never what was asked. Each process holds a lock as long as it lives; one whose
lock is free has ended, however it did, and what it left is told and posted by another.
"""

import json
import logging
import os
import sqlite3
import threading
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from evaluation.errors import EnvironmentProblem
from mlops.serving.errors import Busy
from mlops.serving.jobs.config import JobsConfig
from mlops.serving.jobs.job import Job, State, lost
from mlops.serving.log.journal import micros

_LOG = logging.getLogger("weighbridge.jobs")
_PAGE_BYTES = 4096
# Answers may be large; from here on the oldest make room, and nothing is taken beyond twice as much.
_MAX_BYTES = 2**28
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
_COLUMNS = "id, caller, request_id, made_at, callback, headers, owner, state, outcome"


class JobStore:
    """One process's way to the file; its methods may be called from several threads, and raise Busy on a bad disk."""

    def __init__(
        self,
        folder: Path,
        config: JobsConfig,
        *,
        max_bytes: int = _MAX_BYTES,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._folder = folder
        self._config = config
        self._pages = max_bytes // _PAGE_BYTES
        self._clock = clock
        self._lock = threading.Lock()
        # Never used again, so that no later process is taken for this one.
        self.owner = uuid.uuid4().hex
        self._alive = FileLock(self._lock_of(self.owner), thread_local=False)

    def open(self) -> None:
        """Make the file or open it. Raises EnvironmentProblem."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._alive.acquire(timeout=0)
            with FileLock(self._folder / ".lock", thread_local=False):
                self._connection = self._sound()
        except (OSError, Timeout, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"jobs cannot be kept in {self._folder}: {error}",
                expected="a folder on this machine's own disk with write access and free space",
                next_step="choose another --log-dir",
            ) from error

    def add(self, job: Job) -> None:
        """Keep a job that this process will answer."""
        row = (job.id, job.caller, job.request_id, self.owner, job.state, micros(job.made_at))
        with self._changing() as changing:
            changing.execute(
                "INSERT INTO job (id, caller, request_id, owner, state, made_at, callback, headers)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, job.callback, json.dumps(dict(job.headers))),
            )

    def begin(self, job_id: str) -> None:
        """Note that a job runs."""
        with self._changing() as changing:
            changing.execute("UPDATE job SET state = ? WHERE id = ?", (State.RUNNING, job_id))

    def end(self, job_id: str, state: State, outcome: bytes) -> None:
        """Keep what became of a job."""
        with self._changing() as changing:
            changing.execute(
                "UPDATE job SET state = ?, outcome = ?, ended_at = ? WHERE id = ?",
                (state, outcome, micros(self._clock()), job_id),
            )
            self._make_room(changing)

    def posted(self, job_id: str) -> None:
        """Nothing is to be posted for this job any more."""
        with self._changing() as changing:
            changing.execute("UPDATE job SET callback = NULL WHERE id = ?", (job_id,))

    def find(self, job_id: str) -> Job | None:
        """A job, unless it is unknown or was kept for long enough."""
        since = micros(self._clock() - self._config.keep)
        with self._reported():
            row = self._connection.execute(
                f"SELECT {_COLUMNS} FROM job WHERE id = ? AND (ended_at IS NULL OR ended_at > ?)",  # noqa: S608
                (job_id, since),
            ).fetchone()
        return None if row is None else _job(row)

    def is_gone(self, owner: str) -> bool:
        """Whether a process has ended."""
        path = self._lock_of(owner)
        try:
            if path.exists():
                with FileLock(path, thread_local=False).acquire(timeout=0):
                    path.unlink(missing_ok=True)
        except Timeout:
            return False
        except OSError as error:
            raise Busy("jobs cannot be looked after for now") from error
        return True

    def take_over(self, *, posts: bool) -> tuple[int, list[str]]:
        """Tell what processes that ended have left: how many jobs were lost, and, with `posts`, what is to be posted.

        What is to be posted is this process's from now on.
        """
        with self._reported():
            owed = "SELECT DISTINCT owner FROM job WHERE ended_at IS NULL OR callback IS NOT NULL"
            owners = [owner for (owner,) in self._connection.execute(owed) if owner != self.owner]
        lost, ids = 0, []
        for owner in owners:
            if self.is_gone(owner):
                with self._changing() as changing:
                    lost += self._lose(changing, owner)
                    if posts:
                        ids += _claim(changing, owner, self.owner)
        return lost, ids

    def forget(self) -> None:
        """Remove answers that were kept long enough, without a trace in the files."""
        with self._changing() as changing:
            self._make_room(changing)
        with self._reported():
            # As a script: executed as a statement it gives one page back, not all.
            self._connection.executescript("PRAGMA incremental_vacuum")
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()

    def close(self) -> int:
        """Close; what this process has not answered is told as lost. Returns how many jobs."""
        lost = 0
        with suppress(Busy), self._changing() as changing:
            lost = self._lose(changing, self.owner)
        with self._lock, suppress(sqlite3.Error):
            self._connection.close()
        self._alive.release()
        self._lock_of(self.owner).unlink(missing_ok=True)
        return lost

    def _lock_of(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

    def _sound(self) -> sqlite3.Connection:
        """The file; one that is damaged is removed, as what it held would not have been kept for long."""
        path = self._folder / "jobs.sqlite"
        try:
            return self._connect(path)
        except sqlite3.DatabaseError as error:
            if error.sqlite_errorcode not in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
                raise
        for suffix in ("-wal", "-shm", ""):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
        _LOG.error("damaged jobs were removed")
        return self._connect(path)

    def _connect(self, path: Path) -> sqlite3.Connection:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=_PATIENCE_S)
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

    def _lose(self, changing: sqlite3.Connection, owner: str) -> int:
        unanswered = changing.execute(
            "SELECT id, request_id FROM job WHERE owner = ? AND ended_at IS NULL", (owner,)
        ).fetchall()
        now = micros(self._clock())
        changing.executemany(
            "UPDATE job SET state = ?, outcome = ?, ended_at = ? WHERE id = ?",
            [(State.FAILED, lost(request_id), now, job_id) for job_id, request_id in unanswered],
        )
        return len(unanswered)

    def _make_room(self, changing: sqlite3.Connection) -> None:
        """Let go of answers that were kept long enough, and of the oldest where there are too many or too much."""
        since = micros(self._clock() - self._config.keep)
        changing.execute("DELETE FROM job WHERE ended_at <= ?", (since,))
        (kept,) = changing.execute("SELECT count(*) FROM job WHERE ended_at IS NOT NULL").fetchone()
        _remove_oldest(changing, kept - self._config.most)
        kept = min(kept, self._config.most)
        while kept > 0 and _pages_used(changing) > self._pages:
            _remove_oldest(changing, tenth := kept // 10 + 1)
            kept -= tenth

    @contextmanager
    def _changing(self) -> Iterator[sqlite3.Connection]:
        """A transaction: all of it or nothing."""
        with self._reported():
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
                raise

    @contextmanager
    def _reported(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except sqlite3.Error as error:
                facts = {"reason": getattr(error, "sqlite_errorname", type(error).__name__)}
                _LOG.warning("jobs cannot be kept", extra={"facts": facts})
                raise Busy("jobs cannot be kept for now") from error


def _job(row: Sequence[Any]) -> Job:
    job_id, caller, request_id, made_at, callback, headers, owner, state, outcome = row
    at = datetime.fromtimestamp(made_at / 1_000_000, UTC)
    return Job(job_id, caller, request_id, at, callback, json.loads(headers), owner, State(state), outcome)


def _claim(changing: sqlite3.Connection, owner: str, heir: str) -> list[str]:
    owed = "owner = ? AND callback IS NOT NULL"
    found = changing.execute(f"SELECT id FROM job WHERE {owed} ORDER BY id", (owner,)).fetchall()  # noqa: S608
    changing.execute(f"UPDATE job SET owner = ? WHERE {owed}", (heir, owner))  # noqa: S608
    return [job_id for (job_id,) in found]


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
