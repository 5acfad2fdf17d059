"""What every model that writes can do, however it is made."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from evaluation.types import Outputs

FILE_NAME = "generator.json"


class Writer(Protocol):
    """A model that writes; mlops.generation.generator.Generator and mlops.generation.chain.Chain are two."""

    @property
    def inputs(self) -> tuple[str, ...]:
        """The columns of a case that it needs."""
        ...

    def answer(
        self, cases: Sequence[Mapping[str, Any]], *, cache: Path | None = None, budgeted: bool = False
    ) -> Outputs:
        """Write an answer for each case; one that cannot be had is None, and its facts say why."""
        ...

    def save(self, folder: Path) -> None:
        """Keep it as files that hold text and numbers only."""
        ...
