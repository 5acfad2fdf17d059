"""What no linter and no local runner enforces: permissions, limits, pins, and where outside text may go."""

import re
from pathlib import Path

import pytest
import yaml

GITHUB = Path(__file__).parents[2] / ".github"
WORKFLOWS = sorted((GITHUB / "workflows").glob("*.yml"))
ACTIONS = sorted((GITHUB / "actions").glob("*/action.yml"))

# Each was found in at least two independent public sources.
PINS = {
    "actions/checkout": "3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1",
    "actions/setup-python": "5fda3b95a4ea91299a34e894583c3862153e4b97 # v7.0.0",
    "actions/upload-artifact": "043fb46d1a93c77aae656e7c1c64a875d1fc6a0a # v7.0.1",
    "actions/download-artifact": "3e5f45b2cfb9172054b4087a40e8e0b5a5461e7c # v8.0.1",
}


def named(paths):
    return [pytest.param(path, id=path.relative_to(GITHUB).as_posix()) for path in paths]


def load(path):
    # YAML 1.1 reads the key `on` as true.
    content = yaml.safe_load(path.read_text())
    return {("on" if key is True else key): value for key, value in content.items()}


def jobs():
    return [
        pytest.param(job, id=f"{path.stem}/{name}")
        for path in WORKFLOWS
        for name, job in load(path)["jobs"].items()
    ]


def steps(content):
    found = list(content.get("runs", {}).get("steps", []))
    for job in content.get("jobs", {}).values():
        found += job.get("steps", [])
    return found


@pytest.fixture(scope="module")
def release():
    return load(GITHUB / "workflows" / "release.yml")


def test_there_is_something_to_check():
    assert {path.name for path in WORKFLOWS} >= {"ci.yml", "release.yml"}
    assert {path.parent.name for path in ACTIONS} >= {"gate-report", "hand-over", "setup"}


@pytest.mark.parametrize("path", named([*WORKFLOWS, *ACTIONS]))
def test_actions_come_by_commit_with_the_version_beside_it(path):
    uses = re.findall(r"uses: (\S+?)(?:@(.*))?$", path.read_text(), re.MULTILINE)
    assert path.parent.name == "gate-report" or uses
    for name, pin in uses:
        assert name.startswith("$/.github/actions/") if not pin else pin == PINS[name], name


@pytest.mark.parametrize("path", named([*WORKFLOWS, *ACTIONS]))
def test_no_expression_stands_in_a_script(path):
    scripts = [step["run"] for step in steps(load(path)) if "run" in step]
    assert scripts or path.parent.name in {"gate-report", "hand-over"}
    assert not [script for script in scripts if "${{" in script]


@pytest.mark.parametrize("path", named(WORKFLOWS))
def test_a_workflow_has_no_permission_but_its_jobs_have_the_few_they_name(path):
    content = load(path)
    assert content["permissions"] == {}
    assert content["defaults"]["run"]["shell"] == "bash"
    for name, job in content["jobs"].items():
        assert job["permissions"] == {"contents": "read", **RAISED.get(f"{path.stem}/{name}", {})}, name


RAISED = {"release/image": {"packages": "write"}, "release/deploy": {"packages": "read"}}


@pytest.mark.parametrize("job", jobs())
def test_a_job_has_a_time_limit(job):
    limit = job["timeout-minutes"]
    assert limit == "${{ inputs.train-minutes || 120 }}" or 0 < limit <= 60


@pytest.mark.parametrize("path", named([*WORKFLOWS, *ACTIONS]))
def test_no_checkout_leaves_its_token_behind(path):
    for step in steps(load(path)):
        if step.get("uses", "").startswith("actions/checkout@"):
            assert step["with"]["persist-credentials"] is False


def test_releases_of_one_project_wait_for_one_another(release):
    group = release["concurrency"]
    assert group["cancel-in-progress"] is False
    assert "github.repository" in group["group"]
    assert "inputs.project" in group["group"]


def test_the_order_of_the_release(release):
    needs = {name: job.get("needs", []) for name, job in release["jobs"].items()}
    assert needs == {
        "validate": [],
        "train": "validate",
        "gate": ["validate", "train"],
        "register": ["validate", "gate"],
        "image": ["validate", "gate", "register"],
        "deploy": ["validate", "gate", "register", "image"],
    }
    assert release["on"]["push"] == {"branches": ["main"]}


def test_only_the_deployment_touches_the_environment_and_its_machine(release):
    for name, job in release["jobs"].items():
        runner = (
            "${{ inputs.deploy-runner || 'ubuntu-latest' }}"
            if name == "deploy"
            else "${{ inputs.runner || 'ubuntu-latest' }}"
        )
        assert job["runs-on"] == runner
        assert ("environment" in job) == (name == "deploy")


def test_every_input_and_secret_is_told_and_used(release):
    call = release["on"]["workflow_call"]
    text = (GITHUB / "workflows" / "release.yml").read_text()
    for kind in ("inputs", "secrets"):
        for name, declared in call[kind].items():
            assert declared["description"]
            assert re.search(rf"\b{kind}\.{re.escape(name)}\b", text), name
    assert all("default" in declared for declared in call["inputs"].values())
    assert not any(declared.get("required") for declared in call["secrets"].values())


def test_secrets_reach_single_steps_and_never_a_script_or_a_whole_job(release):
    assert "secrets." not in str(release["env"])
    for job in release["jobs"].values():
        assert "secrets." not in str(job.get("env", {}))
        for step in job["steps"]:
            assert "secrets." not in str(step.get("run", ""))


def test_only_the_steps_that_decide_get_the_private_key(release):
    holders = [
        (name, step["name"])
        for name, job in release["jobs"].items()
        for step in job["steps"]
        if "secrets.WEIGHBRIDGE_SIGNING_KEY }}" in str(step)
    ]
    assert holders == [("validate", "Decide on data that did not validate"), ("gate", "Decide")]
    assert not [path for path in ACTIONS if "SIGNING_KEY" in path.read_text()]


def test_a_server_that_is_started_outlives_the_job(release):
    deploy = next(step for step in release["jobs"]["deploy"]["steps"] if step["name"] == "Deploy")
    assert deploy["env"]["RUNNER_TRACKING_ID"] == ""


def test_a_push_to_this_repository_has_values_for_what_a_caller_would_give(release):
    """`inputs` is empty on a push, so that every input that may not be empty needs a value of its own."""
    text = (GITHUB / "workflows" / "release.yml").read_text()
    for name in ("project", "runner", "train-minutes", "devices", "environment", "deploy-runner"):
        uses = re.findall(rf"inputs\.{name}\b(?! !=)(?! \|\|)[^\n]*", text.split("\njobs:")[1])
        assert uses in ([], ["inputs.deploy-runner }}"]), (name, uses)
