"""What is told where the packages of an extra are missing, by every command in the same way."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest

from mlops.extras import MODULES, missing

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
TOLD = """\
error: {package} is not installed
  expected: the extra 'serve'
  next: pip install 'weighbridge[serve]'
"""


def name_of(requirement):
    return re.split(r"[\[<>=;~ ]", requirement)[0].lower().replace("_", "-")


@pytest.mark.parametrize("extra", [extra for extra in PROJECT["optional-dependencies"] if extra != "all"])
def test_every_package_of_an_extra_is_known(extra):
    brings = {}
    for module, names in packages_distributions().items():
        for name in names:
            brings.setdefault(name_of(name), set()).add(module)
    for requirement in PROJECT["optional-dependencies"][extra]:
        name = name_of(requirement)
        if name in {name_of(each) for each in PROJECT["dependencies"]}:
            continue
        distribution(name)
        assert brings[name] & set(MODULES[extra]), requirement


@pytest.mark.parametrize("module", [None, "", "pandas", "train", "weighbridge"])
def test_what_no_extra_has(module):
    assert missing(module) is None


# Stands in the way of a package, as if it were not there.
WITHOUT = "import sys; sys.modules[{package!r}] = None; sys.argv[0] = 'weighbridge'\n"


@pytest.mark.parametrize(
    ("package", "run"),
    [
        ("uvloop", "from mlops.cli.main import main; main(['load', 'http://127.0.0.1:9'])"),
        ("httptools", "from mlops.cli.main import main; main(['load', 'http://127.0.0.1:9'])"),
        (
            "uvicorn",
            "from mlops.serving.command import main; sys.exit(main(['nowhere', '--log-dir', 'log', '--port', '0']))",
        ),
    ],
)
def test_commands_say_what_to_install(tmp_path, package, run):
    code = WITHOUT.format(package=package) + run
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert done.stderr == TOLD.format(package=package)
    assert done.returncode == 3
