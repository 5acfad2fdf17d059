"""The file that processes share: who tells what, and how much of it there is."""

import json
import stat
from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.serving.errors import Busy
from mlops.serving.jobs.config import JobsConfig
from mlops.serving.jobs.job import Job, State
from mlops.serving.jobs.store import JobStore

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOOK = "https://shop.example/done"


def job(job_id, **more):
    return Job(job_id, "key:1", "q-1", NOW, **more)


@pytest.fixture
def stores(tmp_path):
    """Stores of one folder, of which those that are left are closed in the end."""
    made = []

    def store(*, now=NOW, folder=tmp_path / "jobs", max_bytes=2**28, **config):
        found = JobStore(folder, JobsConfig(**config), max_bytes=max_bytes, clock=lambda: now)
        found.open()
        made.append(found)
        return found

    yield store
    for each in made:
        each.close()


def test_only_its_user_reads_the_files(stores, tmp_path):
    stores().add(job("a"))
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "jobs").iterdir()}
    assert stat.S_IMODE((tmp_path / "jobs").stat().st_mode) == 0o700
    assert {modes[name] for name in ("jobs.sqlite", "jobs.sqlite-wal")} == {0o600}


def test_who_lives_is_not_taken_over(stores):
    one, other = stores(), stores()
    one.add(job("a", callback=HOOK))
    assert not other.is_gone(one.owner)
    assert other.take_over(posts=True) == (0, [])
    assert other.find("a").state is State.QUEUED


@pytest.mark.parametrize("posts", [True, False])
def test_who_has_ended_is_taken_over_once(stores, posts):
    gone, one, other = stores(), stores(), stores()
    gone.add(job("waiting"))
    gone.add(job("runs", callback=HOOK))
    gone.add(job("done", callback=HOOK))
    gone.begin("runs")
    gone.end("done", State.DONE, b'{"answer":{}}')
    # As the end of a process does, however it comes.
    gone._alive.release()
    assert one.take_over(posts=posts) == (2, ["done", "runs"] if posts else [])
    assert other.take_over(posts=False) == (0, [])
    for job_id, kept in (("waiting", None), ("runs", HOOK)):
        found = other.find(job_id)
        told = json.loads(found.told())
        assert (told["state"], told["problem"]["status"]) == ("failed", 503)
        assert found.callback == kept
    assert json.loads(other.find("done").told())["answer"] == {}
    assert one.find("done").owner == (one.owner if posts else gone.owner)


def test_no_more_than_so_many_bytes(stores, tmp_path):
    store = stores(max_bytes=2**20)
    answer = json.dumps({"answer": "x" * 50_000}).encode()
    for number in range(100):
        store.add(job(f"{number:03}"))
        store.end(f"{number:03}", State.DONE, answer)
    kept = [number for number in range(100) if store.find(f"{number:03}") is not None]
    assert kept == list(range(kept[0], 100))
    assert 10 <= len(kept) <= 21
    store.forget()
    assert sum(path.stat().st_size for path in (tmp_path / "jobs").iterdir()) < 2**21


def test_what_is_too_large_is_refused_and_the_rest_stays(stores):
    store = stores(max_bytes=2**20)
    store.add(job("small"))
    store.add(job("large"))
    with pytest.raises(Busy):
        store.end("large", State.DONE, b"x" * 2**22)
    store.end("small", State.DONE, b'{"answer":{}}')
    assert (store.find("large").state, store.find("small").state) == (State.QUEUED, State.DONE)


def test_no_trace_of_what_was_forgotten(stores, tmp_path):
    store = stores(keep="1h")
    store.add(job("a", callback="https://shop.example/s3cr3t-place"))
    store.end("a", State.DONE, b'{"answer":"s3cr3t-answer"}')
    later = stores(now=NOW + timedelta(hours=1), keep="1h")
    assert later.find("a") is None
    later.forget()
    assert not [path for path in (tmp_path / "jobs").iterdir() if b"s3cr3t" in path.read_bytes()]


def test_a_process_leaves_no_file_of_its_own(stores, tmp_path):
    one, gone = stores(), stores()
    gone.add(job("a"))
    gone._alive.release()
    one.take_over(posts=False)
    one.close()
    assert not [path for path in (tmp_path / "jobs").glob("*.lock") if path.name != ".lock"]


@pytest.mark.parametrize("damage", [b"no database", b"SQLite format 3\x00" + b"\xff" * 5000])
def test_a_damaged_file_is_removed_and_told(stores, tmp_path, damage, caplog):
    (tmp_path / "jobs").mkdir()
    (tmp_path / "jobs" / "jobs.sqlite").write_bytes(damage)
    store = stores()
    store.add(job("a"))
    assert store.find("a") is not None
    assert [line.getMessage() for line in caplog.records] == ["damaged jobs were removed"]


def test_a_folder_that_cannot_be(tmp_path):
    (tmp_path / "jobs").write_text("a file")
    with pytest.raises(EnvironmentProblem, match="jobs cannot be kept"):
        JobStore(tmp_path / "jobs", JobsConfig()).open()


def test_a_file_that_somebody_removed(stores, caplog):
    store = stores()
    store._database._connection.execute("DROP TABLE job")
    for ask in (partial(store.add, job("a")), partial(store.find, "a"), partial(store.take_over, posts=True)):
        with pytest.raises(Busy):
            ask()
    assert {line.facts["reason"] for line in caplog.records} == {"SQLITE_ERROR"}
