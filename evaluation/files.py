"""Files that are there whole, or not at all."""

import os
import secrets
from contextlib import suppress
from pathlib import Path

from evaluation.errors import EnvironmentProblem


def write_whole(path: Path, content: bytes) -> None:
    """Write a file, and its folder, so that a reader or a crash finds the old one or the new one, never half of it.

    Two processes may write at the same time; the last one's file stays.

    Raises EnvironmentProblem when the disk is full or the folder cannot be written.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with draft.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        with suppress(OSError):
            draft.unlink()
        raise EnvironmentProblem(
            f"could not write {path.name}: {error.strerror}",
            expected=f"room and write access in {path.parent}",
            next_step="make room, then run the same command again; it resumes",
        ) from error


def write_secret(path: Path, content: bytes) -> None:
    """Make a file that only its owner reads, whole and at once; one that is there already stays as it is.

    Raises OSError where the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # Unlike a rename, a link does not replace the file that another process made meanwhile.
        with suppress(FileExistsError):
            path.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)
