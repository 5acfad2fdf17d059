"""The Delta Lake request log among several processes, and when its store fails."""

import dataclasses
import datetime as dt
import multiprocessing

import deltalake
import polars as pl
import pytest
from deltalake.exceptions import CommitFailedError

from evaluation.errors import EnvironmentProblem
from monitoring.store.base import LabelRecord, RequestRecord
from monitoring.store.delta import DeltaRequestLog

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def record(number, *, version="1", label=1, **inputs):
    return RequestRecord(f"r{number}", START, "lending", version, "r", 1.5, label, 0.75, inputs)


def label(number):
    return LabelRecord(id=f"r{number}", at=START, label=1)


def append_many(folder, name, count, barrier):
    log = DeltaRequestLog(folder)
    barrier.wait()
    for number in range(count):
        log.append([record(number, version=name, **{f"only_{name}": number})])
        log.append_labels([label(number)])


def test_several_processes_make_and_fill_one_log_while_it_is_read_and_compacted(tmp_path):
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(4)
    writers = [
        context.Process(target=append_many, args=(tmp_path / "log", name, 15, barrier))
        for name in ("a", "b", "c")
    ]
    for writer in writers:
        writer.start()
    barrier.wait()
    reader = DeltaRequestLog(tmp_path / "log")
    seen = 0
    while any(writer.is_alive() for writer in writers):
        rows = reader.read(model="lending").height
        assert rows >= seen
        seen = rows
        reader.compact()
    assert [writer.exitcode for writer in writers] == [0, 0, 0]
    frame = reader.read(model="lending")
    assert frame.height == frame.select("version", "id").unique().height == 45
    assert frame["target"].null_count() == 0


class TestFailures:
    def test_a_commit_that_landed_although_an_error_was_told_is_not_repeated(self, log, monkeypatch):
        def lands_and_raises(*args, **options):
            write(*args, **options)
            raise OSError("no space left on device")

        write = deltalake.write_deltalake
        monkeypatch.setattr(deltalake, "write_deltalake", lands_and_raises)
        log.append([record(0)])
        monkeypatch.undo()
        log.append([record(1)])
        assert log.read(model="lending")["id"].to_list() == ["r0", "r1"]

    def test_a_commit_that_failed_is_told_and_can_be_repeated(self, log, monkeypatch):
        def fails(*args, **options):
            raise OSError("no space left on device")

        monkeypatch.setattr(deltalake, "write_deltalake", fails)
        with pytest.raises(EnvironmentProblem, match="no space left on device"):
            log.append([record(0)])
        monkeypatch.undo()
        log.append([record(0)])
        assert log.read(model="lending").height == 1

    def test_two_first_writers(self, log, tmp_path, monkeypatch):
        def comes_second(*args, **options):
            create(*args, **options)
            raise CommitFailedError("protocol changed since last commit")

        create = deltalake.DeltaTable.create
        monkeypatch.setattr(deltalake.DeltaTable, "create", comes_second)
        log.append([record(0)])
        assert log.read(model="lending").height == 1

    def test_a_folder_that_is_a_file(self, tmp_path):
        (tmp_path / "log").write_text("")
        with pytest.raises(EnvironmentProblem, match="cannot append to the request log"):
            DeltaRequestLog(tmp_path / "log").append([record(0)])

    def test_a_log_of_another_making(self, log, tmp_path):
        deltalake.write_deltalake(tmp_path / "log" / "requests", pl.DataFrame({"other": [1]}))
        with pytest.raises(EnvironmentProblem):
            log.append([record(0)])
        with pytest.raises(EnvironmentProblem):
            log.read(model="lending")

    def test_a_writer_that_slept_while_the_log_was_cleaned_loses_nothing(self, log, tmp_path):
        log.append([record(0)])
        other = DeltaRequestLog(tmp_path / "log")
        for number in range(1, 4):
            other.append([record(number)])
        requests = deltalake.DeltaTable(tmp_path / "log" / "requests")
        requests.create_checkpoint()
        for version in range(requests.version()):
            (tmp_path / "log" / "requests" / "_delta_log" / f"{version:020}.json").unlink()
        log.append([record(4)])
        assert log.read(model="lending").height == 5

    def test_values_stay_out_of_the_statistics_of_the_table(self, log, tmp_path):
        told = record(0, name="Grace Hopper", label="granted")
        log.append([dataclasses.replace(told, sources=("cv-of-lovelace.txt",))])
        commits = (tmp_path / "log" / "requests" / "_delta_log").glob("*.json")
        text = "".join(path.read_text() for path in commits)
        assert "min.at" in text or "minValues" in text
        assert "Hopper" not in text
        assert "granted" not in text
        assert "lovelace" not in text


def test_a_table_that_was_made_anew_in_between_takes_the_rows_once(tmp_path, monkeypatch):
    """Of two first writers one sees the other's table appear while it appends: 'metadata changed since last commit'."""
    from deltalake import DeltaTable

    log = DeltaRequestLog(tmp_path / "log")
    log.append_labels([label(1)])
    table = log._labels
    real, behind = table._current, DeltaTable(f"{tmp_path}/log/labels")
    other = DeltaTable(f"{tmp_path}/log/labels")
    other.alter.set_table_properties({"delta.logRetentionDuration": "interval 9 days"})
    answers = [behind]
    monkeypatch.setattr(table, "_current", lambda: answers.pop() if answers else real())
    log.append_labels([label(2)])
    assert not answers
    rows = table.read()
    assert sorted(rows["id"]) == sorted({label(1).id, label(2).id})


def test_a_server_of_before_goes_on_writing_to_a_table_that_a_later_one_widened(tmp_path):
    """As the lane that is replaced does, and the one that is rolled back to."""
    before = DeltaRequestLog(tmp_path / "log")
    before.append_labels([label(1)])
    later = deltalake.DeltaTable(f"{tmp_path}/log/labels")
    later.alter.add_columns([deltalake.Field("reason", "string", nullable=True)])
    before.append_labels([label(2)])
    DeltaRequestLog(tmp_path / "log").append_labels([label(3)])
    rows = pl.read_delta(f"{tmp_path}/log/labels")
    assert sorted(rows["id"]) == sorted(label(number).id for number in (1, 2, 3))
    assert rows["reason"].null_count() == 3


def test_a_process_held_still_while_its_version_was_used_and_cleaned_commits_again(tmp_path, monkeypatch):
    def held_still(table, *args, **options):
        if not woken:
            woken.append(True)
            for number in (2, 3, 4):
                other.append_labels([label(number)])
            current = deltalake.DeltaTable(f"{tmp_path}/log/labels")
            current.create_checkpoint()
            for version in range(current.version()):
                (tmp_path / "log" / "labels" / "_delta_log" / f"{version:020}.json").unlink()
            now[0] += 3600
        write(table, *args, **options)

    log, other, now, woken = DeltaRequestLog(tmp_path / "log"), DeltaRequestLog(tmp_path / "log"), [0.0], []
    log.append_labels([label(1)])
    write = deltalake.write_deltalake
    monkeypatch.setattr(log._labels, "_clock", lambda: now[0])
    monkeypatch.setattr(deltalake, "write_deltalake", held_still)
    log.append_labels([label(5)])
    assert woken
    rows = pl.read_delta(f"{tmp_path}/log/labels")
    assert sorted(rows["id"]) == sorted(label(number).id for number in range(1, 6))
