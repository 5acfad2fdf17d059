"""Where a process's writer keeps its journal and tells its state: numbered files in a folder beside the tables.

A process takes the lowest number that nobody holds; the operating system frees it with the process, however it ends.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from evaluation.errors import EnvironmentProblem
from monitoring.store.writers import WRITERS, WriterState, write_state

_MOST = 1000


class Slot:
    """One number of the folder `writers` below `folder`, held until `free` or the end of the process."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / WRITERS
        try:
            self._folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            self.number, self._lock = next(_take(self._folder))
        except (OSError, StopIteration) as error:
            raise EnvironmentProblem(
                f"no place for a writer's files in {self._folder}: {getattr(error, 'strerror', None) or error}",
                expected="a folder with write access and free space",
                next_step="choose another --log-dir",
            ) from error
        self.journal = self._folder / f"{self.number}.journal"
        self._file: int | None = None

    def tell(self, state: WriterState) -> None:
        """Write the state in place, which works on a full disk once the file is there; failing is of no account."""
        with suppress(OSError):
            if self._file is None:
                path = self._folder / f"{self.number}.json"
                self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            write_state(self._file, state)

    def free(self) -> None:
        """Let another process have the number."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
        self._lock.release()


@contextmanager
def left_behind(folder: Path) -> Iterator[list[Path]]:
    """Hold, for a block, all journals whose process is gone; they are nobody else's meanwhile."""
    held = []
    try:
        for path in sorted((folder / WRITERS).glob("*.journal")):
            lock = FileLock(path.with_suffix(".lock"), thread_local=False)
            with suppress(Timeout):
                lock.acquire(timeout=0)
                held.append((path, lock))
        yield [path for path, _ in held]
    finally:
        for _, lock in held:
            lock.release()


def _take(folder: Path) -> Iterator[tuple[int, FileLock]]:
    for number in range(_MOST):
        lock = FileLock(folder / f"{number}.lock", thread_local=False)
        with suppress(Timeout):
            lock.acquire(timeout=0)
            yield number, lock
