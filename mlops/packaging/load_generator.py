"""A model that writes, as the gate and the server ask it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evaluation.types import Outputs
from mlops.generation.saved import load_writer
from mlops.generation.writer import Writer
from mlops.packaging.load import InputField
from mlops.registry.prompts import prompts_of


@dataclass(frozen=True)
class GeneratorModel:
    """A generator with its signature; satisfies mlops.packaging.load.PackagedModel.

    facts: what the model's own file says of it, such as its prompts' versions. replies: where an evaluation keeps
    the answers that it paid for.
    """

    generator: Writer
    inputs: tuple[InputField, ...]
    facts: Mapping[str, Any]
    replies: Path | None = None
    classes: tuple[Any, ...] = ()

    @property
    def prompt(self) -> str | None:
        """The version of its prompt in the prompt registry, as NAME/VERSION; of several with a comma between them."""
        return ", ".join(f"{each.name}/{each.version}" for each in prompts_of(self.facts)) or None

    @classmethod
    def load(
        cls, folder: Path, inputs: tuple[InputField, ...], facts: Mapping[str, Any], replies: Path | None
    ) -> "GeneratorModel":
        """Read what training wrote; raises UserError where it is no generator, EnvironmentProblem where a chain's code
        does not run here."""
        return cls(load_writer(folder), inputs, facts, replies)

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every case, in order, within the budget."""
        cases = features.select([field.name for field in self.inputs]).to_dicts()
        return self.generator.answer(cases, cache=self.replies, budgeted=True)

    def predict_rows(self, rows: Sequence[tuple[Any, ...]]) -> Outputs:
        """Answer for rows that have a value for every field of the signature, in its order."""
        names = [field.name for field in self.inputs]
        return self.generator.answer([dict(zip(names, row, strict=True)) for row in rows])
