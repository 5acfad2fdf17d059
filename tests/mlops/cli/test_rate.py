"""`weighbridge rate`, as it is typed: whose answers it shows, on which scale, and what it refuses before it serves."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.errors import UserError
from evaluation.judges.config import ScaleConfig
from evaluation.judges.labelled import read_labelled
from evaluation.types import Outputs
from mlops.cli.main import main
from mlops.ratings.app import Round
from mlops.ratings.released import released
from mlops.release.evidence import write_answers

Rate = Callable[..., Round]


@pytest.fixture
def served(monkeypatch: pytest.MonkeyPatch) -> list[Round]:
    """What would be served."""
    found: list[Round] = []
    monkeypatch.setattr("mlops.ratings.app.serve", lambda rated, _: found.append(rated))
    return found


@pytest.fixture
def rate(tmp_path: Path, served: list[Round]) -> Rate:
    """Types the command, with a rubric and a file of two answers unless it is told another."""
    (tmp_path / "answers.jsonl").write_text(
        "".join(json.dumps({"prompt": "p", "answer": each}) + "\n" for each in ("a", "b"))
    )

    def run(*arguments: str, answers: str | None = "answers.jsonl", to: str = "ratings.jsonl") -> Round:
        given = [] if answers is None else [str(tmp_path / answers)]
        options = ["--rubric", "Is it true?", "--to", str(tmp_path / to)]
        with pytest.raises(SystemExit) as left:
            main(["--project", str(tmp_path), "rate", *given, *options, *arguments])
        assert int(left.value.code or 0) == 0
        return served[-1]

    return run


def test_answers_of_a_file_on_a_scale_of_numbers(rate: Rate) -> None:
    found = rate("--max", "3")
    assert [each.item.answer for each in found.rateables] == ["a", "b"]
    assert found.scale.points == (1, 2, 3)


def test_what_is_rated_by_labels_is_read_as_labelled(rate: Rate) -> None:
    found = rate("--label", "wrong", "--label", "right")
    found.rate({"rater": "anna", "id": found.rateables[1].id, "score": "right"})
    kept = read_labelled(found.file, ScaleConfig(labels=("wrong", "right")))
    assert [(item.answer, score) for item, score in zip(kept.items, kept.means, strict=True)] == [("b", 1.0)]


@pytest.mark.parametrize(
    ("arguments", "to", "told"),
    [
        (["--min", "5", "--max", "1"], "ratings.jsonl", "max must be 1 to 100 above min"),
        (["--label", "same", "--label", "same"], "ratings.jsonl", "two or more different names"),
        ([], "ratings.csv", "--to .*ratings.jsonl"),
    ],
)
def test_what_could_not_be_read_again_is_refused_at_once(
    rate: Rate, capsys: pytest.CaptureFixture[str], arguments: list[str], to: str, told: str
) -> None:
    with pytest.raises(AssertionError):
        rate(*arguments, to=to)
    said = capsys.readouterr().err
    assert "unexpected" not in said
    assert re.search(told, said), said


ANSWERS = np.array(["one", "two", None, "one"], dtype=object)
FACTS = pl.DataFrame({"prompt": ["p", "p", "p", "p"]})


def kept(folder: Path, outputs: Outputs) -> Path:
    frame = pl.DataFrame({"row": range(len(outputs.labels))})
    write_answers(Answers(np.array(["x"] * len(outputs.labels), dtype=object), frame, outputs), folder)
    return folder


def test_answers_of_a_release_are_rated_once_each_and_drawn_by_chance(
    rate: Rate, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    release = SimpleNamespace(folder=kept(tmp_path, Outputs(ANSWERS, facts=FACTS)))
    monkeypatch.setattr("mlops.cli.rate.open_project", lambda _: None)
    monkeypatch.setattr("mlops.release.run.current", lambda *_: release)
    found = rate(answers=None)
    assert sorted((each.item.prompt, each.item.answer) for each in found.rateables) == [
        ("p", "one"),
        ("p", "two"),
    ]
    assert len(rate("--most", "1", answers=None).rateables) == 1


def test_a_release_without_texts_says_so(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no texts with their prompts"):
        released(kept(tmp_path, Outputs(np.array([1, 0]))))
