"""A real server with a journal, killed under load: what it answered is in the log after the next one ran, once."""

import itertools
import json
import signal
import subprocess
import sys
import threading
import time

import httpx
import polars as pl
import pytest

from monitoring.store.delta import DeltaRequestLog

CLIENTS = 8
RECORD = {"age": 30, "job": "none"}


class Server:
    """`python -m mlops.serving` with a journal, on a free port."""

    def __init__(self, folder, bundle):
        self.output = folder / "output"
        policy = json.dumps({"log": {"durability": "journal"}})
        command = [sys.executable, "-P", "-m", "mlops.serving", str(bundle), "--port", "0", "--serve", policy]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--log-dir", str(folder / "log")], stdout=output, stderr=subprocess.STDOUT
            )
        while not (port := self._port()):
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.05)
        self.url = f"http://127.0.0.1:{port}"
        while not self._ready():
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.05)

    def _port(self):
        lines = [line for line in self.output.read_text().splitlines() if '"starting"' in line]
        return json.loads(lines[0])["port"] if lines else None

    def _ready(self):
        try:
            return httpx.get(f"{self.url}/health/ready").is_success
        except httpx.TransportError:
            return False

    def end(self, number):
        self.process.send_signal(number)
        return self.process.wait(60)


@pytest.fixture
def start(tmp_path, bundle):
    started = []

    def run():
        started.append(Server(tmp_path, bundle.path))
        return started[-1]

    yield run
    for server in started:
        server.process.kill()
        server.process.wait()


@pytest.mark.timeout(180)
def test_what_was_answered_before_a_kill_is_in_the_log_once(start, tmp_path):
    server = start()
    answered, labelled = [], []
    numbers = itertools.count()
    enough = threading.Event()

    def call():
        with httpx.Client(base_url=server.url, timeout=30) as client:
            try:
                while True:
                    key = f"r{next(numbers)}"
                    body = {"records": [RECORD], "ids": [key]}
                    if client.post("/v1/predict", json=body).is_success:
                        answered.append(key)
                    told = {"labels": [{"id": key, "label": 1}]}
                    if client.post("/v1/feedback", json=told).is_success:
                        labelled.append(key)
                    if len(labelled) > 150:
                        enough.set()
            except httpx.TransportError:
                return

    threads = [threading.Thread(target=call) for _ in range(CLIENTS)]
    for thread in threads:
        thread.start()
    assert enough.wait(60)
    server.end(signal.SIGKILL)
    for thread in threads:
        thread.join()
    assert start().end(signal.SIGTERM) == 0
    rows = DeltaRequestLog(tmp_path / "log").read(model="lending")
    labels = pl.read_delta(str(tmp_path / "log" / "labels"))
    assert set(answered) <= set(rows["id"])
    assert rows["id"].n_unique() == rows.height
    assert set(labelled) <= set(labels["id"])
    assert labels["id"].n_unique() == labels.height
