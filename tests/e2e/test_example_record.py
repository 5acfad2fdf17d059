"""The published example of a record is what a release gives today, but for what differs from run to run."""

import json
from pathlib import Path
from typing import Any

import pytest

from benchmarks.example_record.made import EXAMPLE, make_record

pytestmark = pytest.mark.e2e


def shape(value: Any) -> Any:
    """Names and kinds, without what a run makes up."""
    if isinstance(value, dict):
        return {name: shape(each) for name, each in value.items()}
    return [shape(each) for each in value] if isinstance(value, list) else type(value).__name__


def told(content: dict[str, Any]) -> list[tuple[Any, ...]]:
    """What was checked, how it was estimated, and what came of it."""
    return [
        (
            check["id"],
            check["verdict"],
            check["bound"],
            *map(check["estimate"].get, ("method", "n", "unit", "confidence")),
        )
        for check in content["checks"]
    ]


def test_the_example_is_what_is_written_today(tmp_path: Path) -> None:
    published, made = json.loads(EXAMPLE.read_text()), make_record(tmp_path)
    assert told(published) == told(made), "python -m benchmarks.example_record"
    assert shape(published) == shape(made), "python -m benchmarks.example_record"
