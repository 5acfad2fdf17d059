"""One process at a time, and a word about which."""

import json
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from evaluation.errors import EnvironmentProblem
from evaluation.files import write_whole


@contextmanager
def only_one(folder: Path, name: str, *, what: str, doing: str) -> Iterator[None]:
    """Hold the lock `name` of a folder; the operating system frees it when the process ends, however it ends.

    what: names what is under way for whoever comes second, doing: what this process does about it. Raises
    EnvironmentProblem at once when another process holds the lock, and says which and since when.
    """
    from filelock import FileLock, Timeout

    folder.mkdir(parents=True, exist_ok=True)
    holder = folder / f"{name}.holder"
    lock = FileLock(folder / f"{name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise EnvironmentProblem(
            f"{what} is under way{_who(holder)}",
            expected="one at a time",
            next_step="wait for it to end, then run the same command again",
        ) from None
    try:
        since = datetime.now(UTC).isoformat(timespec="seconds")
        write_whole(holder, json.dumps({"pid": os.getpid(), "since": since, "doing": doing}).encode())
        yield
    finally:
        with suppress(OSError):
            holder.unlink(missing_ok=True)
        lock.release()


def one_release(home: Path) -> AbstractContextManager[None]:
    """The lock that a release holds from its first step to its last."""
    return only_one(home, "release", what="another release of this model", doing="releasing")


def _who(holder: Path) -> str:
    try:
        content = json.loads(holder.read_text(encoding="utf-8"))
        return f": process {int(content['pid'])} is {content['doing']}, since {content['since']}"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
