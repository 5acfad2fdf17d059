from collections.abc import Callable
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Path]:
    """Where an example lies; its policy finds the environment variable that it names."""
    monkeypatch.setenv("ALERT_URL", "json://127.0.0.1:9/")
    return lambda name: EXAMPLES / name


@pytest.fixture
def module() -> Callable[[str, str], ModuleType]:
    """Import one file of an example, without leaving it among the imported modules."""

    def load(example: str, name: str) -> ModuleType:
        spec = spec_from_file_location(f"{example}_{name}", EXAMPLES / example / f"{name}.py")
        assert spec is not None
        assert spec.loader is not None
        made = module_from_spec(spec)
        spec.loader.exec_module(made)
        return made

    return load
