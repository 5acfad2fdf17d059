"""A push to main, as a user does it: the workflow of docs/github.md, run by a forge, moves the champion or stops.

Everything is real but GitHub: the lending example, Weighbridge installed from its lock by the workflow itself, the
embedded MLflow store, the router with its lanes, and a client that never stops asking.
"""

import base64
import importlib.util
import json
import os
import re
import secrets
import shutil
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mlops.decision.keys import PublicKey
from mlops.project import Project
from mlops.registry.client import Alias

ROOT = Path(__file__).parents[2]
REF = "5b1d0a7e" * 5
JOBS = ["Validate", "Train", "Gate", "Register", "Deploy"]

# One worker: the tests share the environment that the first run installs.
pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900), pytest.mark.xdist_group("push")]


def load(name):
    path = ROOT / "tests" / "e2e" / "forge" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"weighbridge_tests_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


forge_module, machine = load("forge"), load("machine")
# A name of its own, so that runs beside each other on one engine keep out of each other's images.
IMAGE = f"{machine.REGISTRY}/acme/lending-{secrets.token_hex(4)}"


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
        labels=("my-machine", "ubuntu-latest", "serving-machine"),
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

    def make(repository, caller, *, policy, secrets=None):
        bare = forge.create(repository, secrets=secrets)
        clone = tmp_path / "clone"
        forge_module.git("clone", "--quiet", bare, clone)
        shutil.copytree(ROOT / "examples" / "lending", clone, dirs_exist_ok=True)
        shipped = (clone / "weighbridge.yaml").read_text()
        # How busy this machine is must not decide what the gate says.
        weighed, dropped = re.subn(r"^ +- \{metric: latency_p95_ms.*\n", "", shipped, flags=re.MULTILINE)
        assert dropped == 1
        (clone / "weighbridge.yaml").write_text(f"{weighed}\n{policy}\n")
        workflow = clone / ".github" / "workflows" / "release.yml"
        workflow.parent.mkdir(parents=True)
        workflow.write_text(caller)
        made.append(clone)
        return clone

    yield make
    for clone in made:
        command = next((folder / "environments").glob("*/bin/weighbridge"), None)
        if command is not None:
            subprocess.run(
                [command, "--project", clone, "stop"], env=dict(os.environ), check=False, timeout=60
            )


def guide_caller(number, values):
    """A workflow file of docs/github.md, with a reader's own values in it."""
    guide = (ROOT / "docs" / "github.md").read_text()
    found = re.findall(
        r"^```yaml\n(# \.github/workflows/release\.yml\n.*?)^```", guide, re.MULTILINE | re.DOTALL
    )
    caller = found[number]
    for word, value in {"OWNER": "acme", "COMMIT": REF, **values}.items():
        assert word in caller
        caller = caller.replace(word, value)
    return caller


def key_pair() -> tuple[str, str]:
    """A private key for the secret, and what `weighbridge keys` prints of it."""
    key = Ed25519PrivateKey.generate()
    parts = key.private_bytes_raw(), key.public_key().public_bytes_raw()
    return tuple(base64.b64encode(part).decode() for part in parts)


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
    caller = guide_caller(0, {"/srv/weighbridge": str(home)})
    clone = user("acme/lending", caller, policy="serve: {port: 0}")
    first = forge_module.commit_all(clone, "Lending, the first model")
    run = forge.push(clone)
    assert results(run) == dict.fromkeys(JOBS, "success"), run.text()
    project = Project.open(clone)
    assert project.registry.by_alias(Alias.CHAMPION).version == "1"
    deployment = project.rollout().status()

    with machine.Client(deployment.router.url, one_record(project)) as client:
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


@pytest.fixture
def mlflow_server(tmp_path, monkeypatch):
    with machine.mlflow_server(tmp_path) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        yield address


@pytest.fixture(params=[pytest.param("image", marks=pytest.mark.docker), "process"])
def served(request):
    """How the model is served: from an image where this machine can build one, else by a process."""
    lack = machine.missing_for_images()
    if (request.param == "image") == (lack is not None):
        pytest.skip(lack or "the same with an image is tested")
    yield request.param
    if request.param == "image":
        machine.remove_images(IMAGE)


def test_machines_that_forget_everything_release_with_an_mlflow_server(
    served, forge, user, home, mlflow_server
):
    private, public = key_pair()
    values = {"/srv/weighbridge": str(home), "ghcr.io/": f"{machine.REGISTRY}/", "PUBLIC_KEY": public}
    caller = guide_caller(1, values)
    image = f"      image: {machine.REGISTRY}/acme/lending\n"
    assert image in caller
    built = f"      image: {IMAGE}\n      devices: '[\"cpu\"]'\n" if served == "image" else ""
    caller = caller.replace(image, built)
    target = "docker" if served == "image" else "local"
    clone = user(
        f"acme/lending-{served}",
        caller,
        policy=f"serve: {{port: 0}}\nrollout: {{target: {target}, ready_within_s: 180}}",
        secrets={
            "MLFLOW_TRACKING_URI": mlflow_server,
            "WEIGHBRIDGE_SIGNING_KEY": private,
            "VARIABLES": f"WEIGHBRIDGE_BUILD_BASE={machine.BASE}\\nWEIGHBRIDGE_RUNTIME_BASE={machine.BASE}",
        },
    )
    (clone / "requirements.txt").write_text("scikit-learn\n")
    forge_module.commit_all(clone, "Lending")
    run = forge.push(clone)
    expected = [*JOBS, "Image (cpu)"] if served == "image" else JOBS
    assert results(run) == dict.fromkeys(expected, "success"), run.text()
    assert [name.rpartition("-")[2] for name in run.artifacts[1:]] == [
        "registered",
        "trained",
        "validated",
        "weighed",
    ]
    assert mlflow_server not in run.text()
    assert private not in run.text()

    project = Project.open(clone)
    champion = project.registry.by_alias(Alias.CHAMPION)
    assert champion.version == "1"
    assert champion.decision_key == PublicKey.parse(public).id
    assert (home / "releases" / champion.release_id / "decision.json").exists()
    deployment = project.rollout().status()
    lane = next(placed.lane for placed in deployment.lanes if placed.role == "champion")
    assert (lane.target, lane.version) == (target, "1")
    assert re.search(r"@sha256:[0-9a-f]{64}$" if served == "image" else r"/bundles/lending-1$", lane.artefact)
    with machine.Client(deployment.router.url, one_record(project)) as client:
        client.wait_for("1")
    assert client.failures == []
