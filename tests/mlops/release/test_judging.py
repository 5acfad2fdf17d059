"""Judges that the policy names, examined and asked about the answers of a release."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from benchmarks._characters import Script, labelled_answers
from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.gate.decide import decide
from evaluation.run import measure
from evaluation.text.config import TextConfig
from evaluation.types import GateOutcome, Outputs, Task, Verdict
from mlops.release.evidence import read_answers, write_answers
from mlops.release.judging import Judged, digests, judge_holdout, void_judges

CASES = 60
FRAME = pl.DataFrame(
    {"title": [f"subject{row}" for row in range(CASES)], "text": ["-"] * CASES},
    schema_overrides={"text": pl.String},
)


def said(worth: int) -> Outputs:
    """Answers that are worth the same but for every tenth, worth 4, to questions that a judge is told."""
    answers = [f"About subject{row}, by a guest: worth {worth if row % 10 else 4}." for row in range(CASES)]
    prompts = [f"What is there to say about subject{row}?" for row in range(CASES)]
    return Outputs(np.array(answers, dtype=object), facts=pl.DataFrame({"prompt": prompts}))


@pytest.fixture
def open_project(tmp_path: Path, make_stub):
    """A project with one judge of such a character, and what its endpoint was asked."""
    found = labelled_answers(n=480, each=2)
    rows = [
        {"prompt": item.prompt, "answer": item.answer, "score": int(rating[0]), "model": model}
        for item, rating, model in zip(found.items, found.ratings, found.models, strict=True)
    ]
    pl.DataFrame(rows).write_csv(tmp_path / "ratings.csv")

    def make(script: Script, check: dict[str, Any], **judge: Any) -> Any:
        stub = make_stub(lambda prompt, _: script.says(prompt))
        told = {"name": "worth", "rubric": "Is it right?", "labelled": "ratings.csv"} | judge
        told["endpoint"] = {"url": stub.url, "model": "a-judge", "concurrency": 16}
        gate = GateConfig.model_validate({"judges": [told], "checks": [{"metric": "judge_worth"} | check]})
        policy = SimpleNamespace(gate=gate, data=SimpleNamespace(target="text"), task=Task.GENERATION)
        holdout = SimpleNamespace(schema=FRAME.schema, columns=FRAME.select)
        dataset = SimpleNamespace(holdout=holdout)
        texts = TextConfig()
        return SimpleNamespace(
            policy=policy, dataset=dataset, folder=tmp_path, home=tmp_path, texts=texts, stub=stub
        )

    return make


def decided(project: Any, judged: Judged, folder: Path) -> GateOutcome:
    """What the gate makes of it, and that it makes the same of what is kept."""
    target = np.array(["-"] * CASES, dtype=object)
    answers = Answers(target, pl.DataFrame({"row": range(CASES)}), judged.challenger, judged.champion)
    write_answers(answers, folder)
    gate = project.policy.gate
    now, again = (
        decide(measure(each, task=Task.GENERATION, gate=gate, overview=()), gate)
        for each in (answers, read_answers(folder))
    )
    assert now == again
    return now


def test_a_believed_judge_decides_and_is_paid_once(open_project, tmp_path: Path) -> None:
    project = open_project(Script(noise=0.02), {"at_least": 3.5, "no_worse_than_champion_by": 0.3})
    judged = judge_holdout(project, said(4), said(5), {"a-writer"})
    [standing] = judged.standings
    assert standing.problem is None
    outcome = decided(project, judged, tmp_path)
    assert {check.id: check.verdict for check in outcome.checks} == {
        "judge_worth": Verdict.PASS,
        "judge_worth.vs_champion": Verdict.FAIL,
    }
    asked = project.stub.asked
    assert asked > 240
    assert judge_holdout(project, said(4), said(5), {"a-writer"}).standings == judged.standings
    assert project.stub.asked == asked


def test_a_judge_at_random_is_void_and_scores_nothing(open_project, tmp_path: Path) -> None:
    project = open_project(Script(noise=1.0), {"at_least": 3.5})
    judged = judge_holdout(project, said(5), None, set())
    [check] = decided(project, judged, tmp_path).checks
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "judge 'worth' is void: agreement with people" in check.reason
    assert np.isnan(judged.challenger.row_scores["judge_worth"]).all()


def test_a_judge_without_labelled_answers_is_void_and_not_asked(open_project, tmp_path: Path) -> None:
    project = open_project(Script(), {"at_least": 3.5}, labelled=None)
    judged = judge_holdout(project, said(5), None, set())
    [check] = decided(project, judged, tmp_path).checks
    assert check.verdict is Verdict.INCONCLUSIVE
    assert "no answers that people scored" in check.reason
    assert project.stub.asked == 0


@pytest.mark.parametrize(
    ("labelled", "check", "told"),
    [
        ({"labelled": None}, {"at_least": 3}, {"judge_worth": "no answers that people scored"}),
        ({"labelled": "few.csv"}, {"at_least": 3}, {"judge_worth": "(ordinal alpha) can't be told: 6 units"}),
        ({}, {"at_least": 3}, {}),
        ({"labelled": None}, {"metric": "rouge_l", "at_least": 0.1}, {}),
    ],
    ids=["none", "too few", "enough", "not named"],
)
def test_a_judge_that_will_be_void_is_told_before_anybody_is_asked(
    open_project, tmp_path: Path, labelled, check, told
) -> None:
    project = open_project(Script(), check, **labelled)
    lines = (tmp_path / "ratings.csv").read_text().splitlines(keepends=True)
    (tmp_path / "few.csv").write_text("".join(lines[:13]))
    found = void_judges(project)
    assert found.keys() == told.keys()
    assert all(told[name] in problem for name, problem in found.items()), found
    assert project.stub.asked == 0


def test_a_judge_that_compares_waits_for_a_champion(open_project, tmp_path: Path) -> None:
    project = open_project(Script(noise=0.0), {"at_least": 0.5}, mode="pairwise")
    alone = judge_holdout(project, said(4), None, set())
    outcome = decided(project, alone, tmp_path)
    assert outcome.checks == ()
    assert outcome.not_compared == (("judge_worth", "no champion yet"),)
    assert project.stub.asked == 0
    better, worse = (
        decided(project, judge_holdout(project, said(4), said(other), set()), tmp_path) for other in (3, 5)
    )
    assert [check.verdict for check in better.checks] == [Verdict.PASS]
    assert [check.verdict for check in worse.checks] == [Verdict.FAIL]


def test_a_judge_that_no_check_names_is_not_asked(open_project) -> None:
    project = open_project(Script(), {"metric": "rouge_l", "at_least": 0.1})
    assert judge_holdout(project, said(4), None, set()).standings == ()
    assert digests(project, project.policy.gate) == {}
    assert project.stub.asked == 0


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        ({"labelled": "nowhere.csv"}, "nowhere.csv"),
        ({"rubric": None, "rubric_file": "nowhere.txt"}, "rubric"),
        ({"scale": {"min": 1, "max": 3}}, "score"),
    ],
)
def test_what_cannot_be_read_is_told_before_anybody_is_asked(open_project, judge, told: str) -> None:
    project = open_project(Script(), {"at_least": 2}, **judge)
    with pytest.raises(UserError, match=told):
        void_judges(project)
    assert project.stub.asked == 0


def test_a_judge_is_told_from_another_of_its_name(open_project) -> None:
    one, other = (
        open_project(Script(), {"at_least": 2}, rubric=rubric) for rubric in ("Is it right?", "Is it kind?")
    )
    now, then = (digests(project, project.policy.gate)["judge_worth"] for project in (one, other))
    assert now != then
