"""Findings to tell, and real receivers on loopback."""

import json
import socketserver
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from evaluation.types import Estimate, Verdict
from monitoring.record import WatchPass, WindowSummary
from monitoring.types import Alert, Delivery, Finding, Severity

START = datetime(2026, 11, 21, 12, tzinfo=UTC)


def make_finding(
    subject: str = "input.age",
    verdict: Verdict = Verdict.FAIL,
    severity: Severity = Severity.WARNING,
    check: str = "drift",
) -> Finding:
    """A finding as a check gives it."""
    return Finding(
        check=check,
        subject=subject,
        verdict=verdict,
        severity=severity if verdict is not Verdict.PASS else Severity.INFO,
        message=f"{subject} was found to {verdict} (distance 0.310)",
        estimate=Estimate(0.31, 0.25, 0.33, 2000, 0.95, "two-sample Kolmogorov-Smirnov"),
        bound=0.1,
    )


def make_pass(
    *findings: Finding, minutes: float = 0, version: str = "3", model: str = "lending"
) -> WatchPass:
    """A pass that began some minutes after noon."""
    at = START + timedelta(minutes=minutes)
    return WatchPass(at, model, version, WindowSummary(2000, START, at, 6000), findings)


@dataclass
class Outbox:
    """Takes the place of the network: what was sent where; addresses in `broken` are not reached."""

    sent: list[tuple[str, Alert]] = field(default_factory=list)
    kept: list[Alert] = field(default_factory=list)
    broken: set[str] = field(default_factory=set)

    def __call__(self, alert: Alert, to: str, *, timeout_s: float) -> Delivery:
        if to in self.broken:
            return Delivery(ok=False, at=alert.at, problem="a json address answered with status 503")
        self.sent.append((to, alert))
        self.kept.append(alert)
        return Delivery(ok=True, at=alert.at)

    def take(self) -> list[Alert]:
        """What came since the last call."""
        alerts, self.sent = [alert for _, alert in self.sent], []
        return alerts


@pytest.fixture
def outbox() -> Outbox:
    return Outbox()


@pytest.fixture(name="finding")
def _finding() -> Callable[..., Finding]:
    return make_finding


@pytest.fixture(name="watch_pass")
def _watch_pass() -> Callable[..., WatchPass]:
    return make_pass


@dataclass
class Receiver:
    """A web server on loopback that answers with `status`, after `delay_s`."""

    port: int
    arrived: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    status: int = 200
    delay_s: float = 0.0


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            here.arrived.append((self.path, json.loads(body)))
            time.sleep(here.delay_s)
            self.send_response(here.status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    here = Receiver(server.server_port)
    with _served(server):
        yield here


@pytest.fixture
def mailbox() -> Iterator[tuple[int, list[str]]]:
    """A mail server on loopback that takes everything: its port, and the mails."""
    mails: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 ready\r\n")
            while line := self.rfile.readline():
                command = line[:4].upper()
                if command == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    mails.append("".join(iter(lambda: self.rfile.readline().decode(), ".\r\n")))
                if command == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                self.wfile.write(b"250 ok\r\n")

    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler)
    with _served(server):
        yield server.server_address[1], mails


@contextmanager
def _served(server: socketserver.BaseServer) -> Iterator[None]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
