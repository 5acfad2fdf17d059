"""`weighbridge log`, as it is typed."""

import asyncio
import datetime as dt
import io
from dataclasses import replace

import pytest

from mlops.cli.main import main
from mlops.serving.log.config import LogConfig
from mlops.serving.log.journal import Journal, Kind
from mlops.serving.log.outflow import draft
from mlops.serving.log.slots import Slot
from mlops.serving.log.writer import RequestLogWriter
from monitoring.store.base import LabelRecord, RequestRecord
from monitoring.store.delta import DeltaRequestLog

POLICY = """
model: small
data: {train: train.parquet, evaluate: holdout.parquet, target: late}
train: train:train
gate: {checks: [{metric: accuracy, at_least: 0.6}]}
serve: {log: {subject: customer, redact: {customer: hash, mail: drop}}}
"""
NOW = dt.datetime.now(dt.UTC)


def record(key, *, days=0, **inputs):
    return RequestRecord(key, NOW - dt.timedelta(days=days), "small", "3", "r", 12.25, 1, 0.75, inputs)


@pytest.fixture
def log_dir(tmp_path):
    return tmp_path / "home" / "log"


@pytest.fixture
def log(tmp_path, log_dir, monkeypatch):
    """The commands on a project of their own; gives exit code and standard output."""
    monkeypatch.setenv("WEIGHBRIDGE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "weighbridge.yaml").write_text(POLICY)

    def run(*arguments):
        with pytest.raises(SystemExit) as left:
            main(("--project", str(tmp_path), "log", *arguments))
        return left.value.code

    return run


@pytest.fixture
def serve(log, log_dir):
    """Write as a server with the project's policy does."""
    writers = []

    def write(records, labels=(), *, durability="batch", close=True):
        config = LogConfig(
            subject="customer", redact={"customer": "hash", "mail": "drop"}, durability=durability
        )
        writers.append(RequestLogWriter(DeltaRequestLog(log_dir), config, folder=log_dir, wait_s=0.01))
        writers[-1].start()
        asyncio.run(writers[-1].record(records))
        asyncio.run(writers[-1].record_labels(labels))
        if close:
            assert writers[-1].close()
        return writers[-1]

    yield write
    for writer in writers:
        writer.close()


def test_show_prints_the_newest_rows(log, serve, capsys):
    serve(
        [record(f"r{number}", age=number, note="[bold]x") for number in range(5)], [LabelRecord("r4", NOW, 1)]
    )
    assert log("show", "--last", "2") == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[2] for line in lines[1:]] == ["r3", "r4"]
    assert "age=4, note=[bold]x" in lines[2]
    assert lines[2].split()[3:8] == ["3", "1", "0.75", "1", "12.2"]


def test_show_names_the_documents_of_texts_once_each(log, serve, capsys):
    many = tuple(f"document-{number}" for number in range(9))
    found = [("a.txt", "b.txt", "a.txt"), (), None, many]
    serve([replace(record(f"r{number}"), sources=ids) for number, ids in enumerate(found)])
    assert log("show") == 0
    head, *lines = capsys.readouterr().out.splitlines()
    assert head.split()[-1] == "sources"
    shown = [line[head.index("sources") :].strip() for line in lines]
    assert shown[:3] == ["a.txt, b.txt", "", ""]
    assert " ".join(shown[3:]) == ", ".join(many)[:60] + "..."


def test_show_on_an_empty_log(log, capsys):
    assert log("show") == 0
    assert "no request to 'small' is in the log" in capsys.readouterr().out


@pytest.mark.parametrize("durability", ["batch", "journal"])
def test_erase_finds_a_subject_under_its_hash_and_says_so(log, serve, log_dir, capsys, durability):
    rows = [record(f"request-{number}", customer=number % 2, mail="a@b", age=1) for number in range(10)]
    serve(rows, [LabelRecord("request-1", NOW, 1)], durability=durability)
    assert log("erase", "--subject", "1", "--yes") == 0
    out = capsys.readouterr().out
    assert "5 requests and 1 labels are removed" in out
    assert "no file of the log holds any of them" in out
    assert DeltaRequestLog(log_dir).read(model="small").height == 5
    assert log("erase", "--subject", "1", "--yes") == 0
    assert "0 requests and 0 labels" in capsys.readouterr().out


def test_erase_asks_first(log, serve, log_dir, monkeypatch, capsys):
    serve([record("a", customer="ada")])
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    assert log("erase", "--subject", "ada") == 130
    assert "1 rows name it under 'customer'; remove them for good?" in capsys.readouterr().out
    assert DeltaRequestLog(log_dir).read(model="small").height == 1


def test_erase_waits_for_what_a_running_server_has_not_stored_yet(log, serve, log_dir, capsys, monkeypatch):
    monkeypatch.setattr("mlops.serving.log.writer._TELL_EVERY_S", 0.05)
    serve([record("a", customer="ada")], durability="journal", close=False)
    assert log("erase", "--subject", "ada", "--yes") == 0
    assert "1 requests" in capsys.readouterr().out
    assert log("erase", "--subject", "ada", "--yes") == 0


def test_erase_finds_what_a_killed_server_left_in_its_journal(log, serve, log_dir, capsys):
    serve([record("stored", customer="eve")])
    slot = Slot(log_dir)
    journal = Journal(slot.journal)
    journal.add([draft(Kind.REQUESTS, [record("left", customer="ada"), record("other", customer="eve")])])
    journal.close()
    slot.free()
    assert log("erase", "--subject", "ada", "--yes") == 0
    assert "1 requests" in capsys.readouterr().out
    assert sorted(DeltaRequestLog(log_dir).read(model="small")["id"]) == ["other", "stored"]


def test_erase_says_what_is_left_and_is_not_content(log, serve, log_dir, capsys):
    serve([record("request-a", customer="ada")])
    (path,) = (log_dir / "requests").rglob("day=*/*.parquet")
    (path.parent / "cut-off.parquet").write_bytes(path.read_bytes())
    (log_dir / "writers" / "0.journal.damaged-1").write_bytes(b"?")
    assert log("erase", "--subject", "ada", "--yes") == 1
    out = capsys.readouterr().out
    assert "cut-off.parquet" in out
    assert "0.journal.damaged-1" in out
    assert "not everything is gone" in out


def test_erase_under_a_misspelt_field_is_no_success(log, serve, capsys):
    serve([record("a", custmer="ada")])
    assert log("erase", "--subject", "ada", "--yes") == 3
    assert "no row of the log has the input 'customer'" in capsys.readouterr().err


def test_prune_needs_a_span_and_removes_whole_days(log, serve, log_dir, capsys):
    serve([record(f"r{days}", days=days) for days in range(6)])
    assert log("prune") == 3
    assert "the policy keeps every day" in capsys.readouterr().err
    assert log("prune", "--keep", "3h") == 3
    assert log("prune", "--keep", "2d") == 0
    assert "3 requests and 0 labels older than 2 days are removed" in capsys.readouterr().out
    assert DeltaRequestLog(log_dir).read(model="small")["id"].to_list() == ["r2", "r1", "r0"]
