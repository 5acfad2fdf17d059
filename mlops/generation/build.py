"""The building function behind `generate`: what training is to other models."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import polars as pl

from evaluation.errors import UserError
from evaluation.text.rows import references_of
from mlops.generation.chain import Chain
from mlops.generation.config import ChainConfig, GenerateConfig
from mlops.generation.generator import Generator
from mlops.generation.prompt import CONTEXT, Prompt
from mlops.generation.retrieval.config import RetrievalConfig
from mlops.generation.retrieval.index import Index
from mlops.project import home_of

if TYPE_CHECKING:
    import pandas as pd

# In a project's home: what passages mean, by corpus and model.
VECTORS = "vectors"


def build(
    features: "pd.DataFrame",
    target: "pd.Series",
    *,
    seed: int,
    project_dir: Path,
    **params: Any,
) -> Generator | Chain:
    """Make a generator of a project's prompt and what the policy says of it, or the chain that it names.

    Raises UserError for a prompt that is missing or names what is no column, for documents that cannot be read, and
    for a chain that cannot be made.
    """
    config = GenerateConfig.model_validate(params)
    if config.prompt is None:
        # The section is valid: what has no prompt has a chain.
        chain = cast("ChainConfig", config.chain)
        return Chain.build(chain, project_dir, inputs=list(features.columns), budget=config.budget)
    prompt = Prompt.read(project_dir / config.prompt)
    retrieval, kept = config.retrieval, home_of(project_dir) / VECTORS
    if retrieval is None:
        prompt.require_columns(features.columns)
    else:
        _require_places(prompt, retrieval, list(features.columns))
    generator = Generator(
        prompt=prompt,
        endpoint=config.endpoint,
        sampling=config.sampling,
        system=Prompt.read(project_dir / config.system).template if config.system else "",
        budget=config.budget,
        retriever=None if retrieval is None else Index.build(retrieval, project_dir, kept=kept),
        query="" if retrieval is None else retrieval.query,
        in_prompt=None if retrieval is None else retrieval.in_prompt,
    )
    return (
        generator.showing(_examples(features, target, config.examples, seed))
        if config.examples
        else generator
    )


def _examples(
    features: "pd.DataFrame", target: "pd.Series", count: int, seed: int
) -> list[tuple[Mapping[str, Any], str]]:
    """So many rows, drawn by the seed, each with its reference, or the first of several.

    Raises UserError where fewer rows have one.
    """
    answers = [next(iter(several), "") for several in references_of(target.to_numpy())]
    there = [row for row, answer in enumerate(answers) if answer.strip()]
    if len(there) < count:
        raise UserError(
            f"generate.examples asks for {count} rows, and data.train has {len(there)} with a reference",
            expected=f"at most {len(there)}",
            next_step="lower generate.examples in weighbridge.yaml, or add rows to data.train",
        )
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    drawn = sorted(random.choice(there, count, replace=False).tolist())
    cases = pl.from_pandas(features.iloc[drawn]).to_dicts()
    return [(case, answers[row]) for case, row in zip(cases, drawn, strict=True)]


def _require_places(prompt: Prompt, retrieval: RetrievalConfig, columns: list[str]) -> None:
    """Raise UserError unless the prompt takes passages, and there is something to look them up by."""
    prompt.require_columns([*columns, CONTEXT])
    if CONTEXT not in prompt.variables:
        raise UserError(
            f"the prompt '{prompt.name}' has no {{{CONTEXT}}}, so what is looked up would reach nobody",
            expected=f"{{{CONTEXT}}} where the passages belong",
            next_step=f"add {{{CONTEXT}}} to the prompt, or remove generate.retrieval",
        )
    if retrieval.query not in columns:
        raise UserError(
            f"generate.retrieval looks up the column '{retrieval.query}', which the cases do not have",
            expected=f"one of: {', '.join(sorted(columns))}",
            next_step="set generate.retrieval.query in weighbridge.yaml",
        )
