"""Guards as a policy sets them, over fields of every kind."""

from collections.abc import Callable
from typing import Any

import pytest

from evaluation.types import Task
from mlops.packaging.load import InputField
from mlops.packaging.ranges import FieldRange, Ranges, hashed
from mlops.serving.guards.config import GuardsConfig
from mlops.serving.guards.guards import Guards

SALT = "salt"
FIELDS = (
    InputField("age", "long", True),
    InputField("income", "double", False),
    InputField("share", "float", False),
    InputField("job", "string", False),
    InputField("town", "string", False),
    InputField("note", "string", False),
    InputField("member", "boolean", False),
    InputField("since", "datetime", False),
)
SEEN = Ranges(
    {
        "age": FieldRange(0.0, 18, 90),
        "income": FieldRange(0.1, 0.5, 1e6),
        "share": FieldRange(0.0, 0.1, 0.9),
        "job": FieldRange(0.0, categories=("clerk", "nurse"), distinct=2),
        "town": FieldRange(0.2, hashes=tuple(hashed(town, SALT) for town in ("Ulm", "Hof")), distinct=2),
        "note": FieldRange(0.2, distinct=5000),
        "member": FieldRange(0.2),
        "since": FieldRange(0.2),
    },
    SALT,
)
USUAL: dict[str, Any] = {
    "age": 30,
    "income": 2500.0,
    "share": 0.5,
    "job": "clerk",
    "town": "Ulm",
    "note": "all well",
    "member": True,
    "since": None,
}


def make_row(**values: Any) -> tuple[Any, ...]:
    return tuple((USUAL | values).values())


def make_guards(
    config: dict[str, Any] | None = None,
    *,
    fields: tuple[InputField, ...] = FIELDS,
    seen: Ranges = SEEN,
    task: Task = Task.BINARY,
    classes: tuple[Any, ...] = (0, 1),
    **more: Any,
) -> Guards:
    return Guards.of(
        GuardsConfig.model_validate(config or {}), fields, seen, task=task, classes=classes, **more
    )


@pytest.fixture(scope="session")
def guards() -> Callable[..., Guards]:
    """Put guards together for the fields above."""
    return make_guards


@pytest.fixture(scope="session")
def row() -> Callable[..., tuple[Any, ...]]:
    """A row that training may have seen, but for what is named."""
    return make_row


@pytest.fixture
def all_off() -> dict[str, Any]:
    """A policy without any guard."""
    return {"out_of_range": "ignore", "unseen_category": "ignore", "missing": "ignore"}


@pytest.fixture(scope="session")
def fields() -> tuple[InputField, ...]:
    """The model's fields."""
    return FIELDS
