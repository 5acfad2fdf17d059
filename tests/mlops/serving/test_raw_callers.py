"""What no HTTP library sends, against a real process: cut, slow, malformed; it answers others as if nothing was."""

import contextlib
import json
import random
import socket
import struct
import subprocess
import sys
import time

import httpx
import psutil
import pytest

SEED = 7
CUTS = 150
CONTENT = "Content-Type: application/json"


class Lane:
    """`python -m mlops.serving` on a free port."""

    def __init__(self, folder, bundle):
        self.output = folder / "output"
        command = [sys.executable, "-P", "-m", "mlops.serving", str(bundle), "--port", "0"]
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, "--log-dir", str(folder / "log")], stdout=output, stderr=subprocess.STDOUT
            )

    def wait(self):
        self.port = self.until(self._port)
        self.url = f"http://127.0.0.1:{self.port}"
        self.until(self._ready)

    def until(self, found):
        while (result := found()) is None:
            assert self.process.poll() is None, self.output.read_text()
            time.sleep(0.05)
        return result

    def lines(self):
        whole = self.output.read_text().splitlines(keepends=True)
        return [json.loads(line) for line in whole if line.endswith("\n")]

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=60)

    def answers(self, raw, parts=1, pause_s=0.0, *, ends=False):
        """Send bytes in so many parts, then an end or nothing; the statuses of all answers until the server closes."""
        with self.connect() as connection:
            step = -(-len(raw) // parts)
            with contextlib.suppress(OSError):
                for start in range(0, len(raw), step):
                    connection.sendall(raw[start : start + step])
                    time.sleep(pause_s)
                if ends:
                    connection.shutdown(socket.SHUT_WR)
            return [int(part[:3]) for part in read_all(connection).split(b"HTTP/1.1 ")[1:]]

    def _port(self):
        return next((line["port"] for line in self.lines() if line["event"] == "starting"), None)

    def _ready(self):
        with contextlib.suppress(httpx.TransportError):
            return httpx.get(f"{self.url}/health/ready").is_success or None


def read_all(connection):
    found = b""
    with contextlib.suppress(OSError):
        while part := connection.recv(65_536):
            found += part
    return found


@pytest.fixture(scope="module")
def lane(tmp_path_factory, bundle):
    started = Lane(tmp_path_factory.mktemp("raw"), bundle.path)
    try:
        started.wait()
        yield started
    finally:
        started.process.kill()
        started.process.wait(60)


def post(body, *headers, length=None):
    size = len(body) if length is None else length
    lines = ["POST /v1/predict HTTP/1.1", "Host: lane", CONTENT, f"Content-Length: {size}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


@pytest.fixture
def body(good):
    return json.dumps({"records": [good]}).encode()


def is_well(lane, body):
    answer = httpx.post(f"{lane.url}/v1/predict", content=body, headers={"content-type": "application/json"})
    # uvicorn itself complains where a caller sent several requests in one piece and hung up before their answers.
    lines = [line for line in lane.lines() if line["logger"].startswith("weighbridge.")]
    errors = [line for line in lines if line["level"] in {"error", "critical"}]
    assert errors == []
    return answer.status_code == 200


def test_requests_cut_anywhere(lane, body):
    raw, pick = post(body), random.Random(SEED)
    before = psutil.Process(lane.process.pid).num_fds()
    for _ in range(CUTS):
        connection = lane.connect()
        connection.sendall(raw[: pick.randrange(len(raw))])
        if pick.random() < 0.5:
            # Closed by a reset, not by an end.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert is_well(lane, body)
    lane.until(lambda: psutil.Process(lane.process.pid).num_fds() <= before + 2 or None)
    assert not [line for line in lane.lines() if line.get("status", 0) >= 500]


def test_callers_who_do_not_read(lane, body):
    waiting = [lane.connect() for _ in range(20)]
    for connection in waiting:
        connection.sendall(post(body) * 5)
    assert is_well(lane, body)
    for connection in waiting:
        connection.close()
    assert is_well(lane, body)


def test_a_slow_sender_is_waited_for(lane, body):
    assert lane.answers(post(body, "Connection: close"), parts=40, pause_s=0.01) == [200]


def test_slow_senders_hold_up_nobody(lane, body):
    slow = [lane.connect() for _ in range(50)]
    for connection in slow:
        connection.sendall(post(body)[:-10])
    assert is_well(lane, body)
    for connection in slow:
        connection.sendall(post(body)[-10:])
        assert connection.recv(12) == b"HTTP/1.1 200"
        connection.close()


def test_requests_one_after_the_other_in_one_piece(lane, body):
    assert lane.answers(post(body) * 3 + post(b"{}") + post(body, "Connection: close")) == [
        200,
        200,
        200,
        422,
        200,
    ]


CHUNKED = b"POST /v1/predict HTTP/1.1\r\nHost: lane\r\nTransfer-Encoding: chunked\r\n\r\n"
MALFORMED = {
    "two lengths": post(b"{}", "Content-Length: 5"),
    "length and chunks": post(b"0\r\n\r\n", "Transfer-Encoding: chunked"),
    "a length below zero": post(b"{}", length=-1),
    "a length that is a word": post(b"{}", length="ten"),
    "a length of many digits": post(b"{}", length="9" * 40),
    "a chunk that is a word": CHUNKED + b"xyz\r\n{}\r\n",
    "a chunk without an end": CHUNKED + b"ffffffffffffffffff\r\n{}",
    "a header without a colon": post(b"{}", "nothing"),
    "a space before the colon": post(b"{}", "Some : thing"),
    "a header of another line": post(b"{}", "A: 1\r\n b"),
    "a zero byte": post(b"{}", "A: \x00"),
    "another protocol": b"GET / HTTP/9.9\r\n\r\n",
    "no protocol": b"GET /\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(50),
    "a long line": b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
    "a long header": post(b"{}", "A: " + "a" * 200_000, "Connection: close"),
    "many headers": post(b"{}", *[f"A{number}: 1" for number in range(5_000)], "Connection: close"),
    "no host": b"GET /health/live HTTP/1.1\r\nConnection: close\r\n\r\n",
    "an escape that is none": b"GET /%zz%00%ff HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n",
}


@pytest.mark.parametrize("raw", MALFORMED.values(), ids=MALFORMED.keys())
def test_what_is_malformed_gets_no_5xx(lane, body, raw):
    assert all(status < 500 for status in lane.answers(raw, ends=True))
    assert is_well(lane, body)
