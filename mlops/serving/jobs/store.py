"""Where jobs are kept: an SQLite file that all processes on one log folder share, so that any of them can tell of any.

It holds who asked and what was answered, never what was asked. Each process holds a lock as long as it lives; one whose
lock is free has ended, however it did, and what it left is told and posted by another.
"""

import json
import sqlite3
import uuid
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from evaluation.errors import EnvironmentProblem
from mlops.serving.errors import Busy
from mlops.serving.jobs.config import JobsConfig
from mlops.serving.jobs.database import JobDatabase
from mlops.serving.jobs.job import Job, State, lost
from mlops.serving.log.journal import micros

# Answers may be large; from here on the oldest make room, and nothing is taken beyond twice as much.
_MAX_BYTES = 2**28
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
        self._database = JobDatabase(folder / "jobs.sqlite", max_bytes)
        self._clock = clock
        # Never used again, so that no later process is taken for this one.
        self.owner = uuid.uuid4().hex
        self._alive = FileLock(self._lock_of(self.owner), thread_local=False)

    def open(self) -> None:
        """Make the file or open it. Raises EnvironmentProblem."""
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._alive.acquire(timeout=0)
            with FileLock(self._folder / ".lock", thread_local=False):
                self._database.open()
        except (OSError, Timeout, sqlite3.Error) as error:
            raise EnvironmentProblem(
                f"jobs cannot be kept in {self._folder}: {error}",
                expected="a folder on this machine's own disk with write access and free space",
                next_step="choose another --log-dir",
            ) from error

    def add(self, job: Job) -> None:
        """Keep a job that this process will answer."""
        row = (job.id, job.caller, job.request_id, self.owner, job.state, micros(job.made_at))
        with self._database.changing() as changing:
            changing.execute(
                "INSERT INTO job (id, caller, request_id, owner, state, made_at, callback, headers)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
                (*row, job.callback, json.dumps(dict(job.headers))),
            )

    def begin(self, job_id: str) -> None:
        """Note that a job runs."""
        with self._database.changing() as changing:
            changing.execute("UPDATE job SET state = ? WHERE id = ?", (State.RUNNING, job_id))

    def end(self, job_id: str, state: State, outcome: bytes) -> None:
        """Keep what became of a job."""
        with self._database.changing() as changing:
            changing.execute(
                "UPDATE job SET state = ?, outcome = ?, ended_at = ? WHERE id = ?",
                (state, outcome, micros(self._clock()), job_id),
            )
            self._make_room(changing)

    def posted(self, job_id: str) -> None:
        """Nothing is to be posted for this job any more."""
        with self._database.changing() as changing:
            changing.execute("UPDATE job SET callback = NULL WHERE id = ?", (job_id,))

    def find(self, job_id: str) -> Job | None:
        """A job, unless it is unknown or was kept for long enough."""
        since = micros(self._clock() - self._config.keep)
        with self._database.reading() as connection:
            row = connection.execute(
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
        with self._database.reading() as connection:
            owed = "SELECT DISTINCT owner FROM job WHERE ended_at IS NULL OR callback IS NOT NULL"
            owners = [owner for (owner,) in connection.execute(owed) if owner != self.owner]
        lost, ids = 0, []
        for owner in owners:
            if self.is_gone(owner):
                with self._database.changing() as changing:
                    lost += self._lose(changing, owner)
                    if posts:
                        ids += _claim(changing, owner, self.owner)
        return lost, ids

    def forget(self) -> None:
        """Remove answers that were kept long enough, without a trace in the files."""
        with self._database.changing() as changing:
            self._make_room(changing)
        self._database.shrink()

    def close(self) -> int:
        """Close; what this process has not answered is told as lost. Returns how many jobs."""
        lost = 0
        with suppress(Busy), self._database.changing() as changing:
            lost = self._lose(changing, self.owner)
        self._database.close()
        self._alive.release()
        self._lock_of(self.owner).unlink(missing_ok=True)
        return lost

    def _lock_of(self, owner: str) -> Path:
        return self._folder / f"{owner}.lock"

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
        since = micros(self._clock() - self._config.keep)
        self._database.make_room(changing, since, self._config.most)


def _job(row: Sequence[Any]) -> Job:
    job_id, caller, request_id, made_at, callback, headers, owner, state, outcome = row
    at = datetime.fromtimestamp(made_at / 1_000_000, UTC)
    return Job(job_id, caller, request_id, at, callback, json.loads(headers), owner, State(state), outcome)


def _claim(changing: sqlite3.Connection, owner: str, heir: str) -> list[str]:
    owed = "owner = ? AND callback IS NOT NULL"
    found = changing.execute(f"SELECT id FROM job WHERE {owed} ORDER BY id", (owner,)).fetchall()  # noqa: S608
    changing.execute(f"UPDATE job SET owner = ? WHERE {owed}", (heir, owner))  # noqa: S608
    return [job_id for (job_id,) in found]
