"""What comes before any middleware: a head without an end, one that does not get on, and what nobody reads."""

import contextlib
import json
import socket
import threading

import httpx
import pytest

from mlops.serving import protocol
from mlops.serving.app import create_app
from mlops.serving.server import Server

HEAD = b"POST /v1/predict HTTP/1.1\r\nhost: lane\r\ncontent-type: application/json\r\n"
BODY = json.dumps({"record": {"age": 30, "job": "none"}}).encode()


@pytest.fixture
def port(bundle, fake_model, memory_log, settings):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = Server(create_app(bundle, fake_model(), memory_log, settings), drain_s=0)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        port = listener.getsockname()[1]
        while not httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=60).is_success:
            pass
        yield port
        server.should_exit = True
        thread.join(60)


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=60)


def rest(connection):
    """What comes until the server closes."""
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65_536):
            parts.append(part)
    return b"".join(parts)


def pour(connection, part, most=64 * 2**20):
    """Send the same over and over until the server closes; how much went out."""
    sent = 0
    with contextlib.suppress(ConnectionError):
        while sent < most:
            connection.sendall(part)
            sent += len(part)
    return sent


@pytest.mark.parametrize(
    ("begin", "part"),
    [
        (HEAD, b"x-more: " + b"a" * 1000 + b"\r\n"),
        (HEAD + b"x-more: ", b"a" * 1000),
        (b"GET /", b"a" * 1000),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\n", b"x-more: " + b"a" * 1000 + b"\r\n"),
        (HEAD + b"transfer-encoding: chunked\r\n\r\n0\r\nx-more: ", b"a" * 1000),
    ],
    ids=["many headers", "a long one", "a long path", "many trailers", "a long trailer"],
)
def test_a_head_has_an_end(port, begin, part):
    with connect(port) as connection:
        connection.sendall(begin)
        # What the machine keeps between the two is more than the server takes.
        assert pour(connection, part) < 32 * 2**20
    assert httpx.get(f"http://127.0.0.1:{port}/health/ready").is_success


def test_a_long_head_is_told_so(port):
    with connect(port) as connection:
        connection.sendall(HEAD)
        for _ in range(protocol.MOST_BYTES // 1000 + 1):
            connection.sendall(b"x-more: " + b"a" * 990 + b"\r\n")
        said = rest(connection)
    assert said.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert json.loads(said.partition(b"\r\n\r\n")[2])["detail"] == "the head is over 64 KiB"


@pytest.mark.parametrize("sent", [b"", b"POST /v1/pre", HEAD, HEAD + b"x: a\r\nnext"])
def test_a_head_that_does_not_get_on_is_not_waited_for(port, monkeypatch, sent):
    monkeypatch.setattr(protocol, "WITHIN_S", 0.2)
    with connect(port) as connection:
        connection.sendall(sent)
        said = rest(connection)
    assert said.startswith(b"HTTP/1.1 408 Request Timeout\r\n") if sent else said == b""


def test_the_next_request_of_a_connection_is_not_waited_for_either(port, monkeypatch):
    monkeypatch.setattr(protocol, "WITHIN_S", 0.2)
    with connect(port) as connection:
        connection.sendall(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
        said = b""
        while not said.endswith(b"]}"):
            said += connection.recv(65_536)
        assert said.startswith(b"HTTP/1.1 200 OK\r\n")
        connection.sendall(HEAD)
        assert rest(connection).startswith(b"HTTP/1.1 408 Request Timeout\r\n")


def test_the_rest_of_a_body_whose_request_is_answered_is_not_waited_for(port, monkeypatch):
    monkeypatch.setattr(protocol, "WITHIN_S", 0.2)
    ended = threading.Event()

    def trickle(connection):
        with contextlib.suppress(OSError):
            while not ended.wait(0.01):
                connection.sendall(b" ")

    with connect(port) as connection:
        connection.sendall(b"POST /nowhere HTTP/1.1\r\nhost: lane\r\ncontent-length: 1000000\r\n\r\n")
        sending = threading.Thread(target=trickle, args=(connection,))
        sending.start()
        assert rest(connection).startswith(b"HTTP/1.1 404 ")
        ended.set()
        sending.join(60)


def test_what_comes_in_parts_is_answered(port, settings):
    """A body is no head, however many parts it has."""
    body = b" " * (settings.serve.max_body_kb * 1024 - len(BODY)) + BODY
    with connect(port) as connection:
        for start in range(0, len(HEAD), 7):
            connection.sendall(HEAD[start : start + 7])
        connection.sendall(b"transfer-encoding: chunked\r\nconnection: close\r\n\r\n")
        for start in range(0, len(body), 1000):
            part = body[start : start + 1000]
            connection.sendall(b"%x\r\n%s\r\n" % (len(part), part))
        connection.sendall(b"0\r\n\r\n")
        assert rest(connection).startswith(b"HTTP/1.1 200 OK\r\n")
