"""actionlint and zizmor over everything that GitHub runs, and over what docs/github.md tells a user to write."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.prefix) / "bin"
GUIDE = ROOT / "docs" / "github.md"
CALLERS = re.findall(r"^```yaml\n(# \.github/workflows/.*?)^```", GUIDE.read_text(), re.MULTILINE | re.DOTALL)


@pytest.fixture
def repository(tmp_path):
    """A copy of what GitHub reads, as a repository, which actionlint wants to see."""
    shutil.copytree(ROOT / ".github", tmp_path / ".github", ignore=shutil.ignore_patterns("node_modules"))
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    return tmp_path


def lint(repository, *command):
    done = subprocess.run(
        [TOOLS / command[0], *command[1:]],
        cwd=repository,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_actionlint_finds_nothing(repository):
    assert lint(repository, "actionlint") == (0, "")


def test_zizmor_finds_nothing_even_when_it_is_pedantic(repository):
    code, said = lint(repository, "zizmor", "--offline", "--pedantic", ".")
    assert code == 0, said
    assert "No findings to report" in said


def test_no_finding_is_silenced():
    files = [
        *(ROOT / ".github").glob("*"),
        *(ROOT / ".github").glob("workflows/*"),
        *(ROOT / ".github").glob("actions/*/*.yml"),
    ]
    assert not [
        path
        for path in files
        if path.is_file() and re.search("zizmor: *ignore|shellcheck disable", path.read_text())
    ]
    assert not [path for path in files if path.name.startswith(("zizmor", "actionlint"))]


def test_the_linters_would_speak_up(repository):
    (repository / ".github" / "workflows" / "bad.yml").write_text(
        "on: push\njobs:\n  a:\n    runs-on: ubuntu-latest\n    steps:\n"
        "      - uses: actions/checkout@v7\n      - run: echo ${{ github.nothing }}\n"
    )
    assert lint(repository, "actionlint")[0] == 1
    assert lint(repository, "zizmor", "--offline", ".")[0] != 0


def test_the_guide_has_callers():
    assert len(CALLERS) >= 2


@pytest.mark.parametrize("caller", CALLERS, ids=range(len(CALLERS)))
def test_a_caller_from_the_guide_is_short_and_clean(repository, caller):
    assert len(caller.splitlines()) < 25
    # The guide cannot know the commit that a reader will pin.
    pinned = caller.replace("COMMIT", "0123456789abcdef0123456789abcdef01234567")
    (repository / ".github" / "workflows" / "release.yml").write_text(pinned)
    assert lint(repository, "actionlint") == (0, "")
    code, said = lint(repository, "zizmor", "--offline", ".github/workflows/release.yml")
    assert code == 0, said


@pytest.mark.parametrize("caller", CALLERS, ids=range(len(CALLERS)))
def test_a_caller_from_the_guide_gives_what_the_workflow_takes(caller):
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    call = release[True]["workflow_call"]
    (job,) = yaml.safe_load(caller)["jobs"].values()
    assert set(job.get("with", {})) <= set(call["inputs"])
    assert set(job.get("secrets", {})) <= set(call["secrets"])
    assert job["permissions"] == {"contents": "read", "packages": "write"}


def test_the_guide_lists_every_input_secret_and_output():
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    call = release[True]["workflow_call"]
    missing = [
        name
        for kind in ("inputs", "secrets", "outputs")
        for name in call[kind]
        if f"`{name}`" not in GUIDE.read_text()
    ]
    assert not missing
