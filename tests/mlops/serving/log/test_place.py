"""A place where a log can never be written is told at the start; a full disk is another matter."""

import errno
import os
import tempfile

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.serving.log.config import Durability, LogConfig
from mlops.serving.log.place import require_place
from mlops.serving.log.slots import Slot

JOURNAL = LogConfig(durability=Durability.JOURNAL)


@pytest.mark.parametrize("config", [LogConfig(), JOURNAL])
def test_a_folder_is_made_and_left_free(tmp_path, config):
    require_place(tmp_path / "home" / "log", config)
    slot = Slot(tmp_path / "home" / "log")
    assert slot.number == 0
    slot.free()


@pytest.mark.parametrize("config", [LogConfig(), JOURNAL])
def test_a_folder_that_is_a_file(tmp_path, config):
    (tmp_path / "log").write_text("")
    with pytest.raises(EnvironmentProblem, match="cannot be written to"):
        require_place(tmp_path / "log", config)


def test_no_room_for_a_journal(tmp_path):
    (tmp_path / "writers").write_text("")
    require_place(tmp_path, LogConfig())
    with pytest.raises(EnvironmentProblem, match="no place for a writer's files"):
        require_place(tmp_path, JOURNAL)


def test_a_full_disk_stops_only_a_server_with_a_journal(tmp_path, monkeypatch):
    def full(**_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    require_place(tmp_path, LogConfig())
    with pytest.raises(EnvironmentProblem, match="No space left"):
        require_place(tmp_path, JOURNAL)
