"""One release of a model at a time."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from evaluation.errors import EnvironmentProblem


@contextmanager
def only_one(home: Path) -> Iterator[None]:
    """Hold the home's lock; the operating system frees it when the process ends, however it ends.

    Raises EnvironmentProblem at once when another process holds it, and says which.
    """
    from filelock import FileLock, Timeout

    home.mkdir(parents=True, exist_ok=True)
    holder = home / "release.holder"
    lock = FileLock(home / "release.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise EnvironmentProblem(
            f"another release of this model is running{_who(holder)}",
            expected="one release at a time",
            next_step="wait for it to end, then run the same command again",
        ) from None
    try:
        holder.write_text(
            json.dumps({"pid": os.getpid(), "since": datetime.now(UTC).isoformat(timespec="seconds")})
        )
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _who(holder: Path) -> str:
    try:
        content = json.loads(holder.read_text())
        return f" (process {int(content['pid'])}, since {content['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
