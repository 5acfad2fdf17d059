"""The building function behind `generate`: what training is to other models."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from mlops.generation.config import GenerateConfig
from mlops.generation.generator import Generator
from mlops.generation.prompt import Prompt

if TYPE_CHECKING:
    import pandas as pd


def build(
    features: "pd.DataFrame",
    target: "pd.Series",  # noqa: ARG001 - the form of every training function
    *,
    seed: int,  # noqa: ARG001
    project_dir: Path,
    **params: Any,
) -> Generator:
    """Make a generator of a project's prompt and what the policy says of it.

    Raises UserError for a prompt that is missing or names what is no column.
    """
    config = GenerateConfig.model_validate(params)
    prompt = Prompt.read(project_dir / config.prompt)
    prompt.require_columns(features.columns)
    return Generator(
        prompt=prompt,
        endpoint=config.endpoint,
        sampling=config.sampling,
        system=Prompt.read(project_dir / config.system).template if config.system else "",
        budget=config.budget,
    )
