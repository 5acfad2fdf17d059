"""durability: journal. What was answered is stored, once, whatever the table, the disk or the process does."""

import asyncio
import dataclasses
import datetime as dt
import threading

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.serving.errors import NotRecorded
from mlops.serving.log.config import Durability, LogConfig, Redaction
from mlops.serving.log.journal import Journal, Kind
from mlops.serving.log.outflow import Outflow, draft, replay_left_behind
from mlops.serving.log.slots import Slot
from mlops.serving.log.writer import RequestLogWriter
from monitoring.store.base import LabelRecord, RequestRecord, Usage
from monitoring.store.delta import DeltaRequestLog
from monitoring.store.writers import read_states

NOW = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


def record(key, /, **inputs):
    return RequestRecord(key, NOW, "lending", "3", "r", 1.5, 1, 0.5, inputs or {"age": 1})


def label(name):
    return LabelRecord(name, NOW, "good")


class Faulty(DeltaRequestLog):
    """A store that can be down, before or after it has done its work."""

    def __init__(self, root):
        super().__init__(root)
        self.down = False
        self.lies = 0

    def append(self, records, *, mark=None):
        if self.down:
            raise EnvironmentProblem("the store is down")
        super().append(records, mark=mark)
        if self.lies:
            self.lies -= 1
            raise EnvironmentProblem("the connection was lost")

    def append_labels(self, labels, *, mark=None):
        if self.down:
            raise EnvironmentProblem("the store is down")
        super().append_labels(labels, mark=mark)

    def stored(self, journal):
        if self.down:
            raise EnvironmentProblem("the store is down")
        return super().stored(journal)

    @property
    def ids(self):
        return self.read(model="lending")["id"].to_list()


@pytest.fixture
def log(tmp_path):
    return Faulty(tmp_path / "log")


@pytest.fixture
def make(log, tmp_path):
    writers = []

    def build(**changes):
        options = {"folder": tmp_path / "log", "wait_s": 0.01, "clock": lambda: NOW, **changes}
        config = options.pop("config", LogConfig(durability=Durability.JOURNAL))
        writers.append(RequestLogWriter(log, config, **options))
        writers[-1].start()
        return writers[-1]

    yield build
    for writer in writers:
        writer.close(within_s=2)


def test_rows_and_labels_come_back_as_they_were_sent(make, log):
    writer = make()
    at = dt.datetime(2026, 2, 1, tzinfo=dt.UTC)
    inputs = {
        "age": 31,
        "ratio": 0.5,
        "nan": float("nan"),
        "name": "Ä\u2028",
        "paid": True,
        "at": at,
        "none": None,
    }
    rows = [
        RequestRecord("a", NOW, "lending", "3", "r", 1.5, "yes", 0.5, inputs, ("range",), "shop"),
        RequestRecord(
            "b",
            NOW,
            "lending",
            "3",
            "r",
            1.5,
            "a text",
            None,
            {},
            usage=Usage(7, 3, 0.25, "stop"),
            sources=("d",),
        ),
    ]
    asyncio.run(writer.record(rows))
    asyncio.run(writer.record_labels([label("a")]))
    assert writer.close()
    found = log.read(model="lending")
    log.append([dataclasses.replace(rows[0], id="a2")])
    straight = log.read(model="lending", last=3).filter(id="a2").drop("id", "target")
    assert found.filter(id="a").drop("id", "target").equals(straight, null_equal=True)
    assert found["target"].to_list() == ["good", None]
    assert found.row(0, named=True)["caller"] == "shop"
    assert found.select("prompt_tokens", "completion_tokens", "cost", "finish_reason").rows() == [
        (None, None, None, None),
        (7, 3, 0.25, "stop"),
    ]
    assert found["sources"].to_list() == [None, ["d"]]


def test_an_answer_waits_for_the_disk_and_not_for_the_table(make, log, tmp_path, wait_until):
    log.down = True
    writer = make()
    asyncio.run(writer.record([record("a")]))
    assert b'"id":"a"' in (tmp_path / "log" / "writers" / "0.journal-wal").read_bytes()
    wait_until(lambda: writer.state().store_errors)
    assert writer.state().waiting == 1
    log.down = False
    wait_until(lambda: writer.state().waiting == 0)
    assert log.ids == ["a"]


def test_calls_that_come_while_the_disk_is_at_work_share_one_commit(make, monkeypatch):
    writer = make()
    entered, go = threading.Event(), threading.Event()
    commits = []
    add = Journal.add

    def slow(journal, drafts):
        commits.append(len(drafts))
        entered.set()
        assert go.wait(30)
        add(journal, drafts)

    monkeypatch.setattr(Journal, "add", slow)

    async def load():
        first = asyncio.create_task(writer.record([record("first")]))
        await asyncio.to_thread(entered.wait)
        others = [asyncio.create_task(writer.record([record(f"r{number}")])) for number in range(50)]
        await asyncio.sleep(0)
        assert not first.done()
        go.set()
        await asyncio.gather(first, *others)

    asyncio.run(load())
    assert commits == [1, 50]


def test_a_request_that_was_given_up_does_not_disturb_the_others(make, log):
    writer = make()

    async def load():
        first = asyncio.create_task(writer.record([record("given up")]))
        second = asyncio.create_task(writer.record([record("stays")]))
        await asyncio.sleep(0)
        first.cancel()
        await second

    asyncio.run(load())
    assert writer.close()
    assert "stays" in log.ids


def test_a_disk_that_takes_nothing_refuses_until_it_does_again(make, log, monkeypatch, caplog, wait_until):
    def full(*_):
        raise EnvironmentProblem("the journal 0.journal can't be used: database or disk is full")

    writer = make()
    with monkeypatch.context() as patch:
        patch.setattr(Journal, "add", full)
        for name in "abc":
            with pytest.raises(NotRecorded):
                asyncio.run(writer.record([record(name)]))
        with pytest.raises(NotRecorded):
            asyncio.run(writer.record_labels([label("a")]))
    # Callers are told first, the count comes after.
    wait_until(lambda: writer.state().waiting == 0)
    state = writer.state()
    assert (state.refused, state.dropped, state.store_errors) == (4, 0, 4)
    assert caplog.messages.count("records not stored") == 1
    asyncio.run(writer.record([record("d")]))
    assert writer.close()
    assert log.ids == ["d"]


def test_more_than_may_wait_is_refused_at_once(make, monkeypatch):
    go = threading.Event()
    add = Journal.add
    monkeypatch.setattr(Journal, "add", lambda *given: go.wait(30) and add(*given))
    writer = make(queue_records=3)

    async def load():
        first = asyncio.create_task(writer.record([record(name) for name in "abc"]))
        await asyncio.sleep(0)
        with pytest.raises(NotRecorded):
            await writer.record([record("d")])
        assert writer.offer([record("e")]) == 0
        go.set()
        await first

    asyncio.run(load())
    assert (writer.state().refused, writer.state().dropped) == (1, 1)


def test_what_cannot_be_written_is_refused_and_the_rest_is_not(make, log):
    writer = make()

    async def load():
        return await asyncio.gather(
            writer.record([record("odd", job=object())]),
            writer.record([record("even")]),
            return_exceptions=True,
        )

    odd, even = asyncio.run(load())
    assert isinstance(odd, NotRecorded)
    assert even is None
    assert writer.close()
    assert log.ids == ["even"]


def test_what_the_table_did_not_take_is_stored_by_the_next_process(make, log, caplog, wait_until):
    log.down = True
    first = make()
    asyncio.run(first.record([record("a")]))
    asyncio.run(first.record_labels([label("a")]))
    assert first.close(within_s=5)
    assert "records lost at the end" not in caplog.messages
    log.down = False
    second = make()
    wait_until(lambda: second.state().written == 2)
    assert log.read(model="lending")["target"].to_list() == ["good"]


def test_a_server_without_journal_stores_what_one_with_it_left(make, log, wait_until):
    log.down = True
    first = make()
    asyncio.run(first.record([record("a")]))
    first.close(within_s=5)
    log.down = False
    second = make(config=LogConfig())
    wait_until(lambda: second.state().written == 1)
    assert log.ids == ["a"]


def test_a_server_stores_what_another_one_left_while_both_are_there(make, log, tmp_path, wait_until):
    works = make()
    slot = Slot(tmp_path / "log")
    left = Journal(slot.journal)
    left.add([draft(Kind.REQUESTS, [record("a")])])
    left.close()
    slot.free()
    third = make()
    wait_until(lambda: works.state().written + third.state().written == 1)
    assert log.ids == ["a"]


def test_private_fields_never_touch_the_disk(make, log, tmp_path):
    log.down = True
    redact = {"name": Redaction.MASK, "mail": Redaction.DROP, "customer": Redaction.HASH}
    writer = make(config=LogConfig(durability=Durability.JOURNAL, redact=redact))
    asyncio.run(writer.record([record("a", name="Grace", mail="grace@example.org", customer=4711, age=3)]))
    text = b"".join(path.read_bytes() for path in (tmp_path / "log" / "writers").iterdir())
    assert b'"name":"*****","mail":null,"customer":"' in text
    assert b"4711" not in text
    log.down = False
    assert writer.close()
    assert log.read(model="lending").row(0, named=True)["input.name"] == "*****"


@pytest.mark.parametrize(("how", "left"), [(Redaction.DROP, None), (Redaction.MASK, "*" * 11)])
def test_private_answers_and_labels_never_touch_the_disk(make, log, tmp_path, how, left):
    log.down = True
    redact = {"prediction": how, "target": how}
    writer = make(config=LogConfig(durability=Durability.JOURNAL, redact=redact))
    asyncio.run(writer.record([dataclasses.replace(record("a"), label="Ada from X.")]))
    asyncio.run(writer.record_labels([dataclasses.replace(label("a"), label="Ada from Y.")]))
    text = b"".join(path.read_bytes() for path in (tmp_path / "log" / "writers").iterdir())
    assert b"Ada" not in text
    log.down = False
    assert writer.close()
    row = log.read(model="lending").row(0, named=True)
    assert (row["prediction"], row["target"]) == (left, left)


def test_the_state_is_told_also_at_the_end(make, tmp_path, log):
    writer = make()
    asyncio.run(writer.record([record("a")]))
    assert writer.close()
    (told,) = read_states(tmp_path / "log")
    assert (told.ended, told.on_disk, told.waiting, told.at) == (True, True, 0, NOW)


class TestOnce:
    @pytest.fixture
    def journal(self, tmp_path):
        slot = Slot(tmp_path / "log")
        journal = Journal(slot.journal)
        slot.free()
        yield journal
        journal.close()

    def test_a_commit_whose_answer_was_lost(self, journal, log):
        outflow = Outflow(journal, log)
        journal.add([draft(Kind.REQUESTS, [record("before")])])
        outflow.step(100)
        journal.add([draft(Kind.REQUESTS, [record("a")]), draft(Kind.LABELS, [label("a")])])
        log.lies = 1
        with pytest.raises(EnvironmentProblem):
            outflow.step(100)
        journal.add([draft(Kind.REQUESTS, [record("b")])])
        assert outflow.step(100) == (2, 0)
        assert sorted(log.ids) == ["a", "b", "before"]
        assert journal.waiting == 0

    def test_labels_that_fail_after_their_requests(self, journal, log, monkeypatch):
        journal.add([draft(Kind.REQUESTS, [record("a")]), draft(Kind.LABELS, [label("a")])])
        outflow = Outflow(journal, log)
        with monkeypatch.context() as patch:
            patch.setattr(log._labels, "append", lambda *_: (_ for _ in ()).throw(EnvironmentProblem("full")))
            with pytest.raises(EnvironmentProblem):
                outflow.step(100)
        journal.add([draft(Kind.REQUESTS, [record("b")])])
        outflow.step(100)
        assert log.ids == ["a", "b"]
        assert log.read(model="lending")["target"].to_list() == ["good", None]

    def test_a_crash_between_the_commit_and_the_removal(self, journal, log, tmp_path, monkeypatch):
        journal.add([draft(Kind.REQUESTS, [record("a")])])
        monkeypatch.setattr(journal, "forget", lambda _: pytest.fail("killed"))
        with pytest.raises(pytest.fail.Exception):
            Outflow(journal, log).step(100)
        journal.add([draft(Kind.REQUESTS, [record("b")])])
        journal.close()
        assert replay_left_behind(tmp_path / "log", log, batch_records=100) == (1, 0)
        assert log.ids == ["a", "b"]
        assert replay_left_behind(tmp_path / "log", log, batch_records=100) == (0, 0)

    def test_a_damaged_entry_costs_only_itself(self, journal, log):
        journal.add([draft(Kind.REQUESTS, [record("a")]), draft(Kind.REQUESTS, [record("b"), record("c")])])
        journal._connection.execute("UPDATE entry SET checksum = 0 WHERE number = 2")
        journal.add([draft(Kind.REQUESTS, [record("d")])])
        assert Outflow(journal, log).step(100) == (2, 2)
        assert log.ids == ["a", "d"]
