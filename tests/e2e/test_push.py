"""A push to main, as a user does it: the workflow of docs/github.md, run by a forge, moves the champion or stops.

Everything is real but GitHub: the lending example, Weighbridge installed from its lock by the workflow itself, the
embedded MLflow store, the router with its lanes, and a client that never stops asking.
"""

import importlib.util
import json
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

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(600)]


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
def machine(tmp_path_factory):
    """A self-hosted runner's folder for everything that outlives a job; what serves from it is stopped at the end."""
    for tool in ("node", "git"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    home = tmp_path_factory.mktemp("machine") / "weighbridge"
    yield home
    for command in home.glob("environments/*/bin/weighbridge"):
        clone = home.parent / "clone"
        subprocess.run(
            [command, "--project", clone, "stop"],
            env={"WEIGHBRIDGE_HOME": str(home)},
            check=False,
            timeout=60,
        )


@pytest.fixture(scope="module")
def forge(machine):
    made = forge_module.Forge(
        machine.parent / "forge",
        act=Path(sys.prefix) / "bin" / "act",
        python=Path(sys.executable),
        labels=("my-machine",),
    )
    made.publish("acme/weighbridge", REF, forge_module.tracked_copy(machine.parent / "weighbridge-sources"))
    return made


@pytest.fixture(scope="module")
def clone(forge, machine):
    """The user's repository: the lending example, and the workflow file that the guide tells to write."""
    bare = forge.create("acme/lending")
    folder = machine.parent / "clone"
    forge_module.git("clone", "--quiet", bare, folder)
    shutil.copytree(ROOT / "examples" / "lending", folder, dirs_exist_ok=True)
    policy = folder / "weighbridge.yaml"
    policy.write_text(policy.read_text() + "\nserve: {port: 0}\n")
    guide = (ROOT / "docs" / "github.md").read_text()
    caller = re.search(
        r"^```yaml\n(# \.github/workflows/release\.yml\n.*?)^```", guide, re.MULTILINE | re.DOTALL
    )[1]
    for word, value in (("OWNER", "acme"), ("COMMIT", REF), ("/srv/weighbridge", str(machine))):
        caller = caller.replace(word, value)
    workflow = folder / ".github" / "workflows" / "release.yml"
    workflow.parent.mkdir(parents=True)
    workflow.write_text(caller)
    return folder


def change(clone: Path, before: str, after: str, message: str) -> str:
    """Commit a change of one line of the policy."""
    policy = clone / "weighbridge.yaml"
    text = policy.read_text()
    assert text.count(before) == 1
    policy.write_text(text.replace(before, after))
    return forge_module.commit_all(clone, message)


def results(run) -> dict[str, str]:
    return {name: job.result for name, job in run.jobs.items() if job.result}


def test_pushes_move_the_champion_or_stop_at_the_gate(forge, clone, machine, monkeypatch):
    monkeypatch.setenv("WEIGHBRIDGE_HOME", str(machine))
    first = forge_module.commit_all(clone, "Lending, the first model")
    run = forge.push(clone)
    assert results(run) == dict.fromkeys(JOBS, "success"), run.text()
    project = Project.open(clone)
    assert project.registry.by_alias(Alias.CHAMPION).version == "1"
    deployment = project.rollout().status()
    columns = {project.policy.data.target, *project.policy.data.ignore}
    record = pl.read_parquet(clone / "data" / "holdout.parquet").drop(columns).row(0, named=True)

    with Client(deployment.router.url, record) as client:
        client.wait_for("1")

        second = change(clone, "iterations: 120", "iterations: 130", "More trees")
        run = forge.push(clone)
        assert results(run) == dict.fromkeys(JOBS, "success"), run.text()
        champion = project.registry.by_alias(Alias.CHAMPION)
        assert champion.version == "2"
        assert project.registry.by_alias(Alias.PREVIOUS).version == "1"
        decision = json.loads((machine / "releases" / champion.release_id / "decision.json").read_text())
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
