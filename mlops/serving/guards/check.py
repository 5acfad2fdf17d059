"""One thing that is looked for in one field."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from mlops.serving.guards.config import Action

# What was found, and the value that goes on; None where there is nothing to tell. Never raises, whatever the value.
Look = Callable[[Any], tuple[tuple[str, ...], Any] | None]
# Whether a whole column holds nothing that a look would find; says no where it cannot tell.
Passes = Callable[[Sequence[Any]], bool]


@dataclass(frozen=True)
class Check:
    """How a field is looked at, one value or a whole column, and what is done where something is found."""

    field: str
    action: Action
    look: Look
    passes: Passes
