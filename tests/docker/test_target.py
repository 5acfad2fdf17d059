"""Lanes as containers, on a real engine."""

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.decision.trust import TRUSTED_KEYS, trust
from mlops.packaging.bundle import Bundle
from mlops.packaging.docker_cli import DockerClient
from mlops.packaging.image import Image
from mlops.rollout.ports import free_port
from mlops.rollout.targets import docker
from mlops.rollout.targets.base import Lane
from mlops.rollout.targets.docker import DockerTarget
from mlops.serving.config import ServeConfig

pytestmark = [pytest.mark.docker, pytest.mark.xdist_group("docker"), pytest.mark.timeout(300)]

ANY = "registry.example/small@sha256:" + "0" * 64


@pytest.fixture
def target(engine: DockerClient, tmp_path: Path) -> DockerTarget:
    return DockerTarget(ServeConfig(max_records=3), tmp_path / "keys.json", engine)


@pytest.fixture
def log_dir(tmp_path: Path, engine: DockerClient) -> Iterator[Path]:
    """A log folder; containers that a failed test left for it are removed."""
    yield tmp_path / "log"
    left = engine.ask("ps", "--all", "--quiet", "--filter", f"label=weighbridge.log-dir={tmp_path / 'log'}")
    for container in left.split():
        engine.ask("rm", "--force", container)


@pytest.fixture
def start(target: DockerTarget, bundle: Bundle, log_dir: Path) -> Callable[[Image], Lane]:
    def begin(image: Image, port: int | None = None) -> Lane:
        return target.start(
            image.reference,
            version=bundle.version,
            release_id=bundle.release_id,
            model=bundle.model,
            port=port or free_port("127.0.0.1"),
            log_dir=log_dir,
        )

    return begin


def test_the_life_of_a_lane(  # noqa: PLR0917 - fixtures
    target: DockerTarget,
    start: Callable[..., Lane],
    pushed: Image,
    log_dir: Path,
    ready: Callable[[str], None],
    ask: Callable[..., tuple[int, Any]],
) -> None:
    lane = start(pushed)
    address = f"127.0.0.1:{lane.port}"
    assert (lane.target, lane.artefact, lane.log) == (
        "docker",
        pushed.reference,
        f"docker logs {lane.handle[:12]}",
    )
    assert target.alive(lane)
    assert target.running(log_dir) == (lane,)
    assert target.running(log_dir.parent) == ()
    ready(address)
    assert ask(address, "/v1/predict", {"records": [{"amount": 0.9, "sex": "m"}]})[0] == 200
    assert ask(address, "/v1/predict", {"records": [{"amount": 0.9, "sex": "m"}] * 4})[0] == 422
    assert any("starting" in line for line in target.log_tail(lane, lines=20))
    assert len(target.log_tail(lane, lines=1)) == 1
    target.stop(lane, within_s=20)
    assert not target.alive(lane)
    assert target.running(log_dir) == ()
    assert target.log_tail(lane, lines=5) == ()
    target.stop(lane, within_s=20)  # nothing to do, and no error
    logged = pl.read_delta(str(log_dir / "requests"))
    assert logged.height == 1


def test_runs_confined(start: Callable[..., Lane], engine: DockerClient, image: Image) -> None:
    lane = start(image)
    given = engine.ask("inspect", "--format", "{{json .Config.Env}}", lane.handle)
    assert f"{TRUSTED_KEYS}={trust().text}" in json.loads(given)
    host = engine.ask(
        "inspect",
        "--format",
        "{{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapDrop}} {{.HostConfig.SecurityOpt}} {{.Config.User}}",
        lane.handle,
    )
    assert host.startswith("true [ALL] [no-new-privileges] ")
    assert not host.endswith((" 0:0", " "))
    assert engine.ask("port", lane.handle) == f"8080/tcp -> 127.0.0.1:{lane.port}"


def test_one_that_died_is_not_alive_but_tells_why(
    target: DockerTarget, start: Callable[..., Lane], engine: DockerClient, image: Image, log_dir: Path
) -> None:
    lane = start(image)
    engine.ask("kill", lane.handle)
    deadline = time.monotonic() + 20
    while target.alive(lane) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not target.alive(lane)
    assert target.running(log_dir) == ()
    target.stop(lane, within_s=1)
    assert not engine.answers("inspect", lane.handle)


def test_stop_is_prompt_while_the_model_is_loading(
    target: DockerTarget, start: Callable[..., Lane], engine: DockerClient, image: Image
) -> None:
    lane = start(image)
    target.stop(lane, within_s=300)  # the test's own limit is 300 s: it was SIGTERM that ended it
    assert not engine.answers("inspect", lane.handle)


def test_a_port_in_use_leaves_no_container(
    start: Callable[..., Lane], engine: DockerClient, image: Image, log_dir: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EnvironmentProblem, match="already in use"):
            start(image, port)
    assert engine.ask("ps", "--all", "--quiet", "--filter", f"label=weighbridge.log-dir={log_dir}") == ""


@pytest.mark.parametrize("tag", ["registry.example/small:v1", "small", "small@sha256:12"])
def test_refuses_a_tag(target: DockerTarget, log_dir: Path, tag: str) -> None:
    with pytest.raises(UserError, match="tags move"):
        target.start(tag, version="1", release_id="r", model="small", port=20_001, log_dir=log_dir)


def test_refuses_the_image_of_another_release(target: DockerTarget, image: Image, log_dir: Path) -> None:
    with pytest.raises(UserError, match="serves small 1 20261121-230512-1a2b3c4d") as refused:
        target.start(
            image.reference, version="2", release_id="other", model="small", port=20_001, log_dir=log_dir
        )
    assert refused.value.expected == "small 2 other"


def test_refuses_an_image_that_says_nothing_about_itself(
    target: DockerTarget, engine: DockerClient, options: Any, log_dir: Path
) -> None:
    base = engine.ask("image", "inspect", "--format", "{{.Id}}", options.runtime_base)
    with pytest.raises(UserError, match="serves nothing nothing nothing"):
        target.start(base, version="1", release_id="r", model="small", port=20_001, log_dir=log_dir)


def test_says_when_an_image_cannot_be_pulled(target: DockerTarget, registry: str, log_dir: Path) -> None:
    missing = f"{registry}/nothing@sha256:{'0' * 64}"
    with pytest.raises(EnvironmentProblem, match="docker pull"):
        target.start(missing, version="1", release_id="r", model="small", port=20_001, log_dir=log_dir)


def test_root_gives_the_log_to_the_user_of_the_image(tmp_path: Path) -> None:
    user = docker._give_to_server(tmp_path / "log")
    assert user != "0:0"
    owner = (tmp_path / "log").stat()
    assert user == f"{owner.st_uid}:{owner.st_gid}"


def test_another_user_stays_who_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker.os, "getuid", lambda: 1234)
    monkeypatch.setattr(docker.os, "getgid", lambda: 5678)
    assert docker._give_to_server(tmp_path / "log") == "1234:5678"


def test_without_an_engine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / 'none.sock'}")
    lane = Lane("small", "1", "r", "docker", "127.0.0.1", 1, "0" * 64, ANY, "")
    target = DockerTarget(ServeConfig(), Path("keys.json"))
    for ask in (
        lambda: target.alive(lane),
        lambda: target.running(tmp_path),
        lambda: target.stop(lane, within_s=1),
    ):
        with pytest.raises(EnvironmentProblem, match="no Docker engine answers"):
            ask()
