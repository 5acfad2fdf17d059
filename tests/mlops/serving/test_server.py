"""A real server process on a real bundle: how it meets hostile callers, and how it ends."""

import contextlib
import itertools
import json
import signal
import socket
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest

from monitoring.store.delta import DeltaRequestLog

POLL_S = 0.05


@pytest.fixture
def serve(tmp_path, bundle, servers):
    with servers(tmp_path, str(bundle.path)) as start:
        yield start


@pytest.fixture(scope="module")
def shared(tmp_path_factory, bundle, servers):
    with servers(tmp_path_factory.mktemp("shared"), str(bundle.path)) as start:
        yield start("--serve", '{"max_body_kb": 100}')


def head(length):
    lines = ("POST /v1/predict HTTP/1.1", "Host: lane", "Content-Type: application/json", length, "", "")
    return "\r\n".join(lines).encode()


def send_part(port, body):
    """Begin a request: all of its head, half of its body; returns the socket and the rest."""
    connection = socket.create_connection(("127.0.0.1", port), timeout=60)
    half = len(body) // 2
    connection.sendall(head(f"Content-Length: {len(body)}") + body[:half])
    return connection, body[half:]


def read_answer(connection):
    with connection, connection.makefile("rb") as stream:
        status = int(stream.readline().split()[1])
        length = 0
        while line := stream.readline().strip().lower():
            if line.startswith(b"content-length:"):
                length = int(line.partition(b":")[2])
        return status, json.loads(stream.read(length))


class Callers:
    """Threads that send one request after the other until the server is gone, and remember what was answered."""

    def __init__(self, url, record, count, *, name):
        self.acknowledged = []
        self.statuses = set()
        self._url = url
        self._record = record
        self._name = name
        self._threads = [threading.Thread(target=self._call, args=(number,)) for number in range(count)]
        for thread in self._threads:
            thread.start()

    def _call(self, caller):
        with httpx.Client(timeout=60) as session, contextlib.suppress(httpx.TransportError):
            for number in itertools.count():
                name = f"{self._name}-{caller}-{number}"
                body = {"records": [self._record], "ids": [name]}
                answer = session.post(f"{self._url}/v1/predict", json=body)
                self.statuses.add(answer.status_code)
                if answer.is_success:
                    self.acknowledged.append(name)

    def wait_for(self, count):
        while len(self.acknowledged) < count and any(thread.is_alive() for thread in self._threads):
            time.sleep(POLL_S)

    def join(self):
        for thread in self._threads:
            thread.join(60)


def test_nothing_acknowledged_is_lost_by_a_stop_and_nothing_broken_by_a_kill(serve, good):
    killed = serve()
    callers = Callers(killed.url, good, 2, name="first")
    callers.wait_for(20)
    killed.end(signal.SIGKILL)
    callers.join()
    log = DeltaRequestLog(killed.log_dir)
    before = log.read(model="lending")["id"].to_list()

    stopped = serve()
    callers = Callers(stopped.url, good, 4, name="second")
    callers.wait_for(40)
    label = {"id": callers.acknowledged[0], "label": 0}
    assert httpx.post(f"{stopped.url}/v1/feedback", json={"labels": [label]}).json() == {"accepted": 1}
    assert stopped.end() == 0
    callers.join()
    assert callers.statuses == {200}
    frame = log.read(model="lending")
    logged = frame["id"].to_list()
    assert logged[: len(before)] == before
    assert len(logged) == len(set(logged))
    assert set(callers.acknowledged) <= set(logged)
    assert frame.filter(target=0)["id"].to_list() == [label["id"]]
    access = [
        line for line in stopped.lines() if line["event"] == "request" and line["path"] == "/v1/predict"
    ]
    assert len(access) >= len(callers.acknowledged)


def test_a_stop_drains_then_finishes_what_is_in_flight(serve, good):
    server = serve("--drain-s", "600")
    body = json.dumps({"records": [good], "ids": ["in-flight"]}).encode()
    server.process.send_signal(signal.SIGTERM)
    with httpx.Client(base_url=server.url) as session:
        while session.get("/health/ready").status_code == 200:
            time.sleep(POLL_S)
        assert session.get("/health/ready").json() == {"status": "draining"}
        assert session.post("/v1/predict", json={"records": [good], "ids": ["draining"]}).status_code == 200
        connection, rest = send_part(server.port, body)
        # The server reads on: by this answer it has the head of the request above.
        session.get("/health/live")
    server.process.send_signal(signal.SIGTERM)
    server.wait_for_line(event="Shutting down")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"{server.url}/health/ready")
    connection.sendall(rest)
    status, answer = read_answer(connection)
    assert status == 200
    assert answer["predictions"][0]["id"] == "in-flight"
    assert server.process.wait(60) == 0
    assert DeltaRequestLog(server.log_dir).read(model="lending")["id"].to_list() == ["draining", "in-flight"]


def test_who_is_in_haste_waits_for_nobody_and_loses_no_record(serve, good):
    server = serve("--drain-s", "600")
    answer = httpx.post(f"{server.url}/v1/predict", json={"records": [good], "ids": ["answered"]})
    assert answer.is_success
    connection, _ = send_part(server.port, json.dumps({"records": [good]}).encode())
    httpx.get(f"{server.url}/health/live")
    server.process.send_signal(signal.SIGTERM)
    server.process.send_signal(signal.SIGTERM)
    # Signals of one number may become one while nobody looks.
    while server.process.poll() is None and not any(
        line["event"] == "Shutting down" for line in server.lines()
    ):
        server.process.send_signal(signal.SIGTERM)
        time.sleep(POLL_S)
    server.process.send_signal(signal.SIGTERM)
    assert server.process.wait(60) == 0
    connection.close()
    assert [line for line in server.lines() if line["event"] == "requests given up"]
    assert DeltaRequestLog(server.log_dir).read(model="lending")["id"].to_list() == ["answered"]


HANGING = """
import sys, threading
from pathlib import Path
import numpy as np
from evaluation.types import Outputs
from mlops.packaging.bundle import Bundle
from mlops.packaging.load import InputField
from mlops.serving.app import create_app
from mlops.serving.config import ServeConfig
from mlops.serving.listener import bind
from mlops.serving.logs import log_as_json
from mlops.serving.server import Server, end_despite_the_model
from mlops.serving.settings import Settings
from monitoring.store.delta import DeltaRequestLog

class Model:
    inputs, classes = (InputField("age", "long", True),), (0, 1)

    def predict_rows(self, rows):
        if rows[0][0] == 13:
            print('{"event": "hangs"}', flush=True)
            threading.Event().wait()
        return Outputs(labels=np.ones(len(rows), int), scores=np.full(len(rows), 0.75))

log_as_json()
settings = Settings(log_dir=Path(sys.argv[2]), port=0, serve=ServeConfig(timeout_s=1))
app = create_app(Bundle.open(Path(sys.argv[1])), Model(), DeltaRequestLog(settings.log_dir), settings)
with bind(settings) as listener:
    print('{"event": "starting", "port": %d}' % listener.getsockname()[1], flush=True)
    Server(app, drain_s=0, finish_s=1).run(sockets=[listener])
end_despite_the_model()
"""


def test_a_model_that_hangs_holds_up_no_end(tmp_path, bundle):
    command = [sys.executable, "-c", HANGING, str(bundle.path), str(tmp_path / "log")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        lines = (json.loads(line) for line in process.stdout)
        port = next(line["port"] for line in lines if line["event"] == "starting")
        url = f"http://127.0.0.1:{port}"
        while True:
            with contextlib.suppress(httpx.TransportError):
                httpx.get(f"{url}/health/ready")
                break
        body = {"records": [{"age": 30}], "ids": ["answered"]}
        assert httpx.post(f"{url}/v1/predict", json=body).is_success
        with ThreadPoolExecutor() as pool:
            hanging = pool.submit(httpx.post, f"{url}/v1/predict", json={"record": {"age": 13}}, timeout=60)
            next(line for line in lines if line["event"] == "hangs")
            process.send_signal(signal.SIGTERM)
            assert hanging.result().status_code == 504
        rest = list(lines)
        assert process.wait(60) == 4
    assert rest[-1]["event"] == "the model did not answer"
    assert rest[-1]["calls"] == 1
    assert DeltaRequestLog(tmp_path / "log").read(model="lending")["id"].to_list() == ["answered"]


class TestHostileCallers:
    def test_a_slow_and_a_cut_request_do_not_disturb_others(self, shared, good):
        body = json.dumps({"records": [good]}).encode()
        slow, rest = send_part(shared.port, body)
        cut, _ = send_part(shared.port, body)
        cut.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        cut.close()
        answer = httpx.post(
            f"{shared.url}/v1/predict", content=body, headers={"content-type": "application/json"}
        )
        assert answer.is_success
        shared.wait_for_line(path="/v1/predict", status=499)
        slow.sendall(rest)
        assert read_answer(slow)[0] == 200
        assert not [line for line in shared.lines() if line["level"] == "error"]

    def test_a_body_without_a_length_is_refused_while_it_is_sent(self, shared):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as connection:
            connection.sendall(head("Transfer-Encoding: chunked"))
            with contextlib.suppress(OSError):
                for _ in range(102):
                    connection.sendall(b"400\r\n" + b" " * 1024 + b"\r\n")
            assert connection.recv(12) == b"HTTP/1.1 413"

    def test_a_long_body_is_refused_before_it_is_sent(self, shared):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as connection:
            connection.sendall(head("Content-Length: 999999999999"))
            assert connection.recv(12) == b"HTTP/1.1 413"

    def test_what_is_not_http_is_refused(self, shared):
        with socket.create_connection(("127.0.0.1", shared.port), timeout=60) as connection:
            connection.sendall(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n")
            assert connection.recv(12) == b"HTTP/1.1 400"
        assert httpx.get(f"{shared.url}/health/live").is_success
