"""The answers that a text metric likes least, so that people see what a check is about."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.config import GateConfig
from evaluation.metrics.base import Metric
from evaluation.metrics.builtin import METRICS
from evaluation.metrics.named import named_by
from evaluation.text.rows import references_of
from evaluation.types import Direction, Outputs

_MOST = 3
_CHARACTERS = 300


def worst_answers(
    outputs: Outputs, target: NDArray[Any], gate: GateConfig, metrics: Mapping[str, Metric] = METRICS
) -> list[dict[str, Any]]:
    """The worst answers by each metric of the policy that gives every text a value, as plain JSON values.

    target: (n,) references. One entry a metric: {"metric", "answers": [{"row", "score", "prompt", "answer",
    "reference"}]}, worst first; texts are cut. A metric that no text differs in has no worst ones.
    """
    names = dict.fromkeys(check.metric for check in gate.checks if check.metric in outputs.row_scores)
    references, declared = references_of(target), named_by(gate, metrics)
    found = []
    for name in names:
        scores = outputs.row_scores[name]
        known = np.flatnonzero(np.isfinite(scores)) if scores.ndim == 1 else np.empty(0, dtype=np.int64)
        if len(known) == 0 or np.ptp(scores[known]) == 0:
            continue
        falling = declared[name].direction is Direction.LOWER_IS_BETTER
        order = known[np.argsort(-scores[known] if falling else scores[known], kind="stable")][:_MOST]
        answers = [_answer(outputs, references, row, float(scores[row])) for row in order.tolist()]
        found.append({"metric": name, "answers": answers})
    return found


def _answer(
    outputs: Outputs, references: Sequence[tuple[str, ...]], row: int, score: float
) -> dict[str, Any]:
    prompts = None if outputs.facts is None else outputs.facts["prompt"]
    return {
        "row": row,
        "score": score,
        "prompt": _cut("" if prompts is None else prompts[row]),
        "answer": _cut(outputs.labels[row]),
        "reference": _cut(next(iter(references[row]), "")),
    }


def _cut(text: str | None) -> str:
    """At most so many characters, the end of them shown as such.

    >>> len(_cut("x" * 1000)), _cut("short")
    (300, 'short')
    """
    whole = text or ""
    return whole if len(whole) <= _CHARACTERS else whole[: _CHARACTERS - 1] + "…"
