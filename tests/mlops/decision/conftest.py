"""The published example of a record, to be changed at will."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[3] / "docs" / "decision-record.example.json"


@pytest.fixture
def content() -> Callable[..., dict[str, Any]]:
    def made(**changes: object) -> dict[str, Any]:
        example: dict[str, Any] = json.loads(EXAMPLE.read_text())
        return example | changes

    return made


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A configuration folder without any key; gives where keys will be."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return tmp_path / "config" / "weighbridge"
