"""The two Dockerfiles, read and linted; no engine needed."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from mlops.packaging.context import dockerfile

FILES = [dockerfile("serve"), dockerfile("train")]
both = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


@both
def test_hadolint_finds_nothing(path: Path) -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("no hadolint; it comes with requirements/dev.txt")
    done = subprocess.run([hadolint, str(path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


@both
@pytest.mark.parametrize("word", ["# syntax=", "<<", "--link", "ADD ", "latest"])
def test_nothing_that_reaches_out_or_needs_a_newer_engine(path: Path, word: str) -> None:
    assert word not in path.read_text()


@both
def test_every_pip_run_is_locked_constrained_or_offline(path: Path) -> None:
    steps = path.read_text().replace("\\\n", " ").splitlines()
    installs = [step for step in steps if "pip --python /opt/venv/bin/python install" in step]
    assert len(installs) == (4 if "serve" in path.name else 3)
    for step in installs:
        assert any(
            word in step for word in ("--require-hashes -r requirements.txt", "-c pinned.txt", "--no-index")
        )


@both
def test_the_last_user_is_a_number_and_not_root(path: Path) -> None:
    users = [line.split()[1] for line in path.read_text().splitlines() if line.startswith("USER ")]
    assert users[-1] == "10001:10001"


def test_no_package_beside_them_that_would_hide_the_docker_library() -> None:
    assert not list(FILES[0].parent.rglob("__init__.py"))
