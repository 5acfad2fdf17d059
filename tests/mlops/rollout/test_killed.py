"""kill -9 before and after every step of a command; the next command leaves one champion and no orphan."""

import functools
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mlops.rollout import process
from mlops.rollout.haproxy import HAProxy, runtime
from mlops.rollout.state import Deployment, StateFile

# Everything through which a command changes something outside of its own memory.
STEPS = [
    (process, "spawn"),
    (process, "stop"),
    (runtime, "send"),
    (HAProxy, "clean"),
    (Path, "replace"),
    (StateFile, "write"),
    (StateFile, "remove"),
]


class Killer:
    """Lets a command pass so many step boundaries, then kills its process."""

    def __init__(self, boundaries: int) -> None:
        self.left = boundaries

    def boundary(self) -> None:
        if self.left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self.left -= 1

    def around(self, step: Callable) -> Callable:
        @functools.wraps(step)
        def stepping(*args: object, **kwargs: object) -> object:
            self.boundary()
            result = step(*args, **kwargs)
            self.boundary()
            return result

        return stepping


def killed_after(boundaries: int, command: Callable[[], object]) -> bool:
    """Run a command in a forked process that is killed at a boundary; False when it ended before that."""
    pid = os.fork()
    if pid == 0:
        killer = Killer(boundaries)
        for owner, name in STEPS:
            setattr(owner, name, killer.around(getattr(owner, name)))
        status = 1
        try:
            command()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(pid, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL
        return True
    assert os.waitstatus_to_exitcode(status) == 0
    return False


def boundaries(command: Callable[[int], Callable[[], object]], *, at_least: int = 9) -> Iterator[int]:
    """Kill one command after another, each one boundary later, until one is not killed any more."""
    for count in range(200):
        if not killed_after(count, command(count)):
            assert count >= at_least, "its steps are not seen any more"
            return
        yield count
    pytest.fail("the command does not end")


def check(house, deployment: Deployment, version: str) -> None:
    """One champion, one previous lane, one router, all recorded, nothing else."""
    assert house.served(deployment) == version
    assert deployment.champion.lane.version == version
    assert StateFile(house.serving).read() == deployment
    assert house.running().keys() == {placed.lane.handle for placed in deployment.lanes}
    assert len(deployment.lanes) <= 2
    assert house.routers() == [deployment.router.handle]


def test_the_first_deployment(house):
    bundle = house.bundle("1")

    def deploy() -> Deployment:
        return house.rollout().deploy(bundle, **house.names("1"))

    for _ in boundaries(lambda _: deploy):
        check(house, deploy(), "1")
        house.rollout().stop()
    house.rollout().stop()


@pytest.mark.parametrize("again", ["the same", "another"])
def test_the_next_deployment(house, again):
    rollout = house.rollout()
    deployment = rollout.deploy(house.bundle("0"), **house.names("0"))
    bundles = {str(version): house.bundle(str(version)) for version in range(1, 90)}

    def command(count: int) -> Callable[[], object]:
        version = str(1 + 2 * count)
        return lambda: rollout.deploy(bundles[version], **house.names(version))

    with house.client(deployment) as client:
        for count in boundaries(command):
            version = str(1 + 2 * count + (again == "another"))
            deployment = rollout.deploy(bundles[version], **house.names(version))
            check(house, deployment, version)
            assert len(deployment.lanes) == 2
            client.wait_for(version)
    assert client.failures == []


def test_rollback(house):
    rollout = house.rollout()
    rollout.deploy(house.bundle("1"), **house.names("1"))
    deployment = rollout.deploy(house.bundle("2"), **house.names("2"))
    lanes = dict(house.running())

    with house.client(deployment) as client:
        for _ in boundaries(lambda _: functools.partial(rollout.rollback, "1"), at_least=6):
            check(house, rollout.rollback("1"), "1")
            client.wait_for("1")
            check(house, rollout.rollback("2"), "2")
            client.wait_for("2")
    assert client.failures == []
    assert house.running() == lanes


def test_stop(house):
    bundle = house.bundle("1")
    house.rollout().deploy(bundle, **house.names("1"))
    for _ in boundaries(lambda _: house.rollout().stop):
        house.rollout().stop()
        assert (house.running(), house.routers(), house.rollout().status()) == ({}, [], None)
        house.rollout().deploy(bundle, **house.names("1"))
