"""Whether a request log can be written where the server is told to."""

import errno
import tempfile
from pathlib import Path

from evaluation.errors import EnvironmentProblem
from mlops.serving.log.config import Durability, LogConfig
from mlops.serving.log.journal import Journal
from mlops.serving.log.slots import Slot


def require_place(folder: Path, config: LogConfig) -> None:
    """Make the folder and try it: a log that can never be written is a mistake at the start, not in every request.

    A full disk stops only a server with a journal; in batches it serves, and writes when there is room again.
    Raises EnvironmentProblem.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError as error:
        if error.errno == errno.ENOSPC and config.durability is Durability.BATCH:
            return
        raise EnvironmentProblem(
            f"the request log cannot be written to {folder}: {error.strerror}",
            expected="a folder with write access and free space",
            next_step="choose another --log-dir",
        ) from error
    if config.durability is Durability.JOURNAL:
        slot = Slot(folder)
        try:
            Journal(slot.journal).close()
        finally:
            slot.free()
