"""Which earlier release tells how the next one may come out."""

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evaluation.answers import Answers
from evaluation.types import Outputs
from mlops.project import Project
from mlops.release.evidence import write_answers
from mlops.release.journal import FILE_NAME, Journal, Step
from mlops.release.pilot import find_pilot
from mlops.release.run import releases_dir

POLICY = """
model: small
data: {train: train.parquet, evaluate: holdout.parquet, target: y}
train: train:train
gate: {checks: [{metric: accuracy, slices: [sex], at_least: 0.5}]}
"""
ROWS = 40
TARGET = np.tile([0, 1], ROWS // 2)
ONE, OTHER = Outputs(TARGET, TARGET * 0.8 + 0.1), Outputs(1 - TARGET, TARGET * 0.2 + 0.4)
FRAME = pl.DataFrame({"sex": ["f", "m"] * (ROWS // 2)})
PAIR = Answers(TARGET, FRAME, ONE, OTHER, np.ones(5), np.ones(6))
ALONE = replace(PAIR, champion=None, champion_latency_ms=None)
ALIKE = replace(PAIR, champion=ONE)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.delenv("WEIGHBRIDGE_HOME", raising=False)
    (tmp_path / "weighbridge.yaml").write_text(POLICY)
    for name in ("train", "holdout"):
        FRAME.with_columns(y=pl.Series(TARGET), age=pl.Series(range(ROWS))).write_parquet(
            tmp_path / f"{name}.parquet"
        )
    return Project.open(tmp_path)


def release(
    project: Project, age_days: int, answers: Answers | None, *, evaluated: bool = True, model: str = "small"
) -> str:
    """Leave what an evaluated release leaves, so many days ago."""
    journal = Journal.start(
        releases_dir(project), model=model, inputs=f"{age_days:064x}", commit={"sha": None}
    )
    at = datetime(2026, 11, 22, tzinfo=UTC) - timedelta(days=age_days)
    journal.created_at = at.isoformat(timespec="seconds")
    if evaluated:
        journal.finish(Step.EVALUATE, {"measurements": 1}, 0)
    journal.save()
    if answers is not None:
        write_answers(answers, journal.folder)
    assert json.loads((journal.folder / FILE_NAME).read_text())["id"] == journal.id
    return journal.id


def test_without_a_release_there_is_none(project: Project) -> None:
    assert find_pilot(project) is None


def test_the_newest_pair_is_taken_before_a_newer_single(project: Project) -> None:
    release(project, 4, PAIR)
    chosen = release(project, 3, PAIR)
    release(project, 2, ALONE)
    release(project, 1, ALIKE)
    found = find_pilot(project)
    assert found.name == f"release {chosen}"
    assert found.tells_difference
    assert (len(found.latency_ms), len(found.champion_latency_ms)) == (5, 6)


@pytest.mark.parametrize("answers", [ALONE, ALIKE], ids=["no champion", "the same model again"])
def test_else_the_newest_single(project: Project, answers: Answers) -> None:
    release(project, 2, ALONE)
    chosen = release(project, 1, answers)
    found = find_pilot(project)
    assert found.name == f"release {chosen}, one model"
    assert (found.champion, found.champion_latency_ms) == (None, None)


def test_what_cannot_tell_is_passed_over(project: Project) -> None:
    release(project, 1, None)
    release(project, 2, PAIR, evaluated=False)
    release(project, 3, PAIR, model="other")
    assert find_pilot(project) is None


def test_columns_asked_for_since_come_from_the_same_rows(project: Project) -> None:
    text = (project.folder / "weighbridge.yaml").read_text()
    release(project, 1, PAIR)
    for wanted, there in (("[sex, age]", True), ("[sex, height]", False)):
        (project.folder / "weighbridge.yaml").write_text(text.replace("[sex]", wanted))
        found = find_pilot(Project.open(project.folder))
        assert (found is not None) is there
        assert found is None or found.frame.columns == ["age", "sex"]


def test_columns_of_other_rows_are_not_mixed_in(project: Project) -> None:
    release(project, 1, replace(PAIR, target=1 - TARGET))
    (project.folder / "weighbridge.yaml").write_text(POLICY.replace("[sex]", "[age]"))
    assert find_pilot(Project.open(project.folder)) is None
