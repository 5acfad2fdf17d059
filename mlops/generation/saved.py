"""A model that writes, read back from its files, whichever kind it is."""

import json
from pathlib import Path

from mlops.generation.chain import Chain
from mlops.generation.generator import Generator
from mlops.generation.writer import FILE_NAME, Writer


def load_writer(folder: Path) -> Writer:
    """Read what `save` wrote.

    Raises UserError where it is no such folder, EnvironmentProblem where a chain's code does not run here.
    """
    try:
        kind = Chain if "chain" in json.loads((folder / FILE_NAME).read_bytes()) else Generator
    except (OSError, ValueError, TypeError):
        # Which says what is wrong with it.
        kind = Generator
    return kind.load(folder)
