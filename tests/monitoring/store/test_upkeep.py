"""Old days and erased subjects: gone from the table, from every file, and from what other writers do meanwhile."""

import datetime as dt
import os
import threading
import time

import deltalake
import polars as pl
import pytest

from evaluation.errors import EnvironmentProblem
from monitoring.store import table
from monitoring.store.base import LabelRecord, Mark, RequestRecord, Usage
from monitoring.store.delta import _LATER, LABELS, REQUESTS, DeltaRequestLog, Removed

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def record(name, *, days=0, **inputs):
    return RequestRecord(
        name, START + dt.timedelta(days=days), "lending", "1", "r", 1.0, 1, None, inputs or {"age": 1}
    )


def label(name, *, days=0):
    return LabelRecord(name, START + dt.timedelta(days=days), 1)


def everything(folder):
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


def ids(log):
    return log.read(model="lending")["id"].to_list()


class TestMarks:
    def test_a_stretch_of_a_journal_is_stored_once(self, log):
        log.append([record("a")], mark=Mark("j", 0, 7))
        log.append([record("a")], mark=Mark("j", 0, 7))
        log.append([record("b")], mark=Mark("j", 7, 8))
        log.append([record("c")], mark=Mark("k", 0, 1))
        assert ids(log) == ["a", "b", "c"]
        assert (log.stored("j"), log.stored("k"), log.stored("nobody's")) == ((8, 0), (1, 0), (0, 0))

    def test_labels_have_marks_of_their_own(self, log):
        log.append_labels([label("a")], mark=Mark("j", 0, 3))
        log.append_labels([label("b")], mark=Mark("j", 0, 3))
        assert log.stored("j") == (0, 3)
        log.append([record("a"), record("b")])
        assert log.read(model="lending")["target"].to_list() == [1, None]

    def test_a_stretch_of_which_a_part_is_there_is_refused(self, log):
        log.append([record("a")], mark=Mark("j", 0, 7))
        with pytest.raises(EnvironmentProblem, match="up to 7, not 0"):
            log.append([record("a"), record("b")], mark=Mark("j", 0, 9))
        assert ids(log) == ["a"]

    def test_marks_outlive_a_merge_and_a_checkpoint(self, log, tmp_path):
        log.append([record("a")], mark=Mark("j", 0, 7))
        log.append([record("b")])
        log.compact()
        deltalake.DeltaTable(tmp_path / "log" / "requests").create_checkpoint()
        assert DeltaRequestLog(tmp_path / "log").stored("j") == (7, 0)

    def test_a_commit_that_landed_although_an_error_was_told_is_not_repeated(self, log, monkeypatch):
        def lands_and_raises(*args, **options):
            write(*args, **options)
            raise OSError("connection reset")

        write = deltalake.write_deltalake
        monkeypatch.setattr(deltalake, "write_deltalake", lands_and_raises)
        log.append([record("a")], mark=Mark("j", 0, 7))
        assert ids(log) == ["a"]


class TestKeep:
    def test_whole_days_go_with_their_files(self, tmp_path):
        log = DeltaRequestLog(
            tmp_path / "log", keep=dt.timedelta(days=2), clock=lambda: START + dt.timedelta(days=4)
        )
        for day in range(5):
            log.append([record(f"r{day}", days=day)])
            log.append_labels([label(f"r{day}", days=day)])
        # The first append already looked for old days.
        assert log.prune() == Removed(1, 1)
        assert ids(log) == ["r2", "r3", "r4"]
        days = {path.parent.name for path in (tmp_path / "log").rglob("day=*/*.parquet")}
        assert days == {"day=2026-03-03", "day=2026-03-04", "day=2026-03-05"}

    def test_the_first_append_of_a_day_removes_what_is_old(self, tmp_path):
        DeltaRequestLog(tmp_path / "log").append([record("old")])
        log = DeltaRequestLog(
            tmp_path / "log", keep=dt.timedelta(days=1), clock=lambda: START + dt.timedelta(days=2)
        )
        log.append([record("new", days=2)])
        assert ids(log) == ["new"]

    def test_without_a_span_nothing_goes(self, log):
        log.append([record("a", days=-9999)])
        log.compact()
        assert log.prune() == Removed(0, 0)
        assert ids(log) == ["a"]

    def test_an_empty_log_has_nothing_to_remove(self, tmp_path):
        log = DeltaRequestLog(tmp_path / "log", keep=dt.timedelta(days=1))
        assert log.prune() == Removed(0, 0)
        assert log.erase(["x"], field="customer") == Removed(0, 0)
        assert log.traces(["x"], field="customer", ids=(), folder=tmp_path) == ()


class TestErase:
    @pytest.mark.parametrize("value", ["subject-17", 'quote"d', "größe", 17, 17.0])
    def test_every_row_about_a_subject_goes_from_every_file(self, log, tmp_path, value):
        for number in range(3):
            log.append(
                [record(f"his-{number}", days=number, customer=value), record(f"other-{number}", customer=18)]
            )
            log.append_labels([label(f"his-{number}", days=number + 1), label(f"other-{number}")])
        log.compact()
        name = str(int(value)) if isinstance(value, float) else str(value)
        done = log.erase([name], field="customer")
        assert done == Removed(3, 3, frozenset({"his-0", "his-1", "his-2"}))
        assert ids(log) == ["other-0", "other-1", "other-2"]
        assert log.read(model="lending")["target"].null_count() == 0
        assert b"his-" not in everything(tmp_path / "log")
        assert log.traces([name], field="customer", ids=done.ids, folder=tmp_path / "log") == ()

    def test_by_the_id_of_a_row_also_labels_without_one(self, log, tmp_path):
        log.append([record("subject-17"), record("subject-1")])
        log.append_labels([label("subject-17"), label("subject-1")])
        assert log.erase(["subject-17"], field=None).requests == 1
        log.append_labels([label("subject-17")])
        assert log.erase(["subject-17"], field=None) == Removed(0, 1)
        assert b"subject-17" not in everything(tmp_path / "log")
        assert ids(log) == ["subject-1"]

    def test_a_name_that_only_occurs_elsewhere_is_not_taken_for_it(self, log):
        log.append(
            [record("a", customer="170"), record("b", note="17"), record("c", customer=None), record("d")]
        )
        assert log.erase(["17"], field="customer") == Removed(0, 0)

    def test_an_interrupted_erasure_can_be_repeated(self, log, monkeypatch):
        log.append([record("a", customer=17)])
        log.append_labels([label("a")])
        monkeypatch.setattr(log._requests, "remove", lambda _: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            log.erase(["17"], field="customer")
        monkeypatch.undo()
        assert log.erase(["17"], field="customer") == Removed(1, 0, frozenset({"a"}))

    def test_others_append_meanwhile(self, log, tmp_path):
        log.append([record(f"r{number}", customer=number % 2) for number in range(100)])
        other = DeltaRequestLog(tmp_path / "log")
        done = threading.Event()
        appended = []

        def go_on():
            while not done.is_set():
                other.append([record(f"new-{len(appended)}", customer=5)])
                appended.append(1)
                done.wait(0.02)

        thread = threading.Thread(target=go_on)
        thread.start()
        try:
            assert log.erase(["1"], field="customer").requests == 50
        finally:
            done.set()
            thread.join()
        assert log.read(model="lending").height == 50 + len(appended)

    def test_a_file_of_no_table_that_holds_one_is_found(self, log, tmp_path):
        log.append([record("a", customer="subject-17")])
        (path,) = (tmp_path / "log" / "requests").rglob("day=*/*.parquet")
        content = path.read_bytes()
        log.erase(["subject-17"], field="customer")
        assert not path.exists()
        path.write_bytes(content)
        (tmp_path / "log" / "notes.txt").write_text("about subject-17")
        found = log.traces(["subject-17"], field="customer", ids=["a"], folder=tmp_path / "log")
        assert [name.rpartition("/")[2] for name in found] == [path.name, "notes.txt"]


def test_files_of_an_append_that_was_cut_off_go_with_a_merge_after_an_hour(log, tmp_path):
    log.append([record("a")])
    (path,) = (tmp_path / "log" / "requests").rglob("day=*/*.parquet")
    old, young = path.with_name("old.parquet"), path.with_name("young.parquet")
    for each in (old, young):
        each.write_bytes(path.read_bytes())
    os.utime(old, (time.time() - 4000,) * 2)
    log.compact()
    assert (old.exists(), young.exists(), path.exists()) == (False, True, True)


class TestWiden:
    def test_a_table_of_an_earlier_version_is_read_and_gets_the_columns_with_the_next_append(self, tmp_path):
        log = DeltaRequestLog(tmp_path / "log")
        earlier = table.DayTable(
            f"{tmp_path}/log/requests",
            pl.Schema({name: kind for name, kind in REQUESTS.items() if name not in _LATER}),
            told=("at", "id"),
        )
        log.append([record("a")])
        rows = log._requests.read().drop(_LATER)
        for path in sorted((tmp_path / "log").rglob("*"), reverse=True):
            path.unlink() if path.is_file() else path.rmdir()
        earlier.append(rows)
        reader = DeltaRequestLog(tmp_path / "log")
        assert reader.read(model="lending").row(0, named=True)["caller"] is None
        took = Usage(7, 3, 0.25, "stop")
        given = RequestRecord("b", START, "lending", "1", "r", 1.0, 1, None, {}, ("range",), "shop", took)
        reader.append([given])
        found = reader.read(model="lending").sort("id")
        assert found["caller"].to_list() == [None, "shop"]
        assert found["guards"].to_list() == [None, ["range"]]
        assert found["cost"].to_list() == [None, 0.25]
        told = deltalake.DeltaTable(tmp_path / "log" / "requests").metadata().configuration
        assert "id" not in told["delta.dataSkippingStatsColumns"].split(",")


def test_ids_and_labels_stay_out_of_the_statistics_of_the_tables(log, tmp_path):
    log.append([record("subject-17")])
    log.append_labels([label("subject-17")])
    for path in (tmp_path / "log").rglob("*.json"):
        assert b"subject-17" not in path.read_bytes()
        assert b'"minValues":{}' not in path.read_bytes()
    assert set(LABELS) == {"at", "id", "target", "day"}
