"""A push to main, as a user does it: the workflow of docs/github.md, run by a forge, moves the champion or stops.

Everything is real but GitHub: the lending example, Weighbridge installed from its lock by the workflow itself, the
embedded MLflow store, the router with its lanes, and a client that never stops asking.
"""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import polars as pl
import pytest

from mlops.project import Project
from mlops.registry.client import Alias

ROOT = Path(__file__).parents[2]
REF = "5b1d0a7e" * 5
JOBS = ["Validate", "Train", "Gate", "Register", "Deploy"]

# One worker: the tests share the environment that the first run installs.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.xdist_group("push")]


def load_forge():
    path = ROOT / "tests" / "e2e" / "forge" / "forge.py"
    spec = importlib.util.spec_from_file_location("weighbridge_tests_forge", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


forge_module = load_forge()


class Client:
    """Asks the served model again and again, from another thread, and keeps what went wrong."""

    def __init__(self, url: str, record: dict) -> None:
        self._url = url
        self._body = json.dumps({"records": [record]}).encode()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self.versions: dict[str, int] = {}
        self.failures: list[str] = []

    def __enter__(self) -> "Client":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    @property
    def answers(self) -> int:
        return sum(self.versions.values())

    def wait_for(self, version: str) -> None:
        """Return once a version has answered; it must be the one that serves."""
        deadline = time.monotonic() + 30
        while self.versions.get(version, 0) == 0:
            assert time.monotonic() < deadline, f"version {version} never answered: {self.versions}"
            time.sleep(0.05)

    def _ask(self) -> None:
        headers = {"Content-Type": "application/json"}
        while not self._stop.wait(0.02):
            request = urllib.request.Request(f"{self._url}/predict", self._body, headers)
            try:
                with urllib.request.urlopen(request, timeout=10) as response:
                    version = json.load(response)["version"]
            except Exception as error:  # noqa: BLE001 - whatever a client can see is a failed request
                self.failures.append(repr(error))
            else:
                self.versions[version] = self.versions.get(version, 0) + 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    for tool in ("node", "git"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    return tmp_path_factory.mktemp("push")


@pytest.fixture(scope="module")
def forge(folder):
    made = forge_module.Forge(
        folder / "forge",
        act=Path(sys.prefix) / "bin" / "act",
        python=Path(sys.executable),
        labels=("my-machine",),
        environments=folder / "environments",
    )
    (folder / "environments").mkdir()
    made.publish("acme/weighbridge", REF, forge_module.tracked_copy(folder / "weighbridge-sources"))
    return made


@pytest.fixture
def home(tmp_path, monkeypatch):
    """The folder of a self-hosted runner that outlives the jobs."""
    monkeypatch.setenv("WEIGHBRIDGE_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def user(forge, folder, home, tmp_path):
    """Make a user's repository: the lending example with the workflow file that the guide tells to write."""
    made = []

    def make(repository, *, policy, inputs="", secrets=None):
        bare = forge.create(repository, secrets=secrets)
        clone = tmp_path / "clone"
        forge_module.git("clone", "--quiet", bare, clone)
        shutil.copytree(ROOT / "examples" / "lending", clone, dirs_exist_ok=True)
        with (clone / "weighbridge.yaml").open("a") as file:
            file.write(f"\n{policy}\n")
        workflow = clone / ".github" / "workflows" / "release.yml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text(guide_caller(home).rstrip() + f"\n{inputs}")
        made.append(clone)
        return clone

    yield make
    for clone in made:
        for command in (folder / "environments").glob("*/bin/weighbridge"):
            environment = {**os.environ, "WEIGHBRIDGE_HOME": str(home)}
            subprocess.run([command, "--project", clone, "stop"], env=environment, check=False, timeout=60)


def guide_caller(home):
    """The first workflow file of docs/github.md, for this forge and this machine."""
    guide = (ROOT / "docs" / "github.md").read_text()
    found = re.search(
        r"^```yaml\n(# \.github/workflows/release\.yml\n.*?)^```", guide, re.MULTILINE | re.DOTALL
    )
    caller = found[1]
    for word, value in (("OWNER", "acme"), ("COMMIT", REF), ("/srv/weighbridge", str(home))):
        assert word in caller
        caller = caller.replace(word, value)
    return caller


def change(clone: Path, before: str, after: str, message: str) -> str:
    """Commit a change of one line of the policy."""
    policy = clone / "weighbridge.yaml"
    text = policy.read_text()
    assert text.count(before) == 1
    policy.write_text(text.replace(before, after))
    return forge_module.commit_all(clone, message)


def results(run) -> dict[str, str]:
    return {name: job.result for name, job in run.jobs.items() if job.result}


def one_record(project: Project) -> dict:
    """A request that the model takes."""
    left_out = {project.policy.data.target, *project.policy.data.ignore}
    return pl.read_parquet(project.folder / project.policy.data.evaluate).drop(left_out).row(0, named=True)


def test_pushes_move_the_champion_or_stop_at_the_gate(forge, user, home):
    clone = user("acme/lending", policy="serve: {port: 0}")
    first = forge_module.commit_all(clone, "Lending, the first model")
    run = forge.push(clone)
    assert results(run) == dict.fromkeys(JOBS, "success"), run.text()
    project = Project.open(clone)
    assert project.registry.by_alias(Alias.CHAMPION).version == "1"
    deployment = project.rollout().status()

    with Client(deployment.router.url, one_record(project)) as client:
        client.wait_for("1")

        second = change(clone, "iterations: 120", "iterations: 130", "More trees")
        run = forge.push(clone)
        assert results(run) == dict.fromkeys(JOBS, "success"), run.text()
        champion = project.registry.by_alias(Alias.CHAMPION)
        assert champion.version == "2"
        assert project.registry.by_alias(Alias.PREVIOUS).version == "1"
        decision = json.loads((home / "releases" / champion.release_id / "decision.json").read_text())
        assert (decision["release"]["commit"], decision["release"]["dirty"]) == (second, False)
        assert decision["champion"]["version"] == "1"
        assert first != second
        client.wait_for("2")

        biased = change(
            clone, "data/train.parquet", "data/train-early.parquet", "Train on this week's labels"
        )
        run = forge.push(clone)
        assert results(run) == {"Validate": "success", "Train": "success", "Gate": "failure"}, run.text()
        gate = run.jobs["Gate"]
        assert gate.steps["Decide"] == "failure"
        assert any("exit status 1" in line or "exitcode '1'" in line for line in gate.log), run.text()
        assert biased[:12] in gate.summary
        assert "Gate: fail" in gate.summary
        row = next(line for line in gate.summary.splitlines() if "❌ fail" in line and "<tr>" in line)
        for part in ("equalized_odds_difference", "groups of age_band", "at most 0.1"):
            assert part in row
        assert re.search(r"0\.3\d* \[0\.\d+, 0\.\d+\], n = 8956", row), row
        assert any("::error" in line and "age_band" in line for line in gate.log)
        assert [name for name in run.artifacts if name.startswith("decision-")] == run.artifacts
        assert len(run.artifacts) == 1

        assert project.registry.by_alias(Alias.CHAMPION).version == "2"
        assert [version.version for version in project.registry.versions()] == ["2", "1"]
        answered = client.versions["2"]
        while client.versions["2"] == answered:
            time.sleep(0.05)

    assert client.failures == []
    assert set(client.versions) == {"1", "2"}
    assert client.answers > 100


BASE = os.environ.get("WEIGHBRIDGE_TEST_BASE", "local/python:3.11-slim")
REGISTRY = os.environ.get("WEIGHBRIDGE_TEST_REGISTRY", "127.0.0.1:5005")


@pytest.fixture
def engine():
    """An engine with the local base image, and a registry on this machine; else the test says what is missing."""
    question = ["version"] if "WEIGHBRIDGE_TEST_BASE" in os.environ else ["image", "inspect", BASE]
    try:
        done = subprocess.run(["docker", *question], check=False, capture_output=True, timeout=30)
    except FileNotFoundError:
        done = None
    if done is None or done.returncode != 0:
        pytest.skip(f"no Docker engine with the image {BASE}; run .ci/docker.sh as root")
    try:
        urllib.request.urlopen(f"http://{REGISTRY}/v2/", timeout=5).close()
    except OSError:
        pytest.skip(f"no registry on {REGISTRY}; run .ci/docker.sh as root")


@pytest.mark.docker
def test_a_pushed_model_is_served_from_its_image_by_digest(forge, user, home, engine):
    clone = user(
        "acme/lending-image",
        policy="serve: {port: 0}\nrollout: {target: docker, ready_within_s: 180}",
        inputs=f"      image: {REGISTRY}/acme/lending\n      devices: '[\"cpu\"]'\n    secrets: inherit\n",
        secrets={"VARIABLES": f"WEIGHBRIDGE_BUILD_BASE={BASE}\\nWEIGHBRIDGE_RUNTIME_BASE={BASE}"},
    )
    forge_module.commit_all(clone, "Lending, as an image")
    run = forge.push(clone)
    assert results(run) == dict.fromkeys([*JOBS, "Image (cpu)"], "success"), run.text()
    project = Project.open(clone)
    deployment = project.rollout().status()
    lane = next(placed.lane for placed in deployment.lanes if placed.role == "champion")
    assert lane.target == "docker"
    assert re.fullmatch(rf"{REGISTRY}/acme/lending@sha256:[0-9a-f]{{64}}", lane.artefact)
    assert project.registry.by_alias(Alias.CHAMPION).version == lane.version == "1"
    with Client(deployment.router.url, one_record(project)) as client:
        client.wait_for("1")
    assert client.failures == []
