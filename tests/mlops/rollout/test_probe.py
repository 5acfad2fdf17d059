"""Waiting for a lane, with time that a test makes pass."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.rollout import ports
from mlops.rollout.probe import Clock, is_ready, served_version, wait_ready
from mlops.rollout.targets.base import Lane


class Answers(BaseHTTPRequestHandler):
    ready_after = 0
    model: object = {"version": "3"}

    def do_GET(self):
        status, content = 200, self.model
        if self.path == "/health/ready":
            type(self).ready_after -= 1
            status, content = (200, self.model) if self.ready_after < 0 else (503, {})
        self.send_response(status)
        self.end_headers()
        self.wfile.write(content if isinstance(content, bytes) else json.dumps(content).encode())

    def log_message(self, *_):
        pass


@pytest.fixture
def lane():
    handler = type("Handler", (Answers,), {})
    with HTTPServer(("127.0.0.1", 0), handler) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        serving.start()
        yield Lane("m", "3", "r", "local", "127.0.0.1", server.server_port, "1:1", "b", "lane.log"), handler
        server.shutdown()
        serving.join()


class Fate:
    """A target whose lane lives for so many questions."""

    name = "fate"

    def __init__(self, lives: int) -> None:
        self.lives = lives

    def alive(self, lane):
        self.lives -= 1
        return self.lives >= 0

    def log_tail(self, lane, *, lines):
        return ("ValueError: no such column",)


class Time:
    def __init__(self) -> None:
        self.passed = 0.0

    @property
    def clock(self) -> Clock:
        return Clock(lambda: self.passed, self.sleep)

    def sleep(self, span: float) -> None:
        self.passed += span


def test_it_returns_as_soon_as_the_lane_is_ready(lane):
    there, handler = lane
    handler.ready_after = 3
    time = Time()
    wait_ready(there, Fate(100), within_s=60, clock=time.clock)
    assert time.passed == pytest.approx(3 * 0.05)


def test_it_gives_up_in_time_and_shows_the_log(lane):
    there, handler = lane
    handler.ready_after = 10**6
    time = Time()
    with pytest.raises(EnvironmentProblem) as caught:
        wait_ready(there, Fate(10**6), within_s=2, clock=time.clock)
    assert time.passed == pytest.approx(2, abs=0.051)
    assert (
        "was not ready within 2 s; its log lane.log says:\n    ValueError: no such column"
        in caught.value.found
    )


def test_it_does_not_wait_for_the_dead(lane):
    there, handler = lane
    handler.ready_after = 10**6
    time = Time()
    with pytest.raises(EnvironmentProblem, match="ended before it was ready"):
        wait_ready(there, Fate(1), within_s=60, clock=time.clock)
    assert time.passed < 1


@pytest.mark.parametrize("model", [{"version": "2"}, {"version": None}, {}, [], b"<html>", b"\xff"])
def test_another_version_is_not_taken_for_this_one(lane, model):
    there, handler = lane
    handler.model = model
    with pytest.raises(EnvironmentProblem, match="not 3"):
        wait_ready(there, Fate(100), within_s=60, clock=Time().clock)


def test_a_foreign_server_on_the_lanes_port_is_not_taken_for_the_lane(lane):
    with pytest.raises(EnvironmentProblem, match="is not its own"):
        wait_ready(lane[0], Fate(0), within_s=60, clock=Time().clock)


def test_nobody_there_is_not_ready():
    lane = Lane("m", "3", "r", "local", "127.0.0.1", ports.free_port("127.0.0.1"), "1:1", "b", "l")
    assert not is_ready(lane)
    assert served_version(lane) is None
