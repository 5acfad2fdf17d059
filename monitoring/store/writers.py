"""What a server process says of its writer, in a small file that lies beside the tables."""

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

WRITERS = "writers"
# One block: written in place it needs no room, so it can be told on a full disk that the disk is full.
_BYTES = 1024


@dataclass(frozen=True)
class WriterState:
    """How one process's writer was doing `at` a moment; it says so every few seconds.

    waiting: records that are in no table yet, `oldest` since when; on_disk: they are in a journal, not in memory.
    dropped: records lost, refused: requests not answered since the journal could not keep them, `lost_at` the last.
    failing_since: since when the table or the journal takes nothing, None while all is well.
    ended: the process stopped in order.
    """

    pid: int
    at: datetime
    waiting: int
    oldest: datetime | None
    on_disk: bool
    dropped: int
    refused: int
    lost_at: datetime | None
    failing_since: datetime | None
    ended: bool


_FORM = TypeAdapter(WriterState)


def write_state(file: int, state: WriterState) -> None:
    """Overwrite an open file with a state. Raises OSError."""
    os.pwrite(file, _FORM.dump_json(state).ljust(_BYTES), 0)


def read_states(folder: Path) -> tuple[WriterState, ...]:
    """The states that lie below the folder of a log; one that is not whole is left out."""
    found = []
    for path in sorted((folder / WRITERS).glob("*.json")):
        try:
            found.append(_FORM.validate_json(path.read_bytes()))
        except (OSError, ValidationError):
            continue
    return tuple(found)
