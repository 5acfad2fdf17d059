"""Which docker command is taken, and what is said when it is of no use."""

from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem
from mlops.packaging.docker_cli import DockerClient

NO_ENGINE = "echo 'Cannot connect to the Docker daemon. Is the docker daemon running?' >&2; exit 1"
PLUGIN = "[ $1 = buildx ] && exit 0; echo 28.2.2"
NO_PLUGIN = "[ $1 = buildx ] && exit 1; echo 28.2.2"
OWN_BUILDKIT = "[ $1 = buildx ] && exit 1; echo 20.10.24+dfsg1"


@pytest.fixture(autouse=True)
def only_this_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WEIGHBRIDGE_DOCKER", raising=False)
    monkeypatch.setenv("PATH", f"{tmp_path / 'a'}:{tmp_path / 'b'}")


def client(folder: Path, script: str) -> str:
    """A docker command that does what the script says."""
    folder.mkdir()
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    return str(program)


def test_none_on_path() -> None:
    with pytest.raises(EnvironmentProblem, match="no docker command on PATH") as problem:
        DockerClient.find()
    assert "apt-get install docker.io" in problem.value.next_step


@pytest.mark.parametrize(
    ("first", "second", "taken"),
    [
        (PLUGIN, OWN_BUILDKIT, "a"),
        (OWN_BUILDKIT, PLUGIN, "a"),
        (NO_PLUGIN, OWN_BUILDKIT, "b"),
        (NO_PLUGIN, PLUGIN, "b"),
    ],
)
def test_the_first_with_buildkit_builds(tmp_path: Path, first: str, second: str, taken: str) -> None:
    client(tmp_path / "a", first)
    client(tmp_path / "b", second)
    assert DockerClient.for_builds().program == str(tmp_path / taken / "docker")
    assert DockerClient.find().program == str(tmp_path / "a" / "docker")


def test_none_has_buildkit(tmp_path: Path) -> None:
    program = client(tmp_path / "a", NO_PLUGIN)
    with pytest.raises(EnvironmentProblem, match="no BuildKit") as problem:
        DockerClient.for_builds()
    assert program in problem.value.found
    assert "WEIGHBRIDGE_DOCKER" in problem.value.next_step


def test_the_named_one_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    client(tmp_path / "a", PLUGIN)
    named = client(tmp_path / "elsewhere", OWN_BUILDKIT)
    monkeypatch.setenv("WEIGHBRIDGE_DOCKER", named)
    assert DockerClient.for_builds().program == named


def test_the_named_one_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEIGHBRIDGE_DOCKER", "/nowhere/docker")
    with pytest.raises(EnvironmentProblem, match="/nowhere/docker"):
        DockerClient.find()


def test_one_folder_under_two_names_is_asked_once(tmp_path: Path) -> None:
    program = client(tmp_path / "a", NO_PLUGIN)
    (tmp_path / "b").symlink_to(tmp_path / "a")
    with pytest.raises(EnvironmentProblem) as problem:
        DockerClient.for_builds()
    assert problem.value.found == f"{program}: no BuildKit"


@pytest.mark.parametrize(
    ("script", "next_step"),
    [
        (NO_ENGINE, "systemctl start docker"),
        ("echo 'Got permission denied while trying to connect' >&2; exit 1", "usermod -aG docker"),
        ("exit 0", "systemctl start docker"),
    ],
)
def test_no_engine(tmp_path: Path, script: str, next_step: str) -> None:
    client(tmp_path / "a", script)
    with pytest.raises(EnvironmentProblem, match="no Docker engine answers") as problem:
        DockerClient.find().require_engine()
    assert next_step in problem.value.next_step


def test_a_failed_question_says_what_docker_said(tmp_path: Path) -> None:
    client(
        tmp_path / "a",
        "[ $1 = version ] && { echo 28; exit; }; echo first >&2; echo 'no space left' >&2; exit 1",
    )
    with pytest.raises(EnvironmentProblem, match="docker pull: first; no space left"):
        DockerClient.find().ask("pull", "x")


def test_a_command_that_hangs(tmp_path: Path) -> None:
    client(tmp_path / "a", "exec /bin/sleep 60")
    with pytest.raises(EnvironmentProblem, match="TimeoutExpired"):
        DockerClient.find().ask("ps", timeout_s=0.2)


def test_a_stream_hands_over_every_line_and_keeps_the_last(tmp_path: Path) -> None:
    client(
        tmp_path / "a",
        "[ $1 = version ] && { echo 28; exit; }; for i in 1 2 3; do echo line $i; done; exit 7",
    )
    lines: list[str] = []
    with pytest.raises(
        EnvironmentProblem, match=r"docker build ended with 7:\n    line 1\n    line 2\n    line 3"
    ):
        DockerClient.find().stream("build", log=lines.append)
    assert lines == ["line 1", "line 2", "line 3"]


def test_a_stream_that_nobody_wants_ends(tmp_path: Path) -> None:
    client(tmp_path / "a", "echo begun; exec /bin/sleep 60")

    def stop(_: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        DockerClient.find().stream("build", log=stop)
