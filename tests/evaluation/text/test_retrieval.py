"""Retrieval and answerability against their formulas, scikit-learn and RAGAS."""

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from sklearn.metrics import ndcg_score

from evaluation.errors import UserError
from evaluation.metrics.base import Sample
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.text import answerability, retrieval
from evaluation.text.answerability import declines
from evaluation.text.config import TextConfig
from evaluation.text.rows import TextRows

METRICS = (*retrieval.METRICS, *answerability.METRICS)
BY_NAME = {metric.name: metric for metric in METRICS}
IDS = st.sampled_from("abcdefg")
RANKINGS = st.lists(IDS, min_size=0, max_size=12)
RIGHT = st.sets(IDS, min_size=1, max_size=4)


def rows_of(sources, right, answers=None, references=()) -> TextRows:
    answers = answers or ["an answer"] * len(sources)
    settings = TextConfig(documents="right")
    return TextRows.of(answers, *references, sources=sources, right=right, settings=settings)


def scored(name: str, rows: TextRows) -> np.ndarray:
    return np.asarray(BY_NAME[name].scorer(rows))


def value(name: str, rows: TextRows) -> float:
    empty = np.zeros(rows.n)
    return BY_NAME[name].point(Sample(empty, empty, row_scores={name: scored(name, rows)}))


@given(RANKINGS, RIGHT, st.sampled_from([1, 3, 5, 10]))
def test_recall_is_the_share_of_the_right_documents(ranking, right, k) -> None:
    found = value(f"retrieval_recall_at_{k}", rows_of([ranking], [sorted(right)]))
    assert found == pytest.approx(len(set(ranking[:k]) & right) / len(right))


@given(RANKINGS, RIGHT, st.sampled_from([1, 3, 5, 10]))
def test_a_hit_is_any_right_document(ranking, right, k) -> None:
    found = value(f"retrieval_hit_at_{k}", rows_of([ranking], [sorted(right)]))
    assert found == float(bool(set(ranking[:k]) & right))


@pytest.mark.parametrize("name", ["retrieval_hit_at_3", "answerability", "unanswerable_declined"])
def test_a_share_has_limits_where_all_rows_are_alike(name: str) -> None:
    rows = rows_of([["a"]] * 100, ["a", None] * 50, ["Ahab.", "Not in the text."] * 50)
    empty = np.zeros(rows.n)
    sample = Sample(empty, empty, row_scores={name: scored(name, rows)})
    [answer] = estimate([Question(BY_NAME[name], sample)], Settings())
    counted = 100 if name == "answerability" else 50
    assert (answer.estimate.value, answer.estimate.high) == pytest.approx((1.0, 1.0))
    assert answer.estimate.low == pytest.approx(binomtest(counted, counted).proportion_ci(0.9, "wilson").low)


@given(RANKINGS, RIGHT)
def test_mrr_is_one_over_the_place_of_the_first(ranking, right) -> None:
    places = [place for place, source in enumerate(ranking, start=1) if source in right]
    expected = 1 / places[0] if places else 0.0
    assert value("retrieval_mrr", rows_of([ranking], [sorted(right)])) == pytest.approx(expected)


@given(st.permutations("abcdefg"), RIGHT, st.sampled_from([3, 5, 10]))
def test_ndcg_agrees_with_scikit_learn_where_no_document_comes_twice(ranking, right, k) -> None:
    gains = [[float(source in right) for source in ranking]]
    expected = ndcg_score(gains, [list(range(len(ranking), 0, -1))], k=k)
    assert value(f"retrieval_ndcg_at_{k}", rows_of([ranking], [sorted(right)])) == pytest.approx(expected)


@given(RANKINGS, RIGHT, st.sampled_from([3, 5, 10]))
def test_ndcg_counts_a_document_once(ranking, right, k) -> None:
    firsts = [
        place for place, source in enumerate(ranking[:k]) if source in right and source not in ranking[:place]
    ]
    gain = sum(1 / math.log2(place + 2) for place in firsts)
    best = sum(1 / math.log2(place + 2) for place in range(min(len(right), k)))
    assert value(f"retrieval_ndcg_at_{k}", rows_of([ranking], [sorted(right)])) == pytest.approx(gain / best)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_recall_agrees_with_ragas(monkeypatch) -> None:
    monkeypatch.setenv("RAGAS_DO_NOT_TRACK", "true")
    from ragas.dataset_schema import SingleTurnSample
    from ragas.metrics import IDBasedContextRecall

    sources, right = [["a", "b", "c"], ["d"], ["e", "a", "f"]], [["c", "a"], ["a"], ["a", "x", "y"]]
    samples = [
        SingleTurnSample(retrieved_context_ids=found, reference_context_ids=wanted)
        for found, wanted in zip(sources, right, strict=True)
    ]
    theirs = [asyncio.run(IDBasedContextRecall()._single_turn_ascore(sample, None)) for sample in samples]
    assert scored("retrieval_recall_at_3", rows_of(sources, right))[:, 0] == pytest.approx(theirs)


@pytest.mark.parametrize("nothing", [None, "", " "])
def test_a_case_without_right_document_does_not_count(nothing) -> None:
    rows = rows_of([["a"], ["a"], ["b"]], ["a", nothing, "a"])
    for name in ("retrieval_recall_at_1", "retrieval_mrr", "retrieval_ndcg_at_3"):
        assert value(name, rows) == 0.5
    assert not scored("retrieval_mrr", rows_of([["a"]], [[None]])).any()


def test_numbers_may_be_ids() -> None:
    assert value("retrieval_mrr", rows_of([["7"]], [7])) == 1.0


def test_without_the_column_it_is_said_what_is_missing() -> None:
    rows = TextRows.of(["x"], sources=[["a"]])
    with pytest.raises(UserError, match="which document holds the answer"):
        BY_NAME["retrieval_mrr"].scorer(rows)
    rows = TextRows.of(["x"], sources=[["a"]], settings=TextConfig(documents="right"))
    with pytest.raises(UserError, match="no column 'right'"):
        BY_NAME["retrieval_mrr"].scorer(rows)


DECLINING = [
    "Not in the text.",
    "This is not mentioned in the passage.",
    "The passage does not say who killed him.",
    "The text doesn't mention it.",
    "The provided context does not contain this information.",
    "There is no information about that.",
    "I don't know.",
    "It cannot be determined from the story.",
    "The story does not explicitly state why.",
    "Unknown",
    "The question can't be answered.",
    "It isn't specified.",
]
ANSWERING = [
    "He did not open the door.",
    "She had never known her father.",
    "No one.",
    "He could not find the treasure in the story's cave.",
    "An unknown soldier.",
    "Because he does not love her and says so.",
    "The documents were not given to the police.",
    "",
]


@pytest.mark.parametrize("answer", DECLINING)
def test_declining(answer: str) -> None:
    assert declines(answer)


@pytest.mark.parametrize("answer", ANSWERING)
def test_not_declining(answer: str) -> None:
    assert not declines(answer)


def test_answerability_counts_what_is_right() -> None:
    rows = rows_of(
        [["a"]] * 4,
        ["a", "a", None, None],
        ["Ahab.", "The text does not say.", "Ishmael.", "Nicht im Text!"],
        ("Ahab", "Ahab", "nicht im Text", "nicht im Text"),
    )
    assert value("answerability", rows) == 0.5
    assert value("unanswerable_declined", rows) == 0.5
    assert value("answerable_declined", rows) == 0.5


def test_an_answer_is_no_refusal_because_a_reference_says_so_of_an_answerable_case() -> None:
    rows = rows_of([["a"]], ["a"], ["a red mug"], ("red mug",))
    assert value("answerable_declined", rows) == 0.0


def test_directions() -> None:
    lower = [metric.name for metric in METRICS if metric.direction.value == "lower"]
    assert lower == ["answerable_declined"]
