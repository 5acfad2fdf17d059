"""The set-up action's two scripts, as its steps run them."""

import importlib.util
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SETUP = ROOT / ".github" / "actions" / "setup"
STAND_IN = ROOT / "tests" / "workflows" / "stand_in"


def load(path):
    spec = importlib.util.spec_from_file_location(f"weighbridge_tests_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def runner(tmp_path):
    """Run a script with the files through which a step talks to its runner; returns (process, content of a file)."""

    def run(script, *arguments, **variables):
        files = {name: tmp_path / name for name in ("GITHUB_ENV", "GITHUB_PATH", "GITHUB_STEP_SUMMARY")}
        for path in files.values():
            path.write_text("")
        environment = {**os.environ, **variables, **{name: str(path) for name, path in files.items()}}
        done = subprocess.run(
            [sys.executable, script, *arguments], env=environment, check=False, capture_output=True, text=True
        )
        return done, {name: path.read_text() for name, path in files.items()}

    return run


class TestVariables:
    def test_values_are_masked_before_they_are_handed_over(self, runner):
        lines = (
            "ALERT_URL=https://hooks.example.org/a=b%c\n\n# a comment\nexport QUOTED='one two'\nEMPTY=\r\n"
        )
        done, files = runner(SETUP / "variables.py", VARIABLES=lines)
        assert done.returncode == 0
        assert files["GITHUB_ENV"] == "ALERT_URL=https://hooks.example.org/a=b%c\nQUOTED=one two\nEMPTY=\n"
        assert done.stdout == "::add-mask::https://hooks.example.org/a=b%25c\n::add-mask::one two\n"

    @pytest.mark.parametrize("line", ["hidden", "1NAME=hidden", "NA ME=hidden", "=hidden", '{"a": "hidden"}'])
    def test_a_line_that_is_none_is_named_by_its_number_and_not_shown(self, runner, line):
        done, files = runner(SETUP / "variables.py", VARIABLES=f"GOOD=1\n{line}\n")
        assert done.returncode == 1
        assert done.stdout == "::error::line 2 of the secret VARIABLES is not NAME=value\n"
        assert "hidden" not in done.stderr
        assert files["GITHUB_ENV"] == ""


class TestInstall:
    @pytest.fixture
    def product(self, tmp_path):
        """A small product where a runner would have put Weighbridge's repository."""
        folder = tmp_path / "product"
        folder.mkdir()
        return load(STAND_IN / "product.py").make_product(folder)

    @pytest.fixture
    def install(self, runner, product, tmp_path):
        def go(requirements=""):
            script = product / ".github" / "actions" / "setup" / "install.py"
            done, files = runner(script, str(requirements), WEIGHBRIDGE_HOME=str(tmp_path / "home"))
            return done, Path(files["GITHUB_PATH"].strip() or "/nowhere")

        return go

    def test_an_environment_is_made_once_and_again_when_anything_in_it_changes(
        self, install, product, tmp_path
    ):
        done, commands = install()
        assert done.returncode == 0, done.stdout + done.stderr
        assert (commands / "weighbridge").is_file()
        assert commands.parent.parent == tmp_path / "home" / "environments"
        (commands / "weighbridge").write_text("kept")
        assert install()[1] == commands
        assert (commands / "weighbridge").read_text() == "kept"
        (commands.parent / "ready").unlink()
        assert install()[1] == commands
        assert (commands / "weighbridge").read_text() != "kept"
        (product / "stand_in_weighbridge.py").write_text("def main(): ...\n")
        assert install()[1] != commands

    def test_what_the_project_needs_comes_too(self, install, tmp_path):
        extra = tmp_path / "extra"
        shutil.copytree(STAND_IN, extra)
        backend = (extra / "backend.py").read_text()
        (extra / "backend.py").write_text(
            backend.replace("weighbridge-0.0.0", "extra-0.0.0").replace("Name: weighbridge", "Name: extra")
        )
        (tmp_path / "needs.txt").write_text(f"extra @ {extra.as_uri()}\n")
        done, commands = install(tmp_path / "needs.txt")
        assert done.returncode == 0, done.stdout + done.stderr
        assert list(commands.parent.glob("lib/python*/site-packages/extra-0.0.0.dist-info"))

    def test_a_package_that_cannot_be_had_ends_the_job_and_leaves_no_ready_environment(
        self, install, tmp_path
    ):
        (tmp_path / "needs.txt").write_text("./nothing-here\n")
        done, commands = install(tmp_path / "needs.txt")
        assert done.returncode == 1
        assert "::error::the installation failed at: " in done.stdout
        assert commands == Path("/nowhere")
        assert not list((tmp_path / "home" / "environments").glob("*/ready"))

    def test_a_requirements_file_that_is_not_there_is_named(self, install, tmp_path):
        done, _ = install(tmp_path / "needs.txt")
        assert (done.returncode, done.stdout.count("::error::no requirements file at")) == (1, 1)
