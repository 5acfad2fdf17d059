"""What a release's model answered to the holdout, to be rated."""

from pathlib import Path

import numpy as np

from evaluation.errors import UserError
from evaluation.judges.prompts import Item
from evaluation.judges.ratings import Rateable
from mlops.release.evidence import read_answers


def released(folder: Path, *, most: int | None = None, seed: int = 0) -> list[Rateable]:
    """The answers in a release's folder, each once, or so many of them at random, as correcting a judge asks for.

    Raises UserError where the release kept no texts with their prompts.
    """
    said = read_answers(folder).challenger
    prompts = [] if said.facts is None else said.facts["prompt"].to_list()
    pairs = zip(prompts, said.labels.tolist() if prompts else [], strict=True)
    found = {
        each.id: each
        for prompt, answer in pairs
        if prompt is not None and answer is not None
        for each in [Rateable(Item(prompt, answer))]
    }
    if not found:
        raise UserError(
            f"release {folder.name} kept no texts with their prompts",
            expected="a release of a model that writes, which answered",
            next_step="name a file of answers: weighbridge rate ANSWERS",
        )
    random = np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed)))
    order = random.permutation(len(found))[:most]
    return [list(found.values())[place] for place in order]
