"""The repository's own forge, with a stand-in for the product: quick runs of the workflow's shape."""

import importlib.util
import shutil
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = Path(sys.prefix) / "bin"


def load(path):
    """Import a file that is no part of a package."""
    spec = importlib.util.spec_from_file_location(f"weighbridge_tests_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def forge_module():
    return load(ROOT / "tests" / "e2e" / "forge" / "forge.py")


@pytest.fixture(scope="session")
def product(tmp_path_factory):
    """This repository's workflow and actions around the stand-in."""
    for tool in ("node", "git"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    return load(Path(__file__).parent / "stand_in" / "product.py").make_product(
        tmp_path_factory.mktemp("product")
    )


@pytest.fixture(scope="session")
def environments(tmp_path_factory):
    """Environments that the tests of one session share, as the releases of one machine do."""
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def forge(forge_module, product, environments, tmp_path):
    """A forge that knows `acme/weighbridge@v1`."""
    made = forge_module.Forge(
        tmp_path / "forge",
        act=TOOLS / "act",
        python=Path(sys.executable),
        labels=("ubuntu-latest", "serving-machine"),
        environments=environments,
    )
    made.publish("acme/weighbridge", "v1", product)
    return made
