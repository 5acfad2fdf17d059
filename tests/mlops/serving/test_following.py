"""A real server that follows an alias of a real registry, asked all the while."""

import contextlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from mlops.registry.client import Alias
from mlops.serving.following import Followed, Registered

RECORD = {"a": 0.3, "c": "x"}
FIRST, SECOND, FORGED = (f"20260101-000000-0000000{number}" for number in (1, 2, 3))
FOLLOWED = "small@champion"
MOVES = 20
POLL_S = 0.02


@dataclass(frozen=True)
class Said:
    """One answer: when its request was sent, when it came, its status and version (time.monotonic)."""

    sent: float
    came: float
    status: int
    version: str | None


class Callers:
    """Threads that ask one request after the other until told to stop, and remember what was said."""

    def __init__(self, url, count):
        self.said = []
        self.broken = []
        self._url = url
        self._ended = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(count)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        for thread in self._threads:
            thread.join(60)

    def _ask(self):
        with httpx.Client(base_url=self._url, timeout=60) as session:
            while not self._ended.wait(0.01):
                sent = time.monotonic()
                try:
                    answer = session.post("/v1/predict", json={"record": RECORD})
                except httpx.TransportError as error:
                    self.broken.append(error)
                    return
                self.said.append(
                    Said(sent, time.monotonic(), answer.status_code, answer.json().get("version"))
                )


@pytest.fixture
def uri(store):
    return f"sqlite:///{store.home / 'mlflow.db'}"


@pytest.fixture
def follow(store, uri, tmp_path, servers):
    """Start a server on the champion of the store."""
    serve = json.dumps({"follow_every_s": 0.1})
    with servers(tmp_path, "--follow", FOLLOWED, "--serve", serve) as start:
        yield lambda *options: start(*options, MLFLOW_TRACKING_URI=uri)


@pytest.fixture
def session_with():
    """One client a server: making one takes 50 ms of CPU, which a server that is waited for would need."""
    with contextlib.ExitStack() as open_ones:
        yield lambda url: open_ones.enter_context(httpx.Client(base_url=url, timeout=60))


def ready_version(session):
    return session.get("/health/ready").json()["version"]


def wait_until(holds):
    while not holds():
        time.sleep(POLL_S)


def forge(store: "Store", release_id: str) -> str:  # noqa: F821
    """Register a version that failed, then make its record say that it passed."""
    version = store.release(release_id, verdict="fail")
    for path in (store.home / "artifacts").rglob("weighbridge/decision.json"):
        content = json.loads(path.read_bytes())
        if content["release"]["id"] == release_id:
            path.write_text(json.dumps(content | {"verdict": "pass", "consequence": "promote"}))
    return version.version


def test_no_request_is_dropped_while_the_alias_goes_to_and_fro(store, follow, session_with):
    versions = [store.release(FIRST).version, store.release(SECOND).version]
    forged = forge(store, FORGED)
    store.registry.set_alias(Alias.CHAMPION, versions[0])
    server = follow()
    session = session_with(server.url)
    # When a version became champion, and when the server said so.
    moves = [(versions[0], 0.0, 0.0)]
    with Callers(server.url, 3) as callers:
        for _, version in zip(range(MOVES), itertools.cycle(reversed(versions)), strict=False):
            moved = time.monotonic()
            store.registry.set_alias(Alias.CHAMPION, version)
            wait_until(lambda version=version: ready_version(session) == version)
            moves.append((version, moved, time.monotonic()))
            answered = len(callers.said)
            wait_until(lambda answered=answered: len(callers.said) > answered + 3 or callers.broken)

        store.registry.set_alias(Alias.CHAMPION, forged)
        server.wait_for_line(event="the version stays", version=forged, reason="evidence")
    assert ready_version(session) == moves[-1][0]
    metrics = session.get("/metrics").text
    about = session.get("/model").json()
    document = session.get("/openapi.json").json()
    assert server.end() == 0

    assert not callers.broken
    assert {said.status for said in callers.said} == {200}
    for said in callers.said:
        assert said.version in champions(moves, said), said
    assert {said.version for said in callers.said} == set(versions)
    assert about["version"] == document["info"]["version"] == moves[-1][0]
    assert_counted(metrics, callers.said, versions)
    lane = f'model="small",reason="evidence",version="{about["version"]}"'
    assert f"weighbridge_reload_failures_total{{{lane}}}" in metrics
    errors = [line for line in server.lines() if line["level"] == "error"]
    assert {line["logger"] for line in errors} == {"weighbridge.reload"}


def champions(moves, said):
    """Whose answer it may be: who was champion while it was asked for, until the server knew of the next."""
    ends = [seen for _, _, seen in moves[1:]] + [float("inf")]
    return {
        version
        for (version, moved, _), end in zip(moves, ends, strict=True)
        if moved <= said.came and said.sent <= end
    }


def assert_counted(metrics, said, versions):
    """Each version's answers, and calls, are counted for it."""
    for version in versions:
        answered = sum(each.version == version for each in said)
        lane = f'{{model="small",version="{version}"}}'
        assert f"weighbridge_predictions_total{lane} {float(answered)}" in metrics
        assert f"weighbridge_batch_rows_sum{lane} {float(answered)}" in metrics
        assert f'route="/v1/predict",status="200",version="{version}"' in metrics


def test_the_last_version_is_served_while_the_registry_is_away(store, uri, follow, session_with, tmp_path):
    version = store.release(FIRST).version
    store.registry.set_alias(Alias.CHAMPION, version)
    # What an earlier server of this folder fetched when it started.
    Registered(Followed.parse(FOLLOWED), uri, tmp_path / "log" / "bundles").first()
    for file in store.home.glob("mlflow.db*"):
        file.unlink()
    Path(store.home / "mlflow.db").write_bytes(b"no database")
    server = follow()
    session = session_with(server.url)
    assert ready_version(session) == version
    server.wait_for_line(event="the version stays", reason="registry")
    assert session.post("/v1/predict", json={"record": RECORD}).json()["version"] == version
    with contextlib.suppress(FileNotFoundError):
        shutil.rmtree(store.home / "artifacts")
    assert server.end() == 0


POLICY = """
model: small
data: {train: train.csv, evaluate: holdout.csv, target: t}
train: train:train
gate: {checks: [{metric: accuracy, at_least: 0.5}]}
serve: {port: 0}
"""


def test_a_project_serves_its_champion_in_the_foreground(store, tmp_path):
    version = store.release(FIRST).version
    store.registry.set_alias(Alias.CHAMPION, version)
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "weighbridge.yaml").write_text(POLICY)
    command = [sys.executable, "-c", "from mlops.cli.main import main; main()", "--project"]
    with subprocess.Popen(
        [*command, str(tmp_path / "project"), "serve"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "WEIGHBRIDGE_HOME": str(store.home)},
    ) as process:
        lines = (json.loads(line) for line in process.stdout)
        port = next(line["port"] for line in lines if line["event"] == "starting")
        address = f"http://127.0.0.1:{port}"
        while True:
            with contextlib.suppress(httpx.TransportError):
                assert httpx.get(f"{address}/health/ready").is_success
                break
        answer = httpx.post(f"{address}/v1/predict", json={"record": RECORD}, timeout=60)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
        process.stdout.read()
    assert answer.json()["version"] == version
