"""What models said about rows whose truth is known: the raw material of every measurement."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.types import FloatArray, Outputs


@dataclass(frozen=True)
class Answers:
    """What one or two models said about the same n rows, and how long single answers took.

    target: (n,) what really happened; frame: (n, columns of slices, groups and units). Latencies are (requests,)
    milliseconds, None where they were not measured. name: for people, which models and rows these are.
    variants: what the models said about counterfactual variants of the rows, None where none were asked; its frame
    tells the case and, in a column for each list of words, the group, null where a row is of another list.
    pairs: what the language models behind them said of stereotype pairs, None where none were asked.
    """

    target: NDArray[Any]
    frame: pl.DataFrame
    challenger: Outputs
    champion: Outputs | None = None
    latency_ms: FloatArray | None = None
    champion_latency_ms: FloatArray | None = None
    name: str = ""
    variants: "Answers | None" = None
    pairs: "Answers | None" = None

    def variants_by(self, name: str) -> "Answers | None":
        """What the models said about the variants of one list of words; None where none were asked."""
        said = self.variants
        if said is None or name not in said.frame.columns:
            return None
        rows = said.frame[name].is_not_null().arg_true().to_numpy().astype(np.int64)
        champion = None if said.champion is None else said.champion.at(rows)
        return replace(
            said,
            target=said.target[rows],
            frame=said.frame[rows],
            challenger=said.challenger.at(rows),
            champion=champion,
        )

    @property
    def tells_difference(self) -> bool:
        """Whether they show how much two models differ: two that answer alike, or in another form, do not."""
        return self.champion is not None and _comparable(self.challenger, self.champion)


def _comparable(one: Outputs, other: Outputs) -> bool:
    if (one.scores is None) is not (other.scores is None):
        return False
    if one.scores is None or other.scores is None:
        return not np.array_equal(one.labels, other.labels)
    same_form = one.scores.shape == other.scores.shape
    return same_form and not (
        np.array_equal(one.labels, other.labels) and np.array_equal(one.scores, other.scores)
    )
