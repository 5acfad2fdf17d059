"""The gate-report action: its own tests, its bundle, and the bundle at work as a runner starts it."""

import hashlib
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

ACTION = Path(__file__).parents[2] / ".github" / "actions" / "gate-report"
EXAMPLE = Path(__file__).parents[2] / "docs" / "decision-record.example.json"
NODE = shutil.which("node")
NPM = shutil.which("npm")

needs_node = pytest.mark.skipif(NODE is None, reason="node is not installed (Debian: apt-get install nodejs)")
needs_npm = pytest.mark.skipif(NPM is None, reason="npm is not installed (Debian: apt-get install npm)")


@pytest.fixture
def act(tmp_path):
    """Run the committed bundle as a runner does: inputs and files come as environment variables."""

    def run(**inputs):
        files = {name: tmp_path / name for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        environment = {"PATH": os.environ["PATH"], **{name: str(path) for name, path in files.items()}}
        environment |= {"INPUT_FAIL-ON-MISSING": "false"}
        environment |= {
            f"INPUT_{name.upper().replace('_', '-')}": str(value) for name, value in inputs.items()
        }
        done = subprocess.run(
            [NODE, ACTION / "dist" / "index.cjs"],
            env=environment,
            check=False,
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )
        return done, _outputs(files["GITHUB_OUTPUT"]), files["GITHUB_STEP_SUMMARY"].read_text()

    return run


def _outputs(path):
    """The `name<<delimiter / value / delimiter` blocks that the toolkit writes."""
    lines = iter(path.read_text().splitlines())
    found = {}
    for line in lines:
        name, _, delimiter = line.partition("<<")
        value = []
        while (line := next(lines)) != delimiter:
            value.append(line)
        found[name] = "\n".join(value)
    return found


@pytest.fixture
def record(tmp_path):
    """A decision record that `weighbridge gate` could have written, in its canonical bytes."""
    from mlops.decision.record import DecisionRecord

    content = json.loads(EXAMPLE.read_text())
    content["release"] |= {"id": "20261121-230512-1a2b3c4d", "model": "lending", "commit": "4f1c2d3e5a6b"}
    content["data"]["evaluate"] |= {"path": "data/holdout.parquet", "sha256": "c" * 64, "rows": 6000}
    content["checks"] = [
        content["checks"][0]
        | {
            "id": "equalized_odds_difference:sex",
            "metric": "equalized_odds_difference",
            "direction": "lower",
            "comparison": "at_most",
            "bound": 0.1,
            "estimate": content["checks"][0]["estimate"]
            | {"value": 0.134, "low": 0.121, "high": 0.147, "n": 6000},
            "groups": ["sex"],
            "verdict": "fail",
            "reason": "the interval lies above the bound",
        }
    ]
    content |= {
        "training": None,
        "champion": None,
        "validation": {"verdict": "pass", "checks": []},
        "not_compared": [["recall:champion", "there is no champion"]],
        "verdict": "fail",
        "consequence": "stop",
    }
    path = tmp_path / "releases" / "20261121-230512-1a2b3c4d" / "decision.json"
    DecisionRecord.of(content).write(path)
    return path


@needs_node
def test_its_own_tests_pass():
    files = sorted(str(path) for path in (ACTION / "test").glob("*.test.js"))
    assert len(files) >= 5
    done = subprocess.run(
        [NODE, "--test", *files], check=False, capture_output=True, text=True, timeout=120, cwd=ACTION
    )
    assert done.returncode == 0, done.stdout


@needs_npm
def test_the_committed_bundle_is_what_the_sources_give(tmp_path):
    for name in ("package.json", "package-lock.json", ".npmrc"):
        shutil.copy(ACTION / name, tmp_path)
    shutil.copytree(ACTION / "src", tmp_path / "src")
    for command in (["ci", "--no-audit", "--no-fund"], ["run", "build"]):
        done = subprocess.run(
            [NPM, *command], cwd=tmp_path, check=False, capture_output=True, text=True, timeout=300
        )
        assert done.returncode == 0, done.stderr
    built, committed = tmp_path / "dist" / "index.cjs", ACTION / "dist" / "index.cjs"
    assert built.read_bytes() == committed.read_bytes(), (
        "run `npm ci && npm run build` in .github/actions/gate-report"
    )


def test_the_lock_pins_every_package_by_hash_and_names_no_registry():
    lock = json.loads((ACTION / "package-lock.json").read_text())
    packages = {name: package for name, package in lock["packages"].items() if name}
    assert packages
    assert all("integrity" in package and "resolved" not in package for package in packages.values())


def test_the_action_declares_what_it_reads_and_gives(record, act):
    action = yaml.safe_load((ACTION / "action.yml").read_text())
    assert action["runs"] == {"using": "node24", "main": "dist/index.cjs"}
    assert set(action["inputs"]) == {"decision", "fail-on-missing"}
    if NODE is not None:
        assert set(act(decision=record)[1]) == set(action["outputs"])


@needs_node
def test_a_failing_record_is_told_and_the_step_stays_green(record, act):
    done, outputs, summary = act(decision=record)
    assert done.returncode == 0, done.stderr
    assert outputs["verdict"] == "fail"
    assert (outputs["failed"], outputs["not-compared"], outputs["champion"]) == ("1", "1", "")
    assert outputs["sha256"] == hashlib.sha256(record.read_bytes()).hexdigest()
    annotation = next(line for line in done.stdout.splitlines() if line.startswith("::error"))
    for part in ("equalized_odds_difference", "groups of sex", "0.134 [0.121, 0.147]", "at most 0.1"):
        assert part in annotation
        assert part in summary
    assert "<h2>❌ Gate: fail — lending</h2>" in summary
    assert "there is no champion" in summary


@needs_node
@pytest.mark.parametrize(
    "pattern", ["releases/20261121-230512-1a2b3c4d", "releases/*/decision.json", "releases/*"]
)
def test_a_folder_or_a_glob_names_the_record_too(record, act, pattern):
    assert act(decision=pattern)[1]["release"] == "20261121-230512-1a2b3c4d"


@needs_node
@pytest.mark.parametrize(("fail_on_missing", "code"), [("false", 0), ("true", 1)])
@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b'{"kind": "decision", "schema_version": 3}'])
def test_no_readable_record_is_one_clear_message(tmp_path, act, content, fail_on_missing, code):
    path = tmp_path / "decision.json"
    if content is not None:
        path.write_bytes(content)
    done, outputs, summary = act(decision=path, fail_on_missing=fail_on_missing)
    assert done.returncode == code
    assert outputs == {"verdict": "missing"}
    assert done.stdout.count("::error") == 1
    assert "decision" in summary
    assert "    at " not in done.stdout + done.stderr  # a line of a stack trace
