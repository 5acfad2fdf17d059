"""Runs of release.yml with act: which jobs run, what travels between them, what people are told.

The product is a stand-in that keeps the rules of the real steps; tests/e2e/test_push.py runs the real one.
"""

import json
import os
import re
from pathlib import Path

import pytest

RELEASE = "20261121-230512-1a2b3c4d"
CPU, GPU = "c" * 64, "d" * 64

CALLER = """\
name: release
on: {{push: {{branches: [main]}}}}
permissions: {{}}
jobs:
  release:
    permissions: {{contents: read, packages: write}}
    uses: acme/weighbridge/.github/workflows/release.yml@v1
    with: {inputs}
    secrets: inherit
  after:
    name: After
    needs: release
    runs-on: ubuntu-latest
    steps:
      - run: echo "outputs $OUTPUTS"
        env:
          OUTPUTS: ${{{{ toJSON(needs.release.outputs) }}}}
"""


@pytest.fixture
def home(tmp_path):
    """A folder that outlives the jobs."""
    return tmp_path / "home"


@pytest.fixture
def push(forge, forge_module, tmp_path):
    """Push a project with the given verdicts, inputs and secrets; returns the run."""

    def go(*, verdicts="model: toy\n", inputs=None, secrets=None):
        bare = forge.create("acme/lending", secrets=secrets)
        clone = tmp_path / "clone"
        forge_module.git("clone", "--quiet", bare, clone)
        (clone / "weighbridge.yaml").write_text(verdicts)
        (clone / ".github" / "workflows").mkdir(parents=True)
        caller = CALLER.format(inputs=json.dumps(inputs or {}))
        (clone / ".github" / "workflows" / "release.yml").write_text(caller)
        forge_module.commit_all(clone, "A model")
        return forge.push(clone)

    return go


def ran(run):
    """Job to result, of the jobs that ran, without the caller's own."""
    return {name: job.result for name, job in run.jobs.items() if job.result and name != "After"}


def line(job, beginning):
    return next(text for text in job.log if text.startswith(beginning))


def test_hosted_runners_hand_the_release_from_job_to_job(push, tmp_path):
    secrets = {
        "MLFLOW_TRACKING_URI": "https://mlflow.example.org",
        "VARIABLES": "ALERT_URL=https://hooks.example.org/hidden",
        "WEIGHBRIDGE_SIGNING_KEY": "private",
    }
    inputs = {
        "trusted-keys": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
        "image": "registry.example.org/acme/lending",
        "devices": '["cpu"]',
        "deploy-runner": "serving-machine",
        "deploy-home": str(tmp_path / "serving"),
    }
    run = push(inputs=inputs, secrets=secrets)
    jobs = ["Validate", "Train", "Gate", "Register", "Image (cpu)", "Deploy"]
    assert ran(run) == dict.fromkeys(jobs, "success"), run.text()
    stages = ["registered", "trained", "validated", "weighed"]
    assert run.artifacts == [f"decision-{RELEASE}", *(f"release-{RELEASE}-{stage}" for stage in stages)]
    deployed = json.loads((tmp_path / "serving" / "releases" / RELEASE / "release.json").read_text())
    assert deployed == ["validate", "train", "evaluate", "gate", "register", "deploy"]
    image = f"registry.example.org/acme/lending@sha256:{CPU}"
    assert line(run.jobs["Deploy"], "deploy:") == f'deploy: {{"--image": "{image}"}}, store ***'
    assert line(run.jobs["Deploy"], "alerts go to") == "alerts go to ***"
    assert "hidden" not in run.text()
    signs = {name: [text for text in run.jobs[name].log if " signs: " in text] for name in jobs}
    trusts = f"trusts: {inputs['trusted-keys']}"
    assert signs == {
        "Validate": [f"validate signs: no, {trusts}"],
        "Train": [f"train signs: no, {trusts}"],
        "Gate": [f"evaluate signs: no, {trusts}", f"gate signs: yes, {trusts}"],
        "Register": [f"register signs: no, {trusts}"],
        "Image (cpu)": [f"image signs: no, {trusts}"],
        "Deploy": [f"deploy signs: no, {trusts}"],
    }


def test_without_a_registry_the_model_is_weighed_and_nothing_else(push):
    run = push()
    assert ran(run) == dict.fromkeys(["Validate", "Train", "Gate"], "success"), run.text()
    assert any("weighed but not registered" in text for text in run.jobs["Validate"].log)
    assert "Gate: pass" in run.jobs["Gate"].summary


def test_a_home_that_outlives_the_jobs_needs_no_artifacts_but_the_evidence(push, home):
    run = push(inputs={"home": str(home), "deploy-runner": "serving-machine"})
    assert ran(run) == dict.fromkeys(["Validate", "Train", "Gate", "Register", "Deploy"], "success"), (
        run.text()
    )
    assert run.artifacts == [f"decision-{RELEASE}"]
    assert line(run.jobs["Deploy"], "deploy:") == "deploy: {}, store embedded"
    outputs = "\n".join(run.jobs["After"].log)
    for expected in (f'"release": "{RELEASE}"', '"verdict": "pass"', '"version": "4"'):
        assert expected in outputs


def test_no_deployment_where_no_machine_is_named(push, home):
    assert list(ran(push(inputs={"home": str(home)}))) == ["Validate", "Train", "Gate", "Register"]


@pytest.mark.parametrize(("verdict", "code", "level"), [("fail", 1, "error"), ("inconclusive", 2, "warning")])
def test_a_gate_that_does_not_pass_stops_the_release_and_says_why(push, home, verdict, code, level):
    run = push(verdicts=f"gate: {verdict}", inputs={"home": str(home), "deploy-runner": "serving-machine"})
    assert ran(run) == {"Validate": "success", "Train": "success", "Gate": "failure"}, run.text()
    assert run.code != 0
    gate = run.jobs["Gate"]
    assert gate.steps["Decide"] == "failure"
    assert gate.steps["Report"] == "success"
    assert any(f"exit status {code}" in text or f"exitcode '{code}'" in text for text in gate.log), run.text()
    for part in (
        f"Gate: {verdict}",
        "equalized_odds_difference",
        "groups of sex",
        "[0.121, 0.147]",
        "at most 0.1",
    ):
        assert part in gate.summary
    assert any(f"::{level}" in text and "equalized_odds_difference" in text for text in gate.log)
    assert run.artifacts == [f"decision-{RELEASE}"]


def test_a_release_that_is_held_is_registered_and_goes_no_further(push, tmp_path):
    inputs = {
        "trusted-keys": "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg=",
        "image": "registry.example.org/acme/lending",
        "devices": '["cpu"]',
        "deploy-runner": "serving-machine",
        "deploy-home": str(tmp_path / "serving"),
    }
    secrets = {"MLFLOW_TRACKING_URI": "https://mlflow.example.org", "WEIGHBRIDGE_SIGNING_KEY": "private"}
    run = push(verdicts="gate: hold", inputs=inputs, secrets=secrets)
    assert run.code != 0
    jobs = {"Validate": "success", "Train": "success", "Gate": "failure", "Register": "success"}
    assert ran(run) == jobs, run.text()
    assert f"release-{RELEASE}-weighed" in run.artifacts


def test_data_that_do_not_validate_are_decided_on_and_reported(push, home):
    run = push(verdicts="validate: fail", inputs={"home": str(home)})
    assert ran(run) == {"Validate": "failure"}, run.text()
    assert "Gate: fail" in run.jobs["Validate"].summary


REFUSED = [
    ({"image": "registry.example.org/lending"}, "needs a registered version"),
    ({"deploy-runner": "serving-machine", "deploy-home": "/srv/weighbridge"}, "needs a registered version"),
    ({"home": "weighbridge"}, "the input home must be an absolute path, found 'weighbridge'"),
]


@pytest.mark.parametrize(("inputs", "message"), REFUSED)
def test_inputs_that_cannot_work_are_refused_at_once(push, inputs, message):
    run = push(inputs=inputs)
    assert ran(run) == {"Validate": "failure"}
    assert message in run.jobs["Validate"].summary, run.text()
    assert "Set up" not in run.jobs["Validate"].steps


KEYS = {"WEIGHBRIDGE_SIGNING_KEY": "private"}


@pytest.mark.parametrize(("inputs", "secrets"), [({}, {}), ({"trusted-keys": "KEY"}, {}), ({}, KEYS)])
def test_machines_that_forget_everything_need_keys(push, inputs, secrets):
    run = push(inputs=inputs, secrets={"MLFLOW_TRACKING_URI": "https://mlflow.example.org", **secrets})
    assert ran(run) == {"Validate": "failure"}
    assert (
        "give the secret WEIGHBRIDGE_SIGNING_KEY and the input trusted-keys" in run.jobs["Validate"].summary
    )


def test_a_deployment_needs_a_folder_that_outlives_the_job(push):
    run = push(
        inputs={"deploy-runner": "serving-machine", "trusted-keys": "KEY"},
        secrets={"MLFLOW_TRACKING_URI": "https://mlflow.example.org", **KEYS},
    )
    assert ran(run) == {"Validate": "failure"}
    assert "give the input deploy-home" in run.jobs["Validate"].summary, run.text()


def test_a_requirements_file_that_is_not_there_is_named(push, home):
    run = push(inputs={"home": str(home), "requirements": "needs.txt"})
    assert ran(run) == {"Validate": "failure"}
    assert re.search(r"no requirements file at \S*needs\.txt", run.jobs["Validate"].summary), run.text()


@pytest.fixture
def docker(tmp_path, monkeypatch):
    """A `docker` that writes down how it was called and what it was given on standard input."""
    calls, folder = tmp_path / "docker.calls", tmp_path / "bin"
    folder.mkdir()
    (folder / "docker").write_text(f'#!/bin/sh\necho "$@ <$(cat)> $DOCKER_CONFIG" >> "{calls}"\n')
    (folder / "docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return calls


LOGINS = [
    ("ghcr.io/acme/lending", {}, "login --username nektos/act --password-stdin ghcr.io <job-token>"),
    (
        "registry.example.org/lending",
        {"IMAGE_USERNAME": "robot", "IMAGE_PASSWORD": "secret"},
        "login --username robot --password-stdin registry.example.org <secret>",
    ),
]


@pytest.mark.parametrize("login", LOGINS)
def test_both_images_are_built_and_passwords_come_by_standard_input(push, home, docker, login):
    image, secrets, call = login
    run = push(inputs={"home": str(home), "image": image}, secrets={"GITHUB_TOKEN": "job-token", **secrets})
    assert [ran(run)[f"Image ({device})"] for device in ("cpu", "gpu")] == ["success", "success"], run.text()
    assert (
        line(run.jobs["Image (gpu)"], "image:")
        == f'image: {{"--device": "gpu", "--push": "{image}"}}, store embedded'
    )
    calls = docker.read_text().splitlines()
    assert len(calls) == 2
    for found in calls:
        said, _, config = found.rpartition(" ")
        assert said == call
        assert Path(config).parent != Path.home()
