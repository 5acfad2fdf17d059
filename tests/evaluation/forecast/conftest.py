"""A pilot whose truth is known: two models that differ on a stated share of rows."""

from collections.abc import Callable

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.types import Outputs


def make_pilot(n: int = 2000, discordance: float = 0.08, seed: int = 1, *, timed: bool = False) -> Answers:
    """Binary answers of two equally good models, right on 85 % of the rows, with scores, slices and customers."""
    random = np.random.Generator(np.random.PCG64(seed))
    target = random.integers(0, 2, n)
    kind = random.choice(3, n, p=[discordance / 2, discordance / 2, 1 - discordance])
    both_right = random.random(n) < (0.85 - discordance / 2) / (1 - discordance)
    labels = [np.where((kind == which) | ((kind == 2) & both_right), target, 1 - target) for which in (0, 1)]
    scores = [1 / (1 + np.exp(2 - 4 * label + random.normal(size=n))) for label in labels]
    frame = pl.DataFrame(
        {
            "sex": random.choice(["f", "m"], n),
            "age": random.uniform(18, 90, n),
            "customer": np.sort(random.integers(0, n // 3, n)),
        }
    )
    first, second = (Outputs(label, score) for label, score in zip(labels, scores, strict=True))
    times = random.gamma(4, 2, (2, 400)) if timed else (None, None)
    return Answers(target, frame, first, second, times[0], times[1], name="made up")


@pytest.fixture
def pilot() -> Callable[..., Answers]:
    return make_pilot
