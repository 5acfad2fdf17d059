"""The worst answers are shown, worst first, and nothing is shown where nothing differs."""

import numpy as np
import polars as pl
import pytest

from evaluation.advice.examples import worst_answers
from evaluation.config import GateConfig
from evaluation.text.declare import mean_of
from evaluation.types import Outputs


def good(rows):
    """More is better."""
    return np.zeros(rows.n)


def bad(rows):
    """Less is better."""
    return np.zeros(rows.n)


METRICS = {"good": mean_of(good), "bad": mean_of(bad, higher_is_better=False)}
GATE = GateConfig(checks=({"metric": "good", "at_least": 0.5}, {"metric": "bad", "at_most": 0.5}))


def said(**row_scores) -> Outputs:
    n = len(next(iter(row_scores.values())))
    labels = np.array([f"answer {row}" for row in range(n)], dtype=object)
    facts = pl.DataFrame({"prompt": [f"prompt {row}" for row in range(n)]})
    scores = {name: np.array(values, dtype=float) for name, values in row_scores.items()}
    return Outputs(labels, facts=facts, row_scores=scores)


@pytest.mark.parametrize(("metric", "rows"), [("good", [2, 0, 3]), ("bad", [1, 3, 0])])
def test_worst_comes_first_whichever_way_is_worse(metric: str, rows: list[int]) -> None:
    outputs = said(**{metric: [0.2, 0.9, 0.1, 0.5, np.nan]})
    [found] = worst_answers(outputs, np.array(["r"] * 5, dtype=object), GATE, METRICS)
    assert (found["metric"], [one["row"] for one in found["answers"]]) == (metric, rows)
    first = found["answers"][0]
    assert (first["answer"], first["prompt"], first["reference"]) == (
        f"answer {rows[0]}",
        f"prompt {rows[0]}",
        "r",
    )


@pytest.mark.parametrize("scores", [[0.5, 0.5], [np.nan, np.nan], [[1.0, 2.0], [3.0, 4.0]]])
def test_nothing_is_shown_where_no_answer_is_worse(scores) -> None:
    assert worst_answers(said(good=scores), np.array(["r", "r"], dtype=object), GATE, METRICS) == []


def test_long_texts_are_cut() -> None:
    outputs = said(good=[0.0, 1.0])
    outputs.labels[0] = "x" * 1000
    [found] = worst_answers(outputs, np.array([None, ["a", "b"]], dtype=object), GATE, METRICS)
    assert len(found["answers"][0]["answer"]) == 300
    assert [one["reference"] for one in found["answers"]] == ["", "a"]
