"""The writer between requests and the store: batches, bounds, failures, and an end that loses nothing."""

import datetime as dt
import threading

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.serving.log import memory
from mlops.serving.log.config import LogConfig
from mlops.serving.log.writer import RequestLogWriter
from monitoring.store.base import LabelRecord, RequestRecord

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def record(number):
    return RequestRecord(str(number), NOW, "lending", "3", "r", 1.0, 1, 0.5, {"age": number})


def label(number):
    return LabelRecord(str(number), NOW, 1)


@pytest.fixture
def make(memory_log):
    writers = []

    def build(**changes):
        options = {"queue_records": 100, "batch_records": 10, "wait_s": 30.0, "clock": lambda: NOW, **changes}
        writers.append(RequestLogWriter(memory_log, **options))
        return writers[-1]

    yield build
    memory_log.open.set()
    for writer in writers:
        writer.close()


def test_a_full_batch_does_not_wait(make, memory_log, wait_until):
    writer = make()
    writer.start()
    writer.offer([record(number) for number in range(25)])
    wait_until(lambda: len(memory_log.records) == 20)
    assert memory_log.batches == [10, 10]
    assert writer.state().waiting == 5


def test_a_small_batch_waits_no_longer_than_told(make, memory_log, wait_until):
    writer = make(wait_s=0.01)
    writer.start()
    writer.offer([record(0)])
    wait_until(lambda: writer.state().written == 1)
    assert [item.id for item in memory_log.records] == ["0"]


def test_what_came_while_a_batch_was_stored_has_waited_that_long(make, memory_log, wait_until, monkeypatch):
    now = [0.0]
    monkeypatch.setattr(memory, "monotonic", lambda: now[0])
    memory_log.open.clear()
    writer = make(wait_s=60)
    writer.start()
    writer.offer([record(number) for number in range(10)])
    wait_until(lambda: not writer._queue._queue)
    writer.offer([record(10)])
    now[0] = 61
    memory_log.open.set()
    wait_until(lambda: memory_log.batches == [10, 1])


def test_the_end_stores_what_waits(make, memory_log):
    writer = make()
    writer.start()
    writer.offer([record(0)])
    writer.offer_labels([label(0), label(1)])
    assert writer.close()
    assert len(memory_log.records) == 1
    assert len(memory_log.labels) == 2
    assert writer.state().written == 3


def test_private_fields_do_not_reach_the_store(make, memory_log):
    writer = make(config=LogConfig(redact={"age": "mask"}))
    writer.start()
    writer.offer([record(17)])
    assert writer.close()
    assert memory_log.records[0].inputs == {"age": "**"}


def test_private_answers_and_labels_do_not_reach_the_store(make, memory_log):
    writer = make(config=LogConfig(redact={"prediction": "drop", "target": "mask"}))
    writer.start()
    writer.offer([record(17)])
    writer.offer_labels([label(17)])
    assert writer.close()
    assert memory_log.records[0].label is None
    assert set(memory_log.labels[0].label) == {"*"}


def test_closing_an_idle_writer_is_immediate(make):
    writer = make()
    writer.start()
    assert writer.close()


def test_what_does_not_fit_is_dropped_and_counted_and_never_waits(make, memory_log):
    memory_log.open.clear()
    writer = make(queue_records=12)
    writer.start()
    assert writer.offer([record(number) for number in range(10)]) == 10
    assert writer.offer([record(number) for number in range(10, 15)]) == 2
    assert writer.offer([record(15)]) == 0
    state = writer.state()
    assert (state.waiting, state.dropped) == (12, 4)
    memory_log.open.set()
    assert writer.close()
    assert [item.id for item in memory_log.records] == [str(number) for number in range(12)]


def test_labels_are_taken_all_or_none(make):
    writer = make(queue_records=3)
    assert writer.offer_labels([label(0), label(1)])
    assert not writer.offer_labels([label(2), label(3)])
    assert writer.offer_labels([label(4)])
    assert writer.state().dropped == 0


def test_a_store_at_fault_is_asked_again(make, memory_log, wait_until):
    memory_log.errors = [EnvironmentProblem("disk full"), EnvironmentProblem("disk full")]
    writer = make(wait_s=0.01)
    writer.start()
    writer.offer([record(0)])
    wait_until(lambda: writer.state().written == 1)
    assert writer.state().store_errors == 2
    assert len(memory_log.records) == 1


def test_records_that_no_store_takes_do_not_stop_those_after_them(make, memory_log, wait_until):
    memory_log.errors = [ValueError("cannot encode")]
    writer = make(wait_s=0.01)
    writer.start()
    writer.offer([record(0)])
    wait_until(lambda: writer.state().dropped == 1)
    writer.offer([record(1)])
    wait_until(lambda: writer.state().written == 1)
    assert [item.id for item in memory_log.records] == ["1"]


def test_an_end_with_a_broken_store_gives_up_in_time_and_says_so(make, memory_log, caplog):
    memory_log.errors = [EnvironmentProblem("disk full")] * 1000
    writer = make()
    writer.start()
    writer.offer([record(0)])
    assert not writer.close(within_s=0.3)
    assert "records lost at the end" in caplog.messages


def test_the_lag_is_the_age_of_the_oldest(make, memory_log):
    memory_log.open.clear()
    now = [NOW]
    writer = make(clock=lambda: now[0], batch_records=1)
    assert writer.state().lag_s == 0
    writer.start()
    writer.offer([record(0)])
    now[0] = NOW + dt.timedelta(seconds=7)
    assert writer.state().lag_s == 7
    memory_log.open.set()
    assert writer.close()
    assert writer.state().lag_s == 0


def test_a_foreign_error_is_logged_without_its_message(make, memory_log, caplog):
    memory_log.errors = [ValueError("row says s3cr3t")]
    writer = make()
    writer.start()
    writer.offer([record(0)])
    writer.close()
    assert [item.facts for item in caplog.records if hasattr(item, "facts")] == [
        {"reason": "ValueError", "failures": 1}
    ]


def test_many_threads_may_offer_at_once(make, memory_log):
    writer = make(queue_records=10_000, batch_records=7, wait_s=0.01)
    writer.start()
    threads = [
        threading.Thread(target=lambda: [writer.offer([record(number)]) for number in range(200)])
        for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert writer.close()
    assert len(memory_log.records) == 800
