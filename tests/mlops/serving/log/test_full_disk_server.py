"""A real server on a disk that is full: it goes on, people are told, both readers read, and what it said holds."""

import datetime as dt
import json

import httpx
import polars as pl
import pytest

from benchmarks.crash.clients import Kind
from benchmarks.crash.readers import read_ids
from mlops.serving.log.config import Durability
from monitoring.config import AlertConfig, MonitorConfig
from monitoring.run import monitor_once
from monitoring.store.delta import DeltaRequestLog
from monitoring.store.writers import read_states
from monitoring.types import Delivery, Severity

BEFORE = [f"before-{number}" for number in range(20)]
REFUSED = 10


class Caller:
    """Asks about one row and tells the truth about it, and remembers what was acknowledged."""

    def __init__(self, url, record):
        self.acknowledged = {kind: [] for kind in Kind}
        self.statuses = []
        self._record = record
        self._http = httpx.Client(base_url=url, timeout=60)

    def ask(self, key):
        self._post(Kind.REQUEST, key, "/v1/predict", {"record": self._record, "id": key})
        self._post(Kind.LABEL, key, "/v1/feedback", {"labels": [{"id": key, "label": 1}]})

    def is_up(self):
        return self._http.get("/health/live").is_success and self._http.get("/health/ready").is_success

    def close(self):
        self._http.close()

    def _post(self, kind, key, route, body):
        answer = self._http.post(route, json=body)
        self.statuses.append(answer.status_code)
        if answer.status_code == 200:
            self.acknowledged[kind].append(key)


@pytest.fixture
def start(disk, tmp_path, bundle, good, servers):
    callers = []
    with servers(tmp_path, str(bundle.path), "--log-dir", str(disk.folder / "log")) as run:

        def begin(durability):
            server = run("--serve", json.dumps({"log": {"durability": durability}}))
            callers.append(Caller(server.url, good))
            return server, callers[-1]

        yield begin
        for caller in callers:
            caller.close()


@pytest.fixture
def alerts(disk, tmp_path, bundle):
    """What one pass of the monitor tells people, as it would twenty seconds from now."""

    def watch():
        heard = []

        def send(alert, to, *, timeout_s):
            heard.append(alert)
            return Delivery(ok=True, at=alert.at, problem=None)

        monitor_once(
            log=DeltaRequestLog(disk.folder / "log"),
            reference=pl.read_parquet(bundle.reference),
            model=bundle.model,
            version=bundle.version,
            task=bundle.task,
            config=MonitorConfig(),
            alerts=[AlertConfig(to="json://desk")],
            home=tmp_path,
            log_dir=disk.folder / "log",
            clock=lambda: dt.datetime.now(dt.UTC) + dt.timedelta(seconds=20),
            send=send,
        )
        return {
            finding.subject: finding.severity
            for alert in heard
            for finding in alert.findings
            if finding.check == "log"
        }

    return watch


@pytest.mark.timeout(180)
@pytest.mark.parametrize("durability", Durability)
def test_a_server_goes_on_and_nothing_that_it_acknowledged_is_lost(
    durability, start, disk, alerts, wait_until
):
    log = disk.folder / "log"
    server, caller = start(durability)
    for key in BEFORE:
        caller.ask(key)
    wait_until(lambda: all(read_ids(log, kind).len() == len(BEFORE) for kind in Kind))

    disk.fill()
    for number in range(100):
        caller.ask(f"full-{number}")
        if caller.statuses.count(503) >= REFUSED:
            break
    assert caller.is_up()
    if durability is Durability.BATCH:
        assert set(caller.statuses) == {200}
        wait_until(lambda: any(state.failing_since for state in read_states(log)))
        assert alerts() == {"waiting": Severity.WARNING}
    else:
        assert set(caller.statuses) == {200, 503}
        wait_until(lambda: any(state.refused for state in read_states(log)))
        assert alerts()["lost"] is Severity.CRITICAL
    for kind in Kind:
        assert set(BEFORE) <= set(read_ids(log, kind))

    disk.free()
    caller.ask("after")
    assert server.end() == 0
    for kind in Kind:
        found = read_ids(log, kind).to_list()
        assert "after" in found
        assert sorted(found) == sorted(caller.acknowledged[kind])
