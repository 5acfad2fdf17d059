"""Whether servers can write down what they answer, as their writers tell it."""

import datetime as dt
from dataclasses import replace

import pytest

from evaluation.types import Verdict
from monitoring.checks.log import Log
from monitoring.run import watch
from monitoring.store.writers import WriterState
from monitoring.types import Severity


@pytest.fixture
def look(make_context, make_frame):
    def check(*changes, rows=600):
        context = make_context(make_frame(rows))
        well = WriterState(1, context.now, 0, None, False, 0, 0, None, None, False)
        ago = {
            name: context.now - dt.timedelta(seconds=value)
            for change in changes
            for name, value in change.items()
            if name in ("at", "oldest", "lost_at", "failing_since")
        }
        writers = tuple(
            replace(well, **{**change, **{name: ago[name] for name in change if name in ago}})
            for change in changes
        )
        found = watch(replace(context, writers=writers), checks=[Log()]).findings
        return {each.subject: each for each in found}

    return check


def test_nothing_is_said_where_no_writer_says_anything(look):
    assert look() == {}


def test_writers_that_are_well_pass(look):
    found = look({}, {"ended": True, "at": 9999})
    assert [each.verdict for each in found.values()] == [Verdict.PASS, Verdict.PASS]
    assert found["waiting"].message == "1 writers at work, none in trouble"


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"failing_since": 180, "waiting": 40}, "1 of 1 writers can't store since 3 min: 40 records wait"),
        ({"oldest": 120, "waiting": 9}, "1 of 1 writers can't store since 2 min: 9 records wait"),
        ({"failing_since": 60}, "1 of 1 writers can't store since 1 min: 0 records wait"),
        (
            {"at": 300, "waiting": 7, "on_disk": True},
            "7 records wait in the journals of processes that are gone",
        ),
        ({"at": 300, "waiting": 7}, "a process is gone that held 7 records in memory"),
    ],
)
def test_records_that_cannot_be_stored_are_a_warning(look, change, message):
    found = look(change)["waiting"]
    assert (found.verdict, found.severity) == (Verdict.FAIL, Severity.WARNING)
    assert found.message.startswith(message)


@pytest.mark.parametrize(
    "change",
    [
        {"failing_since": 5, "waiting": 3},
        {"waiting": 500, "oldest": 40},
        {"at": 300},
        {"failing_since": 99, "ended": True},
    ],
)
def test_what_is_no_trouble(look, change):
    assert look(change)["waiting"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("seconds", "verdict"), [(0, Verdict.FAIL), (590, Verdict.FAIL), (700, Verdict.PASS)]
)
def test_records_lost_a_moment_ago_are_critical(look, seconds, verdict):
    found = look({"dropped": 12, "refused": 3, "lost_at": seconds}, {})["lost"]
    assert found.verdict is verdict
    if verdict is Verdict.FAIL:
        assert found.severity is Severity.CRITICAL
        assert (found.estimate.value, found.estimate.n) == (15, 2)
        assert "12 records were lost and 3 requests refused" in found.message


def test_it_holds_also_where_the_window_is_empty_as_nothing_could_be_written(look):
    assert look({"failing_since": 60, "waiting": 40}, rows=0)["waiting"].verdict is Verdict.FAIL
