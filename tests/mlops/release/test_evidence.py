"""What is kept of an evaluation comes back as it was."""

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.types import Outputs
from mlops.release.evidence import read_answers, write_answers, write_reference

TEXTS = Outputs(
    labels=np.array(["a mug", None, "ein Krug \U0001f3fa"], dtype=object),
    facts=pl.DataFrame(
        {
            "problem": [None, "timeout", None],
            "contexts": [["one", "two"], [], ["three"]],
            "cost": [0.25, None, 0.5],
        }
    ),
    row_scores={
        "rouge_l": np.array([0.5, np.nan, 1.0]),
        "bleu": np.array([[1.0, 2.0], [np.nan, np.nan], [3.0, 4.0]]),
    },
    row_problems={"rouge_l": np.array([None, "no answer", None], dtype=object)},
)


@pytest.mark.parametrize(
    "target",
    [
        np.array(["x", "y", "z"], dtype=object),
        pl.Series([["x", "y"], ["z"], []], dtype=pl.List(pl.String)).to_numpy(),
    ],
    ids=["one reference", "several"],
)
def test_texts_come_back_with_all_that_was_measured(tmp_path, target) -> None:
    answers = Answers(
        target, pl.DataFrame({"case": [0, 0, 1]}), TEXTS, champion=TEXTS.at(np.array([2, 1, 0]))
    )
    write_answers(answers, tmp_path)
    found = read_answers(tmp_path)
    assert [list(each) for each in found.target] == [list(each) for each in target]
    assert found.frame.equals(answers.frame)
    for said, was in ((found.challenger, answers.challenger), (found.champion, answers.champion)):
        assert said.labels.tolist() == was.labels.tolist()
        assert said.facts.equals(was.facts)
        assert set(said.row_scores) == {"rouge_l", "bleu"}
        for name, values in was.row_scores.items():
            np.testing.assert_array_equal(said.row_scores[name], values)
        assert said.row_problems["rouge_l"].tolist() == was.row_problems["rouge_l"].tolist()


def test_scores_of_classes_keep_their_order(tmp_path) -> None:
    scores = np.arange(36.0).reshape(3, 12)
    write_answers(
        Answers(np.array([1, 2, 3]), pl.DataFrame(), Outputs(np.array([1, 2, 3]), scores)), tmp_path
    )
    np.testing.assert_array_equal(read_answers(tmp_path).challenger.scores, scores)


def test_texts_of_which_none_could_be_had_are_texts(tmp_path) -> None:
    nothing = np.array([None, None, None], dtype=object)
    write_answers(
        Answers(np.array(["x", "y", "z"], dtype=object), pl.DataFrame(), Outputs(nothing)), tmp_path
    )
    assert read_answers(tmp_path).challenger.labels.tolist() == [None, None, None]
    assert pl.read_parquet_schema(tmp_path / "predictions.parquet")["label"] == pl.String


def test_the_reference_holds_what_texts_were_given_as_the_log_would(tmp_path) -> None:
    inputs = pl.DataFrame({"question": ["a", "b", "c", "d"]})
    facts = pl.DataFrame(
        {"sources": [["x" * 300], ["y"], [], []], "contexts": [["one"], [], [], ["of a document without id"]]}
    )
    said = Outputs(np.array(["A.", None, "C.", "D."], dtype=object), facts=facts)
    write_reference(inputs, pl.Series(["t"] * 4), said, tmp_path)
    found = pl.read_parquet(tmp_path / "reference.parquet")
    [first, *rest] = found["sources"].to_list()
    assert ([len(each) for each in first], rest) == ([200], [None, [], None])
    assert found["input.question"].to_list() == ["a", "b", "c", "d"]


def test_the_reference_of_other_models_has_no_sources(tmp_path) -> None:
    write_reference(pl.DataFrame({"x": [1.0]}), pl.Series([1]), Outputs(np.array([1])), tmp_path)
    assert pl.read_parquet_schema(tmp_path / "reference.parquet").names() == [
        "input.x", "prediction", "score", "target", "latency_ms",
    ]  # fmt: skip
