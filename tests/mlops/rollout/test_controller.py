"""Deploying and going back, with the real router and processes as lanes."""

import os
import signal
import socket
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.config import RolloutConfig
from mlops.rollout import process
from mlops.rollout.controller import Rollout
from mlops.rollout.haproxy import HAProxy
from mlops.rollout.state import Deployment, Role, StateFile
from mlops.serving.config import ServeConfig


def kill(handle: str) -> None:
    os.kill(int(handle.partition(":")[0]), signal.SIGKILL)
    while process.find(handle):
        pass


def handles(deployment: Deployment) -> set[str]:
    return {placed.lane.handle for placed in deployment.lanes}


def versions(deployment: Deployment) -> tuple[str | None, str | None]:
    """Of champion and previous."""
    found = (deployment.champion, deployment.previous)
    return tuple(placed.lane.version if placed else None for placed in found)


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_the_router_is_not_open_to_other_machines_by_accident(house, host):
    def rollout(**access):
        serve = ServeConfig.model_validate({"host": host, "port": 0, "access": access})
        return Rollout(house.home, serve, RolloutConfig(), house.target())

    with pytest.raises(UserError, match="other machines could ask the model"):
        rollout().deploy(house.bundle("1"), **house.names("1"))
    assert house.running() == {}
    assert StateFile(house.serving).read() is None
    rollout(keys=True).deploy(house.bundle("1"), **house.names("1"))
    with pytest.raises(UserError, match="nobody is asked for a key"):
        rollout().deploy(house.bundle("2"), **house.names("2"))
    assert list(house.running().values()) == ["1"]
    rollout(open=True).stop()


def test_no_request_fails_through_deployments_and_rollback(house):
    rollout = house.rollout()
    deployment = rollout.deploy(house.bundle("1"), **house.names("1"))
    with house.client(deployment) as client:
        client.wait_for("1")
        for version in "234":
            deployment = rollout.deploy(house.bundle(version), **house.names(version))
            client.wait_for(version)
        assert versions(deployment) == ("4", "3")
        assert versions(rollout.rollback("3")) == ("3", "4")
        client.wait_for("3")
        assert versions(rollout.rollback("4")) == ("4", "3")
        client.wait_for("4")
    assert client.failures == []
    assert client.answers > 12


def test_a_request_in_flight_outlives_its_lanes_turn(house):
    rollout = house.rollout()
    deployment = rollout.deploy(house.bundle("1", slow_s=1.0), **house.names("1"))
    answers: list[object] = []
    with socket.create_connection((deployment.router.host, deployment.router.port)) as client:
        client.sendall(
            b"POST /v1/predict HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 2\r\n\r\n{}"
        )
        reader = threading.Thread(target=lambda: answers.append(client.makefile("rb").read()))
        reader.start()
        while not HAProxy(house.serving).read(deployment.router)[1].sessions:
            pass
        rollout.deploy(house.bundle("2"), **house.names("2"))
        rollout.deploy(house.bundle("3"), **house.names("3"))  # this one stops version 1
        reader.join()
    assert answers[0].endswith(b'{"version": "1"}')
    assert sorted(house.running().values()) == ["2", "3"]


def test_progress_is_told(house):
    told: list[str] = []
    deployment = house.rollout().deploy(house.bundle("1"), **house.names("1"), progress=told.append)
    assert told == [
        f"the router listens on {deployment.url}",
        f"starting a lane for version 1 on port {deployment.champion.lane.port}",
        f"version 1 is serving on {deployment.url}",
    ]


def test_the_same_version_again_restarts_nothing(house):
    bundle = house.bundle("1")
    first = house.rollout().deploy(bundle, **house.names("1"))
    assert house.rollout().deploy(bundle, **house.names("1")) == first
    assert house.running() == {first.champion.lane.handle: "1"}


def test_the_same_version_from_another_bundle_is_started(house):
    rollout = house.rollout()
    rollout.deploy(house.bundle("1"), **house.names("1"))
    first = rollout.deploy(house.bundle("2"), **house.names("2"))
    second = rollout.deploy(house.bundle("2"), **house.names("2"))
    assert second.champion.lane.artefact != first.champion.lane.artefact
    assert versions(second) == ("2", "1")
    assert house.running().keys() == handles(second)


def test_deploying_the_previous_version_uses_its_warm_lane(house):
    rollout, bundle = house.rollout(), house.bundle("1")
    first = rollout.deploy(bundle, **house.names("1"))
    rollout.deploy(house.bundle("2"), **house.names("2"))
    back = rollout.deploy(bundle, **house.names("1"))
    assert back.champion.lane == first.champion.lane
    assert versions(back) == ("1", "2")


@pytest.mark.parametrize(
    ("behaviour", "within_s", "complaint"),
    [
        (
            {"fails": "ValueError: no such column"},
            20,
            "ended before it was ready.*ValueError: no such column",
        ),
        ({"ready": False}, 0.5, "was not ready within 0.5 s"),
        ({"stubborn": True, "ready": False}, 0.5, "was not ready within 0.5 s"),
    ],
)
def test_a_lane_that_is_never_ready_leaves_the_champion(house, behaviour, within_s, complaint, monkeypatch):
    monkeypatch.setattr("mlops.rollout.lanes._STOP_WITHIN_S", 0.2)
    rollout = house.rollout(ready_within_s=within_s)
    rollout.deploy(house.bundle("1"), **house.names("1"))
    before = rollout.deploy(house.bundle("2"), **house.names("2"))
    with house.client(before) as client:
        client.wait_for("2")
        with pytest.raises(EnvironmentProblem, match=f"(?s)the lane of version 3 {complaint}"):
            rollout.deploy(house.bundle("3", **behaviour), **house.names("3"))
        client.wait_for("2")
    assert client.failures == []
    assert StateFile(house.serving).read() == before
    assert house.running().keys() == handles(before)


def test_a_server_of_another_version_leaves_the_champion(house):
    rollout = house.rollout()
    before = rollout.deploy(house.bundle("1"), **house.names("1"))
    with pytest.raises(EnvironmentProblem, match="names version 9, not 2"):
        rollout.deploy(house.bundle("9"), **house.names("2"))
    assert house.served(before) == "1"
    assert house.running().keys() == handles(before)


def test_a_first_version_that_is_never_ready_leaves_nothing(house):
    with pytest.raises(EnvironmentProblem):
        house.rollout().deploy(house.bundle("1", fails="no"), **house.names("1"))
    assert house.rollout().status() is None
    assert (house.running(), house.routers()) == ({}, [])


def test_no_bundle_leaves_the_champion(house):
    before = house.rollout().deploy(house.bundle("1"), **house.names("1"))
    with pytest.raises(UserError, match="no bundle at nowhere"):
        house.rollout().deploy("nowhere", **house.names("2"))
    assert house.served(before) == "1"
    assert house.rollout().rollback("1") == before


def test_an_interrupt_from_the_keyboard_leaves_the_champion(house, monkeypatch):
    before = house.rollout().deploy(house.bundle("1"), **house.names("1"))

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("mlops.rollout.lanes.wait_ready", interrupted)
    with pytest.raises(KeyboardInterrupt):
        house.rollout().deploy(house.bundle("2"), **house.names("2"))
    assert house.rollout().status() == _as_seen(before)
    assert house.running().keys() == handles(before)


def _as_seen(deployment: Deployment, *, dead: tuple[Role, ...] = (), router: bool = True) -> Deployment:
    lanes = tuple(replace(placed, alive=placed.role not in dead) for placed in deployment.lanes)
    return replace(deployment, router=replace(deployment.router, alive=router), lanes=lanes)


def test_status_tells_who_lives(house):
    rollout = house.rollout()
    assert rollout.status() is None
    rollout.deploy(house.bundle("1"), **house.names("1"))
    deployment = rollout.deploy(house.bundle("2"), **house.names("2"))
    assert rollout.status() == _as_seen(deployment)
    kill(deployment.previous.lane.handle)
    assert rollout.status() == _as_seen(deployment, dead=(Role.PREVIOUS,))
    kill(deployment.router.handle)
    assert rollout.status() == _as_seen(deployment, dead=(Role.PREVIOUS,), router=False)


def test_a_dead_router_comes_back_on_its_port_with_its_lanes(house):
    rollout, bundle = house.rollout(), house.bundle("2")
    rollout.deploy(house.bundle("1"), **house.names("1"))
    before = rollout.deploy(bundle, **house.names("2"))
    weights = HAProxy(house.serving).read(before.router)
    kill(before.router.handle)
    after = rollout.deploy(bundle, **house.names("2"))
    assert (after.url, after.lanes) == (before.url, before.lanes)
    assert HAProxy(house.serving).read(after.router) == weights
    assert house.served(after) == "2"


def test_a_router_that_cannot_be_steered_is_replaced(house):
    rollout, bundle = house.rollout(), house.bundle("1")
    before = rollout.deploy(bundle, **house.names("1"))
    Path(before.router.socket).unlink()
    after = rollout.deploy(bundle, **house.names("1"))
    assert house.routers() == [after.router.handle]
    assert after.url == before.url
    assert house.served(after) == "1"


def test_a_dead_champion_is_started_again(house):
    rollout, bundle = house.rollout(), house.bundle("2")
    rollout.deploy(house.bundle("1"), **house.names("1"))
    before = rollout.deploy(bundle, **house.names("2"))
    kill(before.champion.lane.handle)
    after = rollout.deploy(bundle, **house.names("2"))
    assert house.served(after) == "2"
    assert versions(after) == ("2", "1")
    assert after.previous == before.previous
    assert after.router == before.router
    assert house.running().keys() == handles(after)


def test_a_dead_champion_is_replaced_by_the_next_version(house):
    rollout = house.rollout()
    before = rollout.deploy(house.bundle("1"), **house.names("1"))
    kill(before.champion.lane.handle)
    after = rollout.deploy(house.bundle("2"), **house.names("2"))
    assert house.served(after) == "2"
    assert versions(after) == ("2", "1")
    assert house.served(rollout.rollback("1")) == "1"


def test_rollback_starts_a_previous_lane_that_died(house):
    rollout = house.rollout()
    rollout.deploy(house.bundle("1"), **house.names("1"))
    before = rollout.deploy(house.bundle("2"), **house.names("2"))
    kill(before.previous.lane.handle)
    with house.client(before) as client:
        client.wait_for("2")
        after = rollout.rollback("1")
        client.wait_for("1")
    assert (client.failures, versions(after)) == ([], ("1", "2"))
    assert house.served(after) == "1"
    assert house.running().keys() == handles(after)


def test_rollback_is_done_once(house):
    rollout = house.rollout()
    rollout.deploy(house.bundle("1"), **house.names("1"))
    rollout.deploy(house.bundle("2"), **house.names("2"))
    first = rollout.rollback("1")
    assert rollout.rollback("1") == first
    assert versions(first) == ("1", "2")


def test_rollback_to_a_version_that_is_not_previous_is_refused(house):
    rollout = house.rollout()
    with pytest.raises(UserError, match="there is no previous version"):
        rollout.rollback("1")
    rollout.deploy(house.bundle("1"), **house.names("1"))
    with pytest.raises(UserError, match="there is no previous version"):
        rollout.rollback("7")
    before = rollout.deploy(house.bundle("2"), **house.names("2"))
    with pytest.raises(UserError, match="version 1 is previous, not 7"):
        rollout.rollback("7")
    assert house.served(before) == "2"


def test_a_taken_port_is_named_before_a_lane_is_started(house):
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(EnvironmentProblem, match=f"port {taken.getsockname()[1]} on 127.0.0.1 is in use by"),
    ):
        house.rollout(port=taken.getsockname()[1]).deploy(house.bundle("1"), **house.names("1"))
    assert house.running() == {}
    assert not StateFile(house.serving).path.exists()


def test_a_new_port_in_weighbridge_yaml_moves_the_router(house):
    bundle = house.bundle("1")
    before = house.rollout().deploy(bundle, **house.names("1"))
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentProblem, match="is in use by"):
            house.rollout(port=port).deploy(bundle, **house.names("1"))
        assert house.served(before) == "1"
    after = house.rollout(port=port).deploy(bundle, **house.names("1"))
    assert (after.router.port, after.lanes) == (port, before.lanes)
    assert house.served(after) == "1"
    assert house.routers() == [after.router.handle]


def test_a_second_deployment_at_the_same_time_is_refused(house):
    inside, go_on = threading.Event(), threading.Event()

    def wait(_: str) -> None:
        inside.set()
        go_on.wait(20)

    first = threading.Thread(
        target=lambda: house.rollout().deploy(house.bundle("1"), **house.names("1"), progress=wait)
    )
    first.start()
    assert inside.wait(20)
    try:
        for attempt in (
            lambda: house.rollout().deploy(house.bundle("2"), **house.names("2")),
            lambda: house.rollout().rollback("1"),
            house.rollout().stop,
        ):
            with pytest.raises(EnvironmentProblem, match=f"process {os.getpid()} is deploying version 1"):
                attempt()
    finally:
        go_on.set()
        first.join()
    assert house.served(house.rollout().status()) == "1"


def test_stop_leaves_nothing_and_touches_nobody_else(house, tmp_path):
    neighbour = type(house)(tmp_path / "neighbour")
    try:
        theirs = neighbour.rollout().deploy(neighbour.bundle("1"), **neighbour.names("1"))
        ours = house.rollout().deploy(house.bundle("1"), **house.names("1"))
        house.rollout().stop()
        house.rollout().stop()
        assert house.rollout().status() is None
        assert (house.running(), house.routers()) == ({}, [])
        assert process.find(ours.router.handle) is None
        assert neighbour.served(theirs) == "1"
    finally:
        neighbour.rollout().stop()


def test_a_damaged_record_stops_a_deployment_but_not_stop(house):
    house.rollout().deploy(house.bundle("1"), **house.names("1"))
    StateFile(house.serving).path.write_text("{")
    with pytest.raises(EnvironmentProblem, match="cannot be read"):
        house.rollout().deploy(house.bundle("2"), **house.names("2"))
    assert list(house.running().values()) == ["1"]
    house.rollout().stop()
    assert (house.running(), house.routers()) == ({}, [])


def test_a_lost_record_is_made_anew(house):
    before = house.rollout().deploy(house.bundle("1"), **house.names("1"))
    StateFile(house.serving).remove()
    after = house.rollout(port=before.router.port).deploy(house.bundle("2"), **house.names("2"))
    assert versions(after) == ("2", None)
    assert house.served(after) == "2"
    assert house.running().keys() == handles(after)
    assert house.routers() == [after.router.handle]


def test_a_lane_of_another_target_gives_way(house):
    """As after `rollout.target` was changed: the champion runs on a target that is not configured any more."""
    house.rollout().deploy(house.bundle("1"), **house.names("1"))
    elsewhere = house.target()
    elsewhere.name = "elsewhere"
    rollout = Rollout(house.home, ServeConfig(port=0), RolloutConfig(), elsewhere)
    second = rollout.deploy(house.bundle("2"), **house.names("2"))
    assert [placed.lane.target for placed in second.lanes] == ["elsewhere", "local"]
    assert house.running().keys() == {second.previous.lane.handle}
    rollout.deploy(house.bundle("3"), **house.names("3"))
    assert house.running() == {}
    assert [lane.version for lane in elsewhere.running(house.home / "log")] == ["2", "3"]
    rollout.stop()
    assert elsewhere.running(house.home / "log") == ()
