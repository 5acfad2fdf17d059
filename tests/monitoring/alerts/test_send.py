"""Alerts arrive over the network; where they don't, that is said without the address."""

import email
import io
import logging
import socket
import threading

import pytest

from monitoring.alerts.message import compose, compose_resolved
from monitoring.alerts.send import deliver
from monitoring.types import Severity

SECRET = "s3cr3t-token"


@pytest.fixture
def alert(finding, watch_pass):
    seen = watch_pass(finding())
    return compose(seen, seen.findings, {("drift", "input.age"): seen.at})


def test_the_json_that_arrives_is_the_alert(receiver, alert):
    told = deliver(alert, f"json://127.0.0.1:{receiver.port}/hook", timeout_s=5)
    assert (told.ok, told.problem) == (True, None)
    [(path, body)] = receiver.arrived
    assert path == "/hook"
    assert body == {
        "version": "1.0",
        "title": "lending version 3: input.age was found to fail",
        "message": alert.body,
        "attachments": [],
        "type": "warning",
    }


@pytest.mark.parametrize(
    ("severity", "kind"),
    [(Severity.INFO, "info"), (Severity.WARNING, "warning"), (Severity.CRITICAL, "failure")],
)
def test_the_severity_is_told(receiver, finding, watch_pass, severity, kind):
    seen = watch_pass(finding(severity=severity))
    alert = compose(seen, seen.findings, {("drift", "input.age"): seen.at})
    deliver(alert, f"json://127.0.0.1:{receiver.port}", timeout_s=5)
    assert receiver.arrived[0][1]["type"] == kind


def test_a_resolved_finding_arrives_as_success(receiver, finding, watch_pass):
    seen = watch_pass(finding())
    alert = compose_resolved(seen, seen.findings, {("drift", "input.age"): seen.at})
    deliver(alert, f"json://127.0.0.1:{receiver.port}", timeout_s=5)
    assert receiver.arrived[0][1]["type"] == "success"


def test_a_mail_arrives(mailbox, alert):
    port, mails = mailbox
    address = f"mailto://127.0.0.1:{port}?from=monitor@example.org&to=oncall@example.org&mode=insecure"
    told = deliver(alert, address, timeout_s=5)
    assert told.ok, told.problem
    mail = email.message_from_string(mails[0])
    assert mail["Subject"] == alert.title
    assert mail["To"] == "oncall@example.org"
    assert "weighbridge rollback" in mail.get_payload(decode=True).decode()


@pytest.mark.parametrize("status", [401, 404, 500, 503])
def test_a_refusal_names_its_status(receiver, alert, status):
    receiver.status = status
    told = deliver(alert, f"json://user:{SECRET}@127.0.0.1:{receiver.port}/{SECRET}", timeout_s=5)
    assert not told.ok
    assert told.problem == f"a json address answered with status {status}"


def test_a_closed_port_is_a_problem_and_no_crash(alert):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    told = deliver(alert, f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}", timeout_s=5)
    assert (told.ok, told.problem) == (False, "a json address refused or can't be reached")


def test_a_receiver_that_hangs_is_given_up(receiver, alert):
    receiver.delay_s = 3
    told = deliver(alert, f"json://127.0.0.1:{receiver.port}/", timeout_s=0.3)
    assert not told.ok


def test_a_receiver_that_answers_byte_by_byte_is_given_up(alert):
    stop = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def drip():
            caller, _ = server.accept()
            with caller:
                caller.sendall(b"HTTP/1.1 200 OK\r\n")
                while not stop.wait(0.05):
                    caller.sendall(b"X: y\r\n")

        thread = threading.Thread(target=drip)
        thread.start()
        told = deliver(alert, f"json://127.0.0.1:{server.getsockname()[1]}", timeout_s=0.5)
        stop.set()
        thread.join()
    assert (told.ok, told.problem) == (False, "no answer from a json address within 0.5 s")


@pytest.mark.parametrize(
    ("address", "problem"),
    [
        (f"nowhere://{SECRET}@host", "Apprise knows no address of the kind 'nowhere'"),
        (SECRET, "Apprise knows no address of the kind 'unknown'"),
        ("", "Apprise knows no address of the kind 'unknown'"),
        (f"json://[{SECRET}", "Apprise knows no address of the kind 'unknown'"),
        (f"slack://{SECRET}", "Apprise knows no address of the kind 'slack'"),
    ],
)
def test_an_address_that_is_none_is_a_problem_and_no_crash(alert, address, problem):
    told = deliver(alert, address, timeout_s=5)
    assert (told.ok, told.problem) == (False, problem)


def test_nothing_of_an_address_is_printed_or_logged(receiver, alert, capfd):
    receiver.status = 500
    heard, root = io.StringIO(), logging.getLogger()
    handler = logging.StreamHandler(heard)
    root.addHandler(handler)
    try:
        for port in (receiver.port, 1):
            told = deliver(alert, f"json://user:{SECRET}@127.0.0.1:{port}/{SECRET}", timeout_s=5)
            assert SECRET not in (told.problem or "")
    finally:
        root.removeHandler(handler)
    said = capfd.readouterr()
    assert heard.getvalue() + said.out + said.err == ""
