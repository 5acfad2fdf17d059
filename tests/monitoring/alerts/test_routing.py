"""Who hears of what, and when again; a table of passes and messages."""

import json

import pytest

from evaluation.types import Verdict
from monitoring.alerts.routing import tell
from monitoring.alerts.state import load_state
from monitoring.config import AlertConfig
from monitoring.types import Severity

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE
WARNING, CRITICAL, INFO = Severity.WARNING, Severity.CRITICAL, Severity.INFO
TO = AlertConfig(to="json://token@oncall", severity="warning", repeat_after="1h")


@pytest.fixture
def state_path(tmp_path):
    return tmp_path / "monitoring" / "alerts.json"


@pytest.fixture
def told(outbox, state_path, watch_pass):
    """Run one pass; gives the titles that were sent and the troubles there were."""

    def run(*findings, minutes=0, version="3", alerts=(TO,)):
        seen = watch_pass(*findings, minutes=minutes, version=version)
        troubles = tell(seen, alerts, state_path=state_path, send=outbox)
        return [(alert.resolved, alert.severity) for alert in outbox.take()], troubles

    return run


NEWS = [(False, WARNING)]
GONE = [(True, INFO)]


@pytest.mark.parametrize(
    "passes",
    [
        # Each pass: minute, version, verdict, severity, and the messages it sends.
        [(0, "3", FAIL, WARNING, NEWS), (5, "3", FAIL, WARNING, []), (59, "3", FAIL, WARNING, [])],
        [(0, "3", FAIL, WARNING, NEWS), (60, "3", FAIL, WARNING, NEWS), (65, "3", FAIL, WARNING, [])],
        [(0, "3", FAIL, WARNING, NEWS), (5, "3", PASS, INFO, GONE), (10, "3", PASS, INFO, [])],
        [(0, "3", FAIL, WARNING, NEWS), (5, "3", PASS, INFO, GONE), (10, "3", FAIL, WARNING, NEWS)],
        [(0, "3", FAIL, WARNING, NEWS), (5, "3", INCONCLUSIVE, INFO, []), (10, "3", FAIL, WARNING, [])],
        [(0, "3", FAIL, WARNING, NEWS), (5, "3", INCONCLUSIVE, INFO, []), (10, "3", PASS, INFO, GONE)],
        [(0, "3", FAIL, WARNING, NEWS), (5, "3", None, None, []), (10, "3", PASS, INFO, GONE)],
        [
            (0, "3", FAIL, WARNING, NEWS),
            (5, "3", FAIL, CRITICAL, [(False, CRITICAL)]),
            (9, "3", FAIL, CRITICAL, []),
        ],
        [
            (0, "3", FAIL, CRITICAL, [(False, CRITICAL)]),
            (5, "3", FAIL, WARNING, []),
            (9, "3", FAIL, WARNING, []),
        ],
        [(0, "3", FAIL, WARNING, NEWS), (5, "4", FAIL, WARNING, NEWS), (10, "4", FAIL, WARNING, [])],
        [(0, "3", FAIL, WARNING, NEWS), (5, "2", PASS, INFO, GONE)],
        [(0, "3", INCONCLUSIVE, INFO, []), (5, "3", PASS, INFO, [])],
        [(0, "3", INCONCLUSIVE, WARNING, NEWS), (5, "3", PASS, INFO, GONE)],
        [(0, "3", PASS, INFO, [])],
        # After a month without a sign the finding is forgotten, and its return is news.
        [(0, "3", FAIL, WARNING, NEWS), (43_201, "3", None, None, []), (43_202, "3", PASS, INFO, [])],
    ],
)
def test_a_finding_is_told_once_again_after_the_pause_and_when_it_goes_away(told, finding, passes):
    for minute, version, verdict, severity, messages in passes:
        findings = () if verdict is None else (finding(verdict=verdict, severity=severity),)
        assert told(*findings, minutes=minute, version=version) == (messages, ()), f"minute {minute}"


@pytest.mark.parametrize(("asked", "reached"), [("info", "xyz"), ("warning", "yz"), ("critical", "z")])
def test_a_destination_hears_what_is_severe_enough(told, outbox, finding, asked, reached):
    findings = (
        finding("w", PASS),
        finding("x", INCONCLUSIVE, INFO),
        finding("y", FAIL, WARNING),
        finding("z", FAIL, CRITICAL),
    )
    told(*findings, alerts=(AlertConfig(to="json://a", severity=asked),))
    [alert] = outbox.kept
    assert "".join(sorted(each.subject for each in alert.findings)) == reached


def test_since_when_is_the_first_pass(outbox, told, finding):
    told(finding(), minutes=0)
    told(finding(), minutes=120)
    alert = outbox.kept[-1]
    assert "Seen since 2026-11-21 12:00 UTC" in alert.body


def test_what_was_not_delivered_is_a_finding_and_is_tried_again(outbox, told, finding):
    outbox.broken = {TO.to}
    messages, [trouble] = told(finding(), minutes=0)
    assert messages == []
    assert (trouble.check, trouble.subject, trouble.verdict, trouble.severity) == (
        "alerts",
        "alerts.0",
        INCONCLUSIVE,
        WARNING,
    )
    assert trouble.message == (
        "'lending version 3: input.age was found to fail' was not delivered: a json address answered with status 503; "
        "tried again in the next pass"
    )
    assert told(finding(), minutes=5)[1] != ()
    outbox.broken = set()
    assert told(finding(), minutes=10) == (NEWS, ())
    assert told(finding(), minutes=15) == ([], ())


@pytest.mark.parametrize("change", ["severity", "version", "resolved"])
def test_a_change_that_was_not_delivered_is_tried_again(outbox, told, finding, change):
    told(finding(), minutes=0)
    later = finding(verdict=PASS) if change == "resolved" else finding(severity=CRITICAL)
    version = "4" if change == "version" else "3"
    outbox.broken = {TO.to}
    assert told(later, minutes=5, version=version)[1] != ()
    outbox.broken = set()
    expected = GONE if change == "resolved" else [(False, CRITICAL)]
    assert told(later, minutes=10, version=version) == (expected, ())
    assert told(later, minutes=15, version=version) == ([], ())


def test_one_broken_destination_does_not_keep_the_other_from_hearing(outbox, told, finding):
    broken = AlertConfig(to="json://broken")
    outbox.broken = {broken.to}
    messages, [trouble] = told(finding(), alerts=(broken, TO))
    assert messages == NEWS
    assert trouble.subject == "alerts.0"


def test_destinations_and_models_do_not_mix(outbox, state_path, finding, watch_pass):
    for model in ("lending", "flights"):
        seen = watch_pass(finding(), model=model)
        tell(seen, [TO, AlertConfig(to="json://other")], state_path=state_path, send=outbox)
    assert [(to, alert.model) for to, alert in outbox.sent] == [
        (TO.to, "lending"),
        ("json://other", "lending"),
        (TO.to, "flights"),
        ("json://other", "flights"),
    ]


def test_the_state_file_holds_no_address(told, state_path, finding):
    told(finding())
    assert "token" not in state_path.read_text()
    assert "oncall" not in state_path.read_text()


@pytest.mark.parametrize(
    "content", ["", "{", "[]", '{"schema_version": 1, "open": [{"nonsense": 1}]}', "\x00"]
)
def test_an_unreadable_state_is_set_aside_and_said(told, state_path, finding, content):
    told(finding())
    state_path.write_text(content)
    messages, [trouble] = told(finding(), minutes=5)
    assert messages == NEWS
    assert (trouble.check, trouble.subject, trouble.verdict) == ("alerts", "state", INCONCLUSIVE)
    assert (state_path.parent / "alerts.json.unreadable").read_text() == content
    assert told(finding(), minutes=10) == ([], ())


def test_a_state_that_cannot_be_written_is_said_and_the_alert_goes_out(told, state_path, finding):
    state_path.mkdir(parents=True)
    messages, troubles = told(finding())
    assert messages == NEWS
    assert [trouble.subject for trouble in troubles] == ["state", "state"]
    assert "can't be written" in troubles[1].message


def test_the_state_is_whole_json_that_reads_back(told, state_path, finding):
    told(finding())
    state, problem = load_state(state_path)
    assert problem is None
    assert [(each.subject, each.told_at is not None) for each in state.open] == [("input.age", True)]
    assert state.model_dump(mode="json") == json.loads(state_path.read_text())
    assert [path.name for path in state_path.parent.iterdir()] == ["alerts.json"]
