"""A disk that is full: serving goes on or refuses as its promise says, nothing breaks, people are told, and it ends."""

import asyncio
import datetime as dt
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from evaluation.types import Verdict
from mlops.serving.errors import NotRecorded
from mlops.serving.log import writer as writer_module
from mlops.serving.log.config import Durability, LogConfig
from mlops.serving.log.writer import RequestLogWriter
from monitoring.checks.log import Log
from monitoring.store.base import RequestRecord
from monitoring.store.delta import DeltaRequestLog
from monitoring.store.writers import read_states

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def record(number):
    return RequestRecord(f"r{number}", NOW, "lending", "3", "r", 1.5, 1, 0.5, {"text": "x" * 200})


@pytest.fixture
def make(disk, monkeypatch, wait_until):
    monkeypatch.setattr(writer_module, "_TELL_EVERY_S", 0.02)
    writers = []

    def build(durability, **options):
        log = DeltaRequestLog(disk.folder / "log")
        config = LogConfig(durability=durability)
        writers.append(RequestLogWriter(log, config, folder=disk.folder / "log", wait_s=0.01, **options))
        writers[-1].start()
        asyncio.run(writers[-1].record([record(0)]))
        wait_until(lambda: writers[-1].state().written == 1)
        wait_until(lambda: read_states(disk.folder / "log"))
        return writers[-1], log

    yield build
    for writer in writers:
        writer.close(within_s=1)


def finding(disk, make_context, subject):
    context = make_context(disk.folder / "log")
    return next(each for each in Log().look(context) if each.subject == subject)


@pytest.fixture
def make_context():
    """A context that knows only the writers; they wrote their states with the clock of now, which runs on."""
    from types import SimpleNamespace

    def make(folder):
        now = dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20)
        config = SimpleNamespace(every=dt.timedelta(minutes=5))
        return SimpleNamespace(writers=read_states(folder), now=now, config=config)

    return make


def test_in_batches_serving_goes_on_and_what_fits_in_memory_is_kept(
    disk, make, make_context, caplog, wait_until
):
    writer, log = make(Durability.BATCH, queue_records=50)
    disk.fill()
    for number in range(1, 101):
        asyncio.run(writer.record([record(number)]))
    wait_until(lambda: writer.state().store_errors >= 3)
    state = writer.state()
    assert (state.waiting, state.dropped) == (50, 50)
    assert caplog.messages.count("records not stored") == 1
    wait_until(lambda: finding(disk, make_context, "waiting").verdict is Verdict.FAIL)
    assert finding(disk, make_context, "lost").verdict is Verdict.FAIL
    assert "50 records were lost" in finding(disk, make_context, "lost").message
    assert log.read(model="lending").height == 1
    disk.free()
    wait_until(lambda: writer.state().waiting == 0)
    assert log.read(model="lending")["id"].sort().to_list() == sorted(f"r{number}" for number in range(51))
    wait_until(lambda: finding(disk, make_context, "waiting").verdict is Verdict.PASS)


def test_with_a_journal_requests_are_refused_and_none_that_was_answered_is_lost(
    disk, make, make_context, wait_until
):
    writer, log = make(Durability.JOURNAL)
    disk.fill()
    answered = {"r0"}
    for number in range(1, 200):
        try:
            asyncio.run(writer.record([record(number)]))
        except NotRecorded:
            continue
        answered.add(f"r{number}")
    assert writer.state().refused > 100
    wait_until(lambda: "requests refused" in finding(disk, make_context, "lost").message)
    disk.free()
    asyncio.run(writer.record([record(1000)]))
    assert writer.close()
    found = log.read(model="lending")["id"].to_list()
    assert answered | {"r1000"} <= set(found)
    assert len(found) == len(set(found))


def test_a_server_that_starts_on_a_full_disk_serves_in_batches(disk, caplog, wait_until):
    disk.fill()
    folder = disk.folder / "log"
    writer = RequestLogWriter(DeltaRequestLog(folder), folder=folder, wait_s=0.01)
    writer.start()
    asyncio.run(writer.record([record(0)]))
    wait_until(lambda: writer.state().store_errors)
    disk.free()
    wait_until(lambda: writer.state().written == 1)
    assert writer.close()


def in_a_limited_process():
    """Write a journal against a limit on the size of files, which needs no rights."""
    folder = Path(sys.argv[1])
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
    log = DeltaRequestLog(folder)
    writer = RequestLogWriter(log, LogConfig(durability=Durability.JOURNAL), folder=folder, wait_s=30)
    writer.start()
    outcomes = []
    for number in range(200):
        try:
            asyncio.run(writer.record([record(f"{number}-{part}") for part in range(10)]))
            outcomes.append("recorded")
        except NotRecorded:
            outcomes.append("refused")
    assert set(outcomes) == {"recorded", "refused"}, set(outcomes)
    writer.close(within_s=60)
    found = log.read(model="lending")["id"].to_list()
    assert len(found) == len(set(found)) == 10 * outcomes.count("recorded"), (len(found), outcomes)


def test_a_limit_on_the_size_of_files(tmp_path):
    done = subprocess.run(
        [sys.executable, __file__, str(tmp_path / "log")],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr


if __name__ == "__main__":
    in_a_limited_process()
