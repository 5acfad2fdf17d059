"""Waiting for the writer's own threads."""

import threading

import pytest


@pytest.fixture(scope="session")
def wait_until():
    """Wait for another thread; the limit is only reached by a failing test."""

    def wait(condition):
        poll = threading.Event()
        for _ in range(3000):
            if condition():
                return
            poll.wait(0.01)
        raise AssertionError("did not happen")

    return wait
