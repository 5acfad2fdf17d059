"""What a writer says of itself: in place, and read whatever else lies there."""

import datetime as dt
import os

from monitoring.store.writers import WRITERS, WriterState, read_states, write_state

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
STATE = WriterState(17, NOW, 12, NOW, True, 3, 4, NOW, None, False)


def test_what_was_written_is_read(tmp_path):
    (tmp_path / WRITERS).mkdir()
    path = tmp_path / WRITERS / "0.json"
    file = os.open(path, os.O_RDWR | os.O_CREAT)
    write_state(file, STATE)
    before = path.stat()
    write_state(file, STATE)
    os.close(file)
    assert read_states(tmp_path) == (STATE,)
    assert (path.stat().st_size, path.stat().st_blocks) == (before.st_size, before.st_blocks)


def test_a_file_that_is_not_whole_is_left_out(tmp_path):
    (tmp_path / WRITERS).mkdir()
    for name, text in (("0.json", ""), ("1.json", '{"pid": 1'), ("2.json", '{"pid": 1}'), ("3.json", "[]")):
        (tmp_path / WRITERS / name).write_text(text)
    assert read_states(tmp_path) == ()


def test_no_folder_is_nobody(tmp_path):
    assert read_states(tmp_path / "log") == ()
