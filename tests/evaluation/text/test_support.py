"""How far passages support an answer: what is in them counts, what is made up does not."""

import math

import numpy as np
import pytest

from evaluation.metrics.base import Sample
from evaluation.text import support
from evaluation.text.rows import TextRows
from evaluation.text.support import METRICS, context_support, sentences

PASSAGES = (
    "Captain Ahab lost a leg to the white whale.",
    "He hunts it across the oceans. The crew is afraid.",
)


class Known:
    """Vectors that stand for what a few texts mean; every other text has a direction of its own."""

    def __init__(self, **near: float) -> None:
        self.asked: list[str] = []

    def embed(self, texts):
        self.asked += texts
        vectors = np.zeros((len(texts), 200), dtype=np.float32)
        for row, text in enumerate(texts):
            if "sailors" in text:
                vectors[row, [0, 1]] = 0.6, 0.8
            elif "crew" in text:
                vectors[row, 0] = 1
            else:
                vectors[row, 2 + len(self.asked) - len(texts) + row] = 1
        return vectors


@pytest.fixture
def known(monkeypatch) -> Known:
    embeddings = Known()
    monkeypatch.setattr(support, "embedder", lambda *_: embeddings)
    return embeddings


def supported(answer: str, passages=PASSAGES, question: str = "Who lost a leg?") -> list[float]:
    return context_support(TextRows.of([answer], contexts=[passages], question=[question])).values[0].tolist()


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("Captain Ahab.", 1.0),
        ("AHAB, the captain!", 1.0),
        ("Captain Queequeg.", 0.5),
        ("Queequeg.", 0.0),
        ("Ahab hunted the whales.", 1.0),
        ("Captain Ahab. Rain fell on Boston.", 0.5),
        ("The sailors trembled.", 0.6),
    ],
)
def test_what_the_passages_say_is_supported(known, answer: str, expected: float) -> None:
    assert supported(answer) == pytest.approx([expected, 1.0])


@pytest.mark.parametrize("answer", ["", "Not in the text.", "Who lost a leg?", "He is it. ", "..."])
def test_an_answer_that_claims_nothing_does_not_count(known, answer: str) -> None:
    assert supported(answer) == [0.0, 0.0]


def test_words_of_the_question_prove_nothing(known) -> None:
    assert supported("Boston lost a leg.") == [0.0, 1.0]
    assert supported("Boston lost a leg.", question="") == pytest.approx([2 / 3, 1.0])


def test_without_passages_there_is_no_value(known) -> None:
    rows = TextRows.of(["Ahab.", "Ahab."], contexts=[PASSAGES, None])
    found = context_support(rows)
    assert found.values[0].tolist() == [1.0, 1.0]
    assert np.isnan(found.values[1]).all()
    assert found.problems == [None, "the answer was given no passages"]


def test_only_what_words_leave_open_is_embedded(known) -> None:
    rows = TextRows.of(["Captain Ahab.", "Queequeg."], contexts=[PASSAGES, ("A harpoon.",)])
    context_support(rows)
    assert known.asked == ["Queequeg.", "A harpoon."]


def test_blank_passages_support_nothing(known) -> None:
    assert supported("Queequeg.", (" ",)) == [0.0, 1.0]


def test_the_metric_is_the_mean_over_answers_that_claim_something(known) -> None:
    [metric] = METRICS
    rows = TextRows.of(["Ahab.", "Not in the text.", "Queequeg."], contexts=[PASSAGES] * 3)
    empty = np.zeros(3)
    values = metric.scorer(rows).values
    assert metric.point(Sample(empty, empty, row_scores={metric.name: values})) == 0.5
    assert math.isnan(metric.design.value(np.zeros((1, 2)))[0])


@pytest.mark.parametrize(
    ("text", "expected"),
    [("", []), ("One. Two?\n\nThree", ["One.", "Two?", "Three"]), ("At 3.5 knots", ["At 3.5 knots"])],
)
def test_sentences(text: str, expected: list[str]) -> None:
    assert sentences(text) == expected
