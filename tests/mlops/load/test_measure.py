"""The load engine against a real listener: every way in which an answer can end, and both kinds of load."""

import socket
import threading
import time

import numpy as np
import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.load.measure import Load, measure, percentile
from mlops.load.wire import Target

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}"
CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
ENOUGH = 60.0


def run(server, requests=20, clients=1, timeout_s=30.0):
    """A load of so many requests."""
    target = Target.of(server.url)
    load = Load(clients=clients, seconds=ENOUGH, rate=requests / ENOUGH, timeout_s=timeout_s)
    return measure(target, target.post("/v1/predict", b'{"records": []}', "k-1"), load)


@pytest.fixture
def at_once(monkeypatch):
    """As many requests as planned, and nobody waits for their times."""

    async def now(self):
        self._next += 1
        return self._now()

    monkeypatch.setattr("mlops.load.measure._Run._turn", now)


ANSWERS = {
    "length": ([OK], False),
    "in parts": ([OK[:10], OK[10:40], OK[40:]], False),
    "chunked": ([CHUNKED, b"2\r\n{}\r\n", b"0\r\n\r\n"], False),
    "chunked at once": ([CHUNKED + b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n"], False),
    "closed after each": ([b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}"], True),
    "ends with the connection": ([b"HTTP/1.1 200 OK\r\n\r\n{}", b" "], True),
    "HTTP/1.0": ([b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}"], True),
    "said to wait first": ([b"HTTP/1.1 103 Early Hints\r\nlink: </a>\r\n\r\n", OK], False),
    "empty": ([b"HTTP/1.1 204 No Content\r\n\r\n"], False),
    "created": ([b"HTTP/1.1 202 Accepted\r\ncontent-length: 0\r\n\r\n"], False),
}
FAULTS = {
    "refused": ([b"HTTP/1.1 422 No\r\ncontent-length: 2\r\n\r\n{}"], False, "HTTP 422"),
    "redirect": ([b"HTTP/1.1 301 Away\r\nlocation: /\r\ncontent-length: 0\r\n\r\n"], False, "HTTP 301"),
    "cut before the head": ([], True, "closed before the answer"),
    "cut in the head": ([OK[:20]], True, "closed before the answer"),
    "cut in the body": ([OK[:-1]], True, "closed before the answer"),
    "cut in the chunks": ([CHUNKED, b"2\r\n{"], True, "closed before the answer"),
    "no HTTP": ([b"SSH-2.0-OpenSSH_9\r\n"], False, "no HTTP"),
    "switching": ([b"HTTP/1.1 101 Switch\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n"], False, "no HTTP"),
}


@pytest.mark.usefixtures("at_once")
class TestAnswers:
    @pytest.mark.parametrize(("parts", "close"), ANSWERS.values(), ids=ANSWERS.keys())
    def test_every_way_to_end_one(self, scripted, parts, close):
        server = scripted(lambda _: (parts, close))
        found = run(server)
        assert (found.answered, found.failed) == (20, {})
        assert len(server.requests) == 20
        assert server.connections == (20 if close else 1)
        assert 0 < found.p_ms[50] <= found.p_ms[99] <= found.max_ms

    @pytest.mark.parametrize(("parts", "close", "name"), FAULTS.values(), ids=FAULTS.keys())
    def test_what_is_no_answer_is_counted_by_its_kind(self, scripted, parts, close, name):
        server = scripted(lambda number: ([OK], False) if number % 2 else (parts, close))
        found = run(server)
        assert found.failed == {name: 10}
        assert found.answered == 10

    def test_no_answer_in_time(self, scripted):
        server = scripted(lambda number: ([OK], False) if number else ([], False))
        found = run(server, timeout_s=0.2, requests=3)
        assert (found.answered, found.failed) == (2, {"out of time": 1})
        assert server.connections == 2

    def test_what_is_sent(self, scripted):
        server = scripted()
        run(server, requests=1)
        ((lines, body),) = server.requests
        assert lines[0] == b"POST /v1/predict HTTP/1.1"
        assert b"authorization: Bearer k-1" in lines
        assert body == b'{"records": []}'

    def test_all_clients_share_the_plan(self, scripted):
        server = scripted()
        found = run(server, clients=8, requests=100)
        assert found.answered == len(server.requests) == 100
        assert server.connections == 8


class TestLoad:
    def test_closed_it_ends_by_the_clock(self, scripted):
        server = scripted()
        shares = []
        found = measure(
            Target.of(server.url),
            Target.of(server.url).post("/v1/predict", b"{}"),
            Load(clients=2, seconds=0.3),
            shares.append,
        )
        assert found.seconds >= 0.3
        assert found.answered == len(server.requests) > 0
        assert found.unsent == 0
        assert shares == sorted(shares)
        assert 0 <= shares[0] <= shares[-1] <= 1

    def test_at_a_rate_a_stall_is_charged_to_all_who_would_have_come(self, scripted):
        stalled = threading.Event()

        def script(number):
            if number == 10:
                time.sleep(0.5)
                stalled.set()
            return [OK], False

        server = scripted(script)
        target = Target.of(server.url)
        wanted = Load(clients=1, seconds=1.0, rate=100)
        found = measure(target, target.post("/v1/predict", b"{}"), wanted)
        assert stalled.is_set()
        assert found.answered + found.unsent == 100
        # One answer was slow; those planned during its half second waited too: 500, 490, 480, ... ms.
        assert found.max_ms >= 500
        assert found.p_ms[90] >= 300

    def test_what_could_not_be_sent_is_told(self, scripted):
        server = scripted(lambda number: (time.sleep(0.2), ([OK], False))[1])
        target = Target.of(server.url)
        found = measure(target, target.post("/v1/predict", b"{}"), Load(clients=1, seconds=0.5, rate=100))
        assert found.unsent >= 40
        assert found.answered + found.unsent == 50

    def test_a_server_that_goes_away(self, scripted):
        server = scripted(lambda number: ([OK], False))
        target = Target.of(server.url)
        timer = threading.Timer(0.1, server.close)
        timer.start()
        found = measure(target, target.post("/v1/predict", b"{}"), Load(clients=2, seconds=0.4))
        timer.join()
        assert found.failed.keys() & {"no connection", "closed before the answer"}

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as listener:
            port = listener.getsockname()[1]
        target = Target.of(f"http://127.0.0.1:{port}")
        with pytest.raises(EnvironmentProblem, match=f"no connection to 127.0.0.1:{port}"):
            measure(target, b"", Load())


@pytest.mark.parametrize("share", [50, 90, 95, 99, 100])
def test_percentiles_as_numpy_has_them(share):
    values = sorted(np.random.default_rng(share).lognormal(size=997))
    assert percentile(values, share) == np.percentile(values, share, method="inverted_cdf")


@pytest.mark.parametrize(
    "url", ["127.0.0.1:80", "ftp://lane", "http://", "http://a:b@lane", "http://lane:99999"]
)
def test_addresses_that_are_none(url):
    with pytest.raises(UserError):
        Target.of(url)


def test_an_address_with_a_path_and_one_of_version_6():
    assert (
        Target.of("https://shop.example/models/")
        .post("/v1/predict", b"")
        .startswith(b"POST /models/v1/predict HTTP/1.1\r\nhost: shop.example:443\r\n")
    )
    assert b"host: [::1]:8000" in Target.of("http://[::1]:8000").post("/", b"")
