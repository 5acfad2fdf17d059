"""Lanes as processes: started, found, watched and stopped."""

import os
import sys
from pathlib import Path

import pytest

from evaluation.errors import UserError
from mlops.config import RolloutConfig
from mlops.rollout import ports
from mlops.rollout.probe import Clock, wait_ready
from mlops.rollout.targets.base import Lane, Target
from mlops.rollout.targets.build import build_target
from mlops.rollout.targets.local import LocalTarget
from mlops.serving.access.keys import API_KEYS
from mlops.serving.config import ServeConfig


def start(house, version: str = "1", **behaviour) -> Lane:
    return house.target().start(
        house.bundle(version, **behaviour),
        **house.names(version),
        port=ports.free_port("127.0.0.1"),
        log_dir=house.home / "log",
    )


def ready(house, lane: Lane) -> None:
    wait_ready(lane, house.target(), within_s=20, clock=Clock())


def test_the_command_is_that_of_the_server(tmp_path):
    (tmp_path / "bundle").mkdir()
    serve = ServeConfig(max_body_kb=7, max_records=9)
    echo = (sys.executable, "-S", "-E", "-c", "import sys; print(sys.argv[1:])")
    target: Target = LocalTarget(serve, tmp_path / "lanes", tmp_path / "keys.json", command=echo)
    names = {"version": "3", "release_id": "r", "model": "lending"}
    lane = target.start(str(tmp_path / "bundle"), **names, port=20801, log_dir=tmp_path / "log")
    while target.alive(lane):
        pass
    said = (
        str(tmp_path / "bundle"),
        "--host",
        "127.0.0.1",
        "--port",
        "20801",
        "--log-dir",
        str(tmp_path / "log"),
    )
    assert target.log_tail(lane, lines=5) == (str([*said, "--serve", '{"max_body_kb":7,"max_records":9}']),)
    assert lane == Lane(
        "lending", "3", "r", "local", "127.0.0.1", 20801, lane.handle, str(tmp_path / "bundle"), lane.log
    )
    assert Path(lane.log).parent == tmp_path / "lanes"


@pytest.mark.parametrize("given", [None, "/run/keys.json", '{"keys": []}'])
def test_a_lane_is_told_where_the_keys_are(tmp_path, monkeypatch, given):
    monkeypatch.delenv(API_KEYS, raising=False)
    if given:
        monkeypatch.setenv(API_KEYS, given)
    (tmp_path / "bundle").mkdir()
    echo = (sys.executable, "-S", "-E", "-c", f"import os; print(os.environ[{API_KEYS!r}])")
    keys = ServeConfig.model_validate({"access": {"keys": True}})
    target = LocalTarget(keys, tmp_path / "lanes", tmp_path / "keys.json", command=echo)
    names = {"version": "3", "release_id": "r", "model": "lending"}
    lane = target.start(str(tmp_path / "bundle"), **names, port=20801, log_dir=tmp_path / "log")
    while target.alive(lane):
        pass
    assert target.log_tail(lane, lines=5) == (given or str(tmp_path / "keys.json"),)


def test_a_lane_runs_until_it_is_stopped(house):
    lane = start(house)
    ready(house, lane)
    assert house.target().alive(lane)
    house.target().stop(lane, within_s=10)
    assert not house.target().alive(lane)
    house.target().stop(lane, within_s=10)


def test_a_stubborn_lane_is_killed(house):
    lane = start(house, stubborn=True)
    ready(house, lane)
    house.target().stop(lane, within_s=0.05)
    assert not house.target().alive(lane)


def test_running_finds_the_lanes_of_its_own_home_only(house, tmp_path):
    lane = start(house)
    ready(house, lane)
    assert house.target().running(house.home / "log") == (lane,)
    assert house.target().running(tmp_path / "another" / "log") == ()


def test_no_bundle_is_the_users_mistake(house, tmp_path):
    names = {**house.names("1"), "port": 1, "log_dir": tmp_path}
    with pytest.raises(UserError, match="no bundle at nowhere"):
        house.target().start("nowhere", **names)


def test_a_lane_that_never_said_anything_has_no_tail(house):
    lane = Lane("m", "1", "r", "local", "127.0.0.1", 1, "4194305:1", "b", "nowhere.log")
    assert house.target().log_tail(lane, lines=5) == ()
    assert not house.target().alive(lane)


def test_the_oldest_logs_go_but_not_that_of_a_lane_that_runs(house):
    first = start(house)
    ready(house, first)
    os.utime(first.log, (0, 0))
    for number in range(30):
        log = house.serving / "lanes" / f"lending-{number}-20260101-000000-20000.log"
        log.touch()
        os.utime(log, (number + 1, number + 1))
    second = start(house, "2")
    left = {str(log) for log in (house.serving / "lanes").glob("*.log")}
    assert {first.log, second.log} <= left
    assert len(left) == 22
    assert str(house.serving / "lanes" / "lending-29-20260101-000000-20000.log") in left


@pytest.mark.parametrize("name", ["local", "docker"])
def test_weighbridge_yaml_names_the_target(tmp_path, name):
    assert build_target(RolloutConfig(target=name), ServeConfig(), tmp_path).name == name
