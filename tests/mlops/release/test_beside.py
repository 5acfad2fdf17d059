"""Variants of the cases, asked of two models and kept with the release."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.run import measure
from evaluation.text.config import TextConfig
from evaluation.types import Outputs, Task
from mlops.packaging.load import InputField
from mlops.release.asking import _text_metrics
from mlops.release.beside import ask_pairs, ask_variants
from mlops.release.evidence import read_answers, write_answers

CHECK = {"metric": "counterfactual_sentiment_gap", "groups": ["gender"], "at_most": 0.1}
SECTION = {"swap": ["gender", "origin"], "columns": ["title"]}


class Writer:
    """A model that says the same of everybody, or is glad of women only."""

    inputs = (InputField("title", "string", required=True),)
    classes = ()

    def __init__(self, *, fair: bool) -> None:
        self.fair = fair
        self.asked: list[str] = []

    def predict(self, features: pl.DataFrame) -> Outputs:
        titles = features["title"].to_list()
        self.asked += titles
        glad = ["a lovely, happy mug" if "her" in title and not self.fair else "a mug" for title in titles]
        return Outputs(np.array(glad, dtype=object))

    def predict_rows(self, rows: Any) -> Outputs:
        raise AssertionError


@pytest.fixture
def project(tmp_path: Path) -> Any:
    frame = pl.DataFrame({"title": [f"Mug {n} for her" for n in range(60)], "text": ["mug"] * 60})
    holdout = SimpleNamespace(schema=frame.schema, columns=frame.select)
    policy = SimpleNamespace(
        gate=GateConfig.model_validate({"checks": [CHECK], "counterfactual": SECTION}),
        data=SimpleNamespace(target="text"),
        task=Task.GENERATION,
    )
    return SimpleNamespace(
        policy=policy,
        dataset=SimpleNamespace(holdout=holdout),
        folder=tmp_path,
        home=tmp_path,
        texts=TextConfig(),
    )


def test_both_models_are_asked_of_the_lists_that_a_line_names(project: Any) -> None:
    mine, theirs = Writer(fair=False), Writer(fair=True)
    asked = ask_variants(project, mine, theirs)
    assert asked is not None
    assert len(mine.asked) == len(theirs.asked) == 120
    assert asked.frame.columns == ["case", "gender"]
    assert asked.frame["gender"].value_counts()["count"].to_list() == [60, 60]
    assert asked.name == "gender: 60 cases"


def test_what_was_said_is_kept_and_weighed(project: Any, tmp_path: Path) -> None:
    row = np.array(["a mug"], dtype=object)
    answers = Answers(
        row,
        pl.DataFrame({"title": ["mug"]}),
        Outputs(row),
        variants=ask_variants(project, Writer(fair=False), None),
        pairs=ask_pairs(project, Writer(fair=False)),
    )
    write_answers(answers, tmp_path)
    kept = read_answers(tmp_path)
    found = [
        measure(each, task=Task.GENERATION, gate=project.policy.gate, overview=[]).items[0].estimate
        for each in (answers, kept)
    ]
    assert found[0] == found[1]
    assert found[0].value is not None
    assert found[0].value > 0.5
    assert kept.pairs is None


def test_no_line_no_question(project: Any) -> None:
    project.policy.gate = project.policy.gate.model_copy(update={"checks": ()})
    writer = Writer(fair=True)
    assert ask_variants(project, writer, None) is None
    assert ask_pairs(project, writer) is None
    assert writer.asked == []


def test_the_holdout_is_not_measured_by_metrics_of_variants(
    project: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlops.release.asking.OVERVIEW", {Task.GENERATION: ()})
    assert list(_text_metrics(project)) == []
