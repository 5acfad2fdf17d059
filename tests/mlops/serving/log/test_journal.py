"""The journal: what was committed is there after any end, and what is broken is told, never a crash."""

import os
import sqlite3

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.serving.log.journal import Draft, Journal, Kind
from mlops.serving.log.slots import Slot, left_behind


def draft(text, *, records=1, at=1, kind=Kind.REQUESTS):
    return Draft(kind, records, at, text.encode())


def payloads(journal):
    return [entry.payload and entry.payload.decode() for entry in journal.read(records=1000)]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "0.journal"


@pytest.fixture
def opened(path):
    journals = []

    def open_journal(**options):
        journals.append(Journal(path, **options))
        return journals[-1]

    yield open_journal
    for journal in journals:
        journal.close()


def copy_as_after_a_crash(path, target):
    """What a new process finds: the files as they are now, without the end that a process in order makes."""
    target.mkdir()
    for suffix in ("", "-wal"):
        (target / (path.name + suffix)).write_bytes(path.with_name(path.name + suffix).read_bytes())
    return target / path.name


def test_entries_outlive_a_process_and_keep_their_numbers(path, opened):
    first = opened()
    first.add([draft("a", at=5), draft("b", records=3, kind=Kind.LABELS)])
    first.forget(1)
    first.close()
    second = opened()
    assert (second.id, second.waiting, second.oldest) == (first.id, 3, 1)
    second.add([draft("c", at=9)])
    assert [(entry.number, entry.kind, entry.records) for entry in second.read(records=99)] == [
        (2, 1, 3),
        (3, 0, 1),
    ]
    second.forget(3)
    second.add([draft("d")])
    assert [entry.number for entry in second.read(records=99)] == [4]


def test_a_read_is_bounded_by_records_and_gives_at_least_one(opened):
    journal = opened()
    journal.add([draft("a", records=5), draft("b", records=2), draft("c", records=2)])
    assert len(journal.read(records=1)) == 1
    assert len(journal.read(records=7)) == 2
    assert len(journal.read(records=9)) == 3


def test_what_was_committed_is_found_after_a_crash_whatever_became_of_the_tail(path, opened, tmp_path):
    journal = opened()
    sizes = []
    for number in range(6):
        journal.add([draft(f"entry-{number}" * 50)])
        sizes.append(path.with_name(path.name + "-wal").stat().st_size)
    for number, cut in enumerate(range(sizes[2], sizes[5], 1000)):
        copy = copy_as_after_a_crash(path, tmp_path / str(number))
        os.truncate(copy.with_name(copy.name + "-wal"), cut)
        with copy.with_name(copy.name + "-wal").open("ab") as wal:
            wal.write(b"\xff" * 3000)
        found = Journal(copy)
        whole = sum(size <= cut for size in sizes)
        assert payloads(found) == [f"entry-{number}" * 50 for number in range(whole)]
        found.close()


def test_an_entry_that_rotted_is_told(path, opened):
    journal = opened()
    journal.add([draft("good"), draft("rotten"), draft("good too")])
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE entry SET payload = CAST('rottem' AS BLOB) WHERE number = 2")
    connection.close()
    assert payloads(opened()) == ["good", None, "good too"]


@pytest.mark.parametrize("damage", [slice(0, 100), slice(8192, 40_000), slice(6 * 4096, 9 * 4096)])
def test_a_file_that_is_no_journal_is_put_aside(path, opened, caplog, damage):
    journal = opened()
    journal.add([draft("x" * 9000) for _ in range(20)])
    journal.close()
    content = bytearray(path.read_bytes())
    content[damage] = b"\x07" * (damage.stop - damage.start)
    path.write_bytes(content)
    again = opened()
    again.add([draft("goes on")])
    assert payloads(again) == ["goes on"]
    assert len(list(path.parent.glob("*.damaged-*"))) == 1
    assert "a damaged journal was put aside" in caplog.messages


def test_a_full_journal_refuses_and_keeps_what_it_has(opened):
    journal = opened(max_bytes=64 * 1024)
    journal.add([draft("kept")])
    with pytest.raises(EnvironmentProblem, match="full"):
        journal.add([draft("x" * 100_000)])
    assert payloads(journal) == ["kept"]
    assert journal.waiting == 1
    journal.add([draft("fits")])
    assert payloads(journal) == ["kept", "fits"]


def test_what_is_forgotten_leaves_no_trace_and_no_size(path, opened):
    journal = opened()
    journal.add([draft("s3cr3t " * 5000) for _ in range(20)])
    journal.forget(20)
    found = [each for each in path.parent.iterdir() if b"s3cr3t" in each.read_bytes()]
    assert found == []
    assert sum(each.stat().st_size for each in path.parent.iterdir()) < 32 * 1024


def test_two_processes_cannot_have_one_journal(path, opened):
    opened()
    with pytest.raises(EnvironmentProblem, match="locked"):
        Journal(path)


class TestSlots:
    def test_each_gets_the_lowest_free_number(self, tmp_path):
        first, second = Slot(tmp_path), Slot(tmp_path)
        assert (first.number, second.number) == (0, 1)
        first.free()
        third = Slot(tmp_path)
        assert third.number == 0
        for slot in (second, third):
            slot.free()

    def test_only_journals_whose_process_is_gone_are_left_behind(self, tmp_path):
        gone, works = Slot(tmp_path), Slot(tmp_path)
        for slot in (gone, works):
            Journal(slot.journal).close()
        gone.free()
        with left_behind(tmp_path) as paths:
            assert paths == [gone.journal]
            newcomer = Slot(tmp_path)
            assert newcomer.number == 2
            with left_behind(tmp_path) as others:
                assert others == []
        for slot in (works, newcomer):
            slot.free()

    def test_a_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "log").write_text("")
        with pytest.raises(EnvironmentProblem, match="no place for a writer's files"):
            Slot(tmp_path / "log")
