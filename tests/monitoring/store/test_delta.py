"""The Delta Lake request log: what goes in comes out, also across versions of a model."""

import dataclasses
import datetime as dt
import shutil
import subprocess
import sys
from pathlib import Path

import deltalake
import polars as pl
import pytest

from evaluation.errors import EnvironmentProblem
from monitoring.store import table, upkeep
from monitoring.store.base import LabelRecord, RequestRecord, Usage, sources_of
from monitoring.store.delta import DeltaRequestLog

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
FIXED = [
    "id", "at", "version", "release_id", "latency_ms", "prediction", "score", "guards", "caller",
    "prompt_tokens", "completion_tokens", "cost", "finish_reason", "sources", "target",
]  # fmt: skip


def record(number, *, hours=0.0, model="lending", version="1", label=1, **inputs):
    return RequestRecord(
        id=f"r{number}",
        at=START + dt.timedelta(seconds=number, hours=hours),
        model=model,
        version=version,
        release_id="20260301-120000-1a2b3c4d",
        latency_ms=1.5,
        label=label,
        score=0.75,
        inputs=inputs or {"age": number},
    )


def label(number, value=1, *, hours=0.0):
    return LabelRecord(id=f"r{number}", at=START + dt.timedelta(hours=hours), label=value)


def files(log_folder: Path) -> list[Path]:
    return [path for path in log_folder.rglob("*.parquet") if "_delta_log" not in path.parts]


def test_an_empty_log_gives_an_empty_frame_and_makes_nothing(log, tmp_path):
    frame = log.read(model="lending")
    assert frame.columns == FIXED
    assert frame.height == 0
    log.append([])
    log.append_labels([])
    log.compact()
    assert not (tmp_path / "log").exists()


def test_what_was_appended_is_read_oldest_first(log):
    log.append([record(2), record(0)])
    log.append([record(1)])
    frame = log.read(model="lending")
    assert frame.row(0, named=True) == {
        "id": "r0",
        "at": START,
        "version": "1",
        "release_id": "20260301-120000-1a2b3c4d",
        "latency_ms": 1.5,
        "prediction": 1,
        "score": 0.75,
        "guards": [],
        "caller": None,
        "prompt_tokens": None,
        "completion_tokens": None,
        "cost": None,
        "finish_reason": None,
        "sources": None,
        "target": None,
        "input.age": 0,
    }
    assert frame["id"].to_list() == ["r0", "r1", "r2"]


def test_what_a_text_took_stands_beside_it_and_of_what_is_not_told_nothing(log):
    told = [Usage(7, 3, 0.25, "stop"), None, Usage(8, 4), Usage(finish_reason="length")]
    log.append([dataclasses.replace(record(number), usage=usage) for number, usage in enumerate(told)])
    log.append([record(4)])
    frame = log.read(model="lending").select("prompt_tokens", "completion_tokens", "cost", "finish_reason")
    assert frame.rows() == [
        (7, 3, 0.25, "stop"),
        (None, None, None, None),
        (8, 4, None, None),
        (None, None, None, "length"),
        (None, None, None, None),
    ]


def test_what_a_text_was_given_is_a_list_and_nothing_found_is_not_nothing_known(log):
    told = [("moby-dick.txt", "Ä\u2028"), (), None]
    log.append([dataclasses.replace(record(number), sources=ids) for number, ids in enumerate(told)])
    log.append([record(3)])
    assert log.read(model="lending")["sources"].to_list() == [["moby-dick.txt", "Ä\u2028"], [], None, None]


@pytest.mark.parametrize(
    ("facts", "kept"),
    [
        ({}, None),
        ({"sources": None}, None),
        ({"sources": []}, ()),
        ({"sources": [], "contexts": []}, ()),
        ({"sources": [], "contexts": ["a passage without an id"]}, None),
        ({"sources": ["a", "b", "a"], "contexts": ["one"]}, ("a", "b", "a")),
        ({"sources": [str(number) for number in range(500)]}, tuple(map(str, range(100)))),
    ],
)
def test_what_is_kept_of_sources(facts, kept):
    assert sources_of(facts) == kept


def test_long_ids_are_cut_and_stay_apart():
    (one, same, other) = sources_of({"sources": ["x" * 300 + "a", "x" * 300 + "a", "x" * 300 + "b"]})
    assert one == same != other
    assert {len(one), len(other)} == {200}
    assert sources_of({"sources": ["x" * 200, "\ud800" * 201]})[0] == "x" * 200


def test_a_table_of_an_earlier_version_is_read_and_gets_the_columns_that_came_later(log, tmp_path):
    log.append([dataclasses.replace(record(0), sources=("lost with its column",))])
    table = deltalake.DeltaTable(tmp_path / "log" / "requests")
    later = ["guards", "caller", "prompt_tokens", "completion_tokens", "cost", "finish_reason", "sources"]
    earlier = pl.scan_delta(table).drop(later).collect()
    shutil.rmtree(tmp_path / "log" / "requests")
    deltalake.write_deltalake(tmp_path / "log" / "requests", earlier, partition_by=["day"])
    assert log.read(model="lending")["sources"].to_list() == [None]
    DeltaRequestLog(tmp_path / "log").append([dataclasses.replace(record(1), sources=("a", "b"))])
    assert log.read(model="lending")["sources"].to_list() == [None, ["a", "b"]]


def test_a_moment_of_another_zone_is_stored_as_utc(log):
    moment = dt.datetime(2026, 3, 1, 1, tzinfo=dt.timezone(dt.timedelta(hours=3)))
    log.append([RequestRecord("a", moment, "lending", "1", "r", 1.0, 1, None, {})])
    assert log.read(model="lending")["at"].to_list() == [dt.datetime(2026, 2, 28, 22, tzinfo=dt.UTC)]
    assert log.read(model="lending", since=moment).height == 1


@pytest.mark.parametrize("predictions", [[0, 1], [0.25, -3.0], ["cat", "dog"], [True, False]])
def test_predictions_and_labels_keep_their_type(log, predictions):
    log.append([record(number, label=value) for number, value in enumerate(predictions)])
    log.append_labels([label(number, value) for number, value in enumerate(predictions)])
    frame = log.read(model="lending")
    assert frame["prediction"].to_list() == predictions
    assert frame["target"].to_list() == predictions
    assert frame["prediction"].dtype == pl.Series(predictions).dtype


class TestVersionsWithOtherFeatures:
    def test_each_version_has_its_own_columns(self, log):
        log.append([record(0, version="1", age=30, job="none")])
        log.append([record(1, version="2", age=31, income=10.5)])
        assert log.read(model="lending", version="1").columns == [*FIXED, "input.age", "input.job"]
        assert log.read(model="lending", version="2").columns == [*FIXED, "input.age", "input.income"]
        assert log.read(model="lending").select("input.job", "input.income").rows() == [
            ("none", None),
            (None, 10.5),
        ]

    def test_a_whole_number_that_becomes_a_fraction_loses_nothing(self, log):
        log.append([record(0, version="1", age=30)])
        log.append([record(1, version="2", age=30.5)])
        assert log.read(model="lending")["input.age"].to_list() == [30.0, 30.5]
        assert log.read(model="lending", version="1")["input.age"].dtype == pl.Int64

    def test_a_number_that_becomes_text(self, log):
        log.append([record(0, version="1", grade=1)])
        log.append([record(1, version="2", grade="A")])
        assert log.read(model="lending")["input.grade"].to_list() == ["1", "A"]

    def test_names_that_differ_by_case_or_are_not_identifiers(self, log):
        names = ["age", "Age", "sepal length (cm)", "a,b;c=d{e}", "input.x", "größe", ""]
        log.append([record(0, **dict.fromkeys(names, 1.0))])
        assert log.read(model="lending").columns[len(FIXED) :] == [f"input.{name}" for name in names]

    def test_a_feature_left_out_by_every_record_is_a_null_column(self, log):
        log.append([record(0, age=None)])
        assert log.read(model="lending").schema["input.age"] == pl.Null


class TestRead:
    def test_only_the_model_and_the_version_asked_for(self, log):
        log.append([record(0), record(1, version="2"), record(2, model="flights", distance=100)])
        assert log.read(model="lending")["id"].to_list() == ["r0", "r1"]
        assert log.read(model="lending", version="2")["id"].to_list() == ["r1"]
        assert "input.distance" not in log.read(model="lending").columns
        assert log.read(model="nobody").columns == FIXED

    def test_since_is_inclusive(self, log):
        log.append([record(number) for number in range(4)])
        frame = log.read(model="lending", since=START + dt.timedelta(seconds=2))
        assert frame["id"].to_list() == ["r2", "r3"]

    @pytest.mark.parametrize("last", [0, 1, 3, 7, 30, 100])
    def test_last_is_the_newest_whatever_the_files(self, log, last):
        for batch in range(6):
            log.append([record(number * 6 + batch, hours=number * 7) for number in range(5)])
        everything = log.read(model="lending")["id"].to_list()
        assert (
            log.read(model="lending", last=last)["id"].to_list()
            == everything[len(everything) - min(last, 30) :]
        )

    def test_last_looks_further_back_while_other_models_are_in_between(self, log):
        log.append([record(number) for number in range(3)])
        for batch in range(1, 8):
            log.append([record(batch * 100 + number, model="flights") for number in range(3)])
        log.append([record(5000)])
        assert log.read(model="lending", last=3)["id"].to_list() == ["r1", "r2", "r5000"]

    def test_last_with_since(self, log):
        log.append([record(number) for number in range(9)])
        frame = log.read(model="lending", since=START + dt.timedelta(seconds=6), last=5)
        assert frame["id"].to_list() == ["r6", "r7", "r8"]

    def test_last_does_not_open_what_is_older(self, log, tmp_path):
        log.append([record(0)])
        (first,) = files(tmp_path)
        log.append([record(1)])
        first.unlink()
        assert log.read(model="lending", last=1)["id"].to_list() == ["r1"]
        with pytest.raises(EnvironmentProblem):
            log.read(model="lending", last=2)


class TestLabels:
    def test_the_newest_counts(self, log):
        log.append([record(0), record(1)])
        log.append_labels([label(0, 0, hours=2)])
        log.append_labels([label(0, 1, hours=1)])
        assert log.read(model="lending")["target"].to_list() == [0, None]

    def test_in_one_call_the_newest_counts_and_of_equals_the_last(self, log):
        log.append([record(0), record(1)])
        log.append_labels([label(0, 5, hours=2), label(0, 6, hours=1), label(1, 7), label(1, 8)])
        assert log.read(model="lending")["target"].to_list() == [5, 8]

    def test_a_label_may_come_before_its_request(self, log):
        log.append_labels([label(0, 1, hours=-13), label(99, 0)])
        assert log.read(model="lending").height == 0
        log.append([record(0)])
        assert log.read(model="lending")["target"].to_list() == [1]

    def test_every_row_of_a_repeated_id_gets_the_label(self, log):
        log.append([record(0), record(0)])
        log.append_labels([label(0)])
        assert log.read(model="lending")["target"].to_list() == [1, 1]


class TestCompaction:
    def test_small_files_become_one_and_nothing_is_lost(self, log, tmp_path):
        for number in range(5):
            log.append([record(number)])
            log.append_labels([label(number)])
        before = log.read(model="lending")
        log.compact()
        for name in ("requests", "labels"):
            assert len(deltalake.DeltaTable(tmp_path / "log" / name).file_uris()) == 1
        assert log.read(model="lending").equals(before)
        log.append([record(9)])
        assert log.read(model="lending").height == 6

    def test_the_writer_compacts_from_time_to_time(self, log, tmp_path, monkeypatch):
        monkeypatch.setattr(table, "_COMPACT_EVERY", 4)
        for number in range(10):
            log.append([record(number)])
        assert len(deltalake.DeltaTable(tmp_path / "log" / "requests").file_uris()) == 3
        assert log.read(model="lending").height == 10

    def test_merged_files_go_after_an_hour(self, log, tmp_path, monkeypatch):
        monkeypatch.setattr(upkeep, "_KEEP_MERGED", dt.timedelta(0))
        for number in range(5):
            log.append([record(number)])
        log.compact()
        assert len(files(tmp_path)) == 1
        assert log.read(model="lending").height == 5


def test_importing_the_store_does_not_import_deltalake():
    code = "import sys, monitoring.store.delta; sys.exit('deltalake' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


READS = {
    "the newest": lambda log: log.read(model="lending", last=5),
    "all": lambda log: log.read(model="lending"),
    "a subject": lambda log: log.about(["r1"], field=None),
    "a subject by a field": lambda log: log.about(["1"], field="age"),
    "a field": lambda log: log.lacks("age"),
    "an erasure": lambda log: log.erase(["r1"], field=None),
}


@pytest.mark.parametrize("table", ["requests", "labels"])
@pytest.mark.parametrize("kept", [0, 0.5, 0.99, None])
@pytest.mark.parametrize("read", READS.values(), ids=READS.keys())
def test_a_file_that_was_cut_off_is_named_with_what_to_do(log, tmp_path, table, kept, read):
    log.append([record(n) for n in range(300)])
    log.append_labels([label(n) for n in range(300)])
    (path,) = files(tmp_path / "log" / table)
    content = path.read_bytes()
    path.unlink() if kept is None else path.write_bytes(content[: int(kept * len(content))])
    if table == "labels" and read not in (READS["the newest"], READS["all"], READS["an erasure"]):
        read(log)
        return
    with pytest.raises(EnvironmentProblem) as caught:
        read(log)
    assert str(tmp_path / "log" / table) in caught.value.found
    assert f"{path.name} cut off or gone" in caught.value.found
    path.unlink(missing_ok=True)
    program = caught.value.next_step.partition("python -c ")[2].strip('"')
    exec(program)
    assert log.read(model="lending").height == (0 if table == "requests" else 300)
