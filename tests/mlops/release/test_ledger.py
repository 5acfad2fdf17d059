"""The history of a holdout on a real MLflow store: who counts, what is a look, and what a killed step leaves."""

import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from evaluation.allowance import Weighing
from evaluation.errors import EnvironmentProblem
from evaluation.row_sketch import SIZE, RowSketch
from evaluation.stats.sequential import level_of_look
from evaluation.types import Allowance
from mlops.project import Project
from mlops.release import ledger
from mlops.release.journal import Journal, Step
from mlops.release.run import Release, releases_dir

POLICY = """
model: small
data: {train: train.parquet, evaluate: holdout.parquet, target: y, ignore: [name]}
train: train:train
gate: {checks: [{metric: accuracy, at_least: 0.5}]}
"""
PLANNED = POLICY.replace("gate: {", "gate: {planned_rows: 4000, ")
TAG = f"weighbridge.{ledger.TAG}"


def rows(start: int, stop: int) -> pl.DataFrame:
    """Rows start .. stop of one endless table."""
    random = np.random.Generator(np.random.PCG64(5))
    every = pl.DataFrame({"a": random.normal(size=8000), "name": np.arange(8000), "y": [0, 1] * 4000})
    return every[start:stop]


@dataclass
class User:
    """Someone who edits a project and evaluates releases of it, up to where measuring starts."""

    folder: Path

    def edit(self, text: str) -> None:
        (self.folder / "train.py").write_text(text)

    def policy(self, text: str) -> None:
        (self.folder / "weighbridge.yaml").write_text(text)

    def holdout(self, frame: pl.DataFrame) -> None:
        frame.write_parquet(self.folder / "holdout.parquet")

    def project(self) -> Project:
        return Project.open(self.folder)

    def begin(self) -> Release:
        project = self.project()
        journal = Journal.start(releases_dir(project), model="small", inputs="ab" * 32, commit={"sha": None})
        client = project.mlflow().MlflowClient()
        run = client.create_run(client.get_experiment_by_name("small").experiment_id)
        journal.finish(Step.TRAIN, {"run_id": run.info.run_id}, 0)
        return Release(project, journal)

    def evaluate(self) -> Allowance:
        return ledger.allowance_for(self.begin())

    def client(self) -> Any:
        return self.project().mlflow().MlflowClient()


@pytest.fixture
def user(tmp_path: Path, empty_store: Path, monkeypatch: pytest.MonkeyPatch) -> User:
    for name in ("MLFLOW_TRACKING_URI", "WEIGHBRIDGE_HOME"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / ".weighbridge").mkdir()
    shutil.copyfile(empty_store, tmp_path / ".weighbridge" / "mlflow.db")
    made = User(tmp_path)
    made.policy(POLICY)
    made.edit("def train(): ...")
    made.holdout(rows(0, 1000))
    rows(0, 300).write_parquet(tmp_path / "train.parquet")
    return made


def test_three_challengers_on_one_holdout_are_counted(user: User) -> None:
    found = []
    for text in ("1", "2", "3"):
        user.edit(text)
        found.append(user.evaluate())
    assert [each.candidate for each in found] == [1, 2, 3]
    assert [each.level for each in found] == [0.005] * 3
    assert [each.overlap for each in found] == [0.0, 1.0, 1.0]


def test_a_killed_step_counts_once_and_is_told_the_same(user: User) -> None:
    user.edit("1")
    release = user.begin()
    first = ledger.allowance_for(release)
    user.edit("2")
    assert user.evaluate().candidate == 2
    user.edit("1")
    again = ledger.allowance_for(Release(user.project(), release.journal))
    assert again == first
    assert len(ledger.entries(user.project().registry)) == 2


def test_the_same_challenger_released_again_is_no_new_one(user: User) -> None:
    user.evaluate()
    again = user.evaluate()
    assert (again.candidate, again.looks, again.problem) == (1, (1000,), None)


def test_a_grown_holdout_is_a_second_look(user: User) -> None:
    user.policy(PLANNED)
    first = user.evaluate()
    user.holdout(rows(0, 2000))
    second = user.evaluate()
    assert (first.candidate, second.candidate) == (1, 1)
    assert second.looks == (1000, 2000)
    assert second.level == level_of_look(0.005, [1000, 2000], 4000)
    assert second.problem is None


def test_without_a_plan_it_is_refused_and_stays_refused(user: User) -> None:
    user.evaluate()
    user.holdout(rows(0, 2000))
    refused = user.evaluate()
    assert "without gate.planned_rows" in str(refused.problem)
    assert user.evaluate().problem == refused.problem


def test_fresh_rows_start_over_and_shuffled_ones_do_not(user: User) -> None:
    user.evaluate()
    user.edit("other")
    user.holdout(rows(0, 1000).sample(fraction=1.0, shuffle=True, seed=1))
    assert user.evaluate().candidate == 2
    user.holdout(rows(4000, 5000))
    assert (user.evaluate().candidate, user.evaluate().overlap) == (1, 1.0)


@pytest.mark.parametrize(
    ("change", "candidate"),
    [
        (lambda user: user.policy(POLICY.replace("0.5", "0.6")), 1),
        (lambda user: (user.folder / "notes.txt").write_text("all is well"), 1),
        (
            lambda user: user.policy(
                POLICY.replace("train: train:train", "train: {entrypoint: train:train, seed: 1}")
            ),
            2,
        ),
        (lambda user: user.policy(POLICY.replace("[name]", "[]")), 2),
        (lambda user: user.policy(POLICY.replace("target: y", "target: a")), 2),
        (lambda user: (user.folder / "columns.py").write_text("X = 1"), 2),
        (lambda user: rows(0, 301).write_parquet(user.folder / "train.parquet"), 2),
    ],
    ids=["bounds", "notes", "seed", "features", "target", "code", "training data"],
)
def test_what_makes_another_challenger(user: User, change: Any, candidate: int) -> None:
    user.evaluate()
    change(user)
    assert user.evaluate().candidate == candidate


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ("mine.py", True),
        ("data/shelf.json", True),
        ("data/other.json", True),
        ("elsewhere.json", False),
    ],
)
def test_what_a_chain_reads_makes_another_challenger(tmp_path: Path, change: str, counts: bool) -> None:
    section = "{chain: {entrypoint: 'mine:build', files: [data]}}"
    policy = POLICY.replace("train: train:train", f"task: generation\ngenerate: {section}")
    (tmp_path / "weighbridge.yaml").write_text(policy.replace("accuracy", "rouge_l"))
    rows(0, 50).write_parquet(tmp_path / "train.parquet")
    rows(50, 100).write_parquet(tmp_path / "holdout.parquet")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "shelf.json").write_text("[]")
    before = ledger.candidate_id(Project.open(tmp_path))
    with (tmp_path / change).open("a") as file:
        file.write("\n")
    assert (ledger.candidate_id(Project.open(tmp_path)) != before) is counts


@pytest.mark.parametrize(
    ("change", "counts"),
    [
        ("budget: {tokens: 100}", False),
        ("endpoint: {url: 'http://h/v1', model: m, timeout_s: 9, deadline_s: 99, attempts: 2}", False),
        ("endpoint: {url: 'http://h/v1', model: other}", True),
        ("sampling: {temperature: 1}", True),
    ],
)
def test_more_money_or_patience_makes_no_other_challenger(tmp_path: Path, change: str, counts: bool) -> None:
    """An evaluation that its budget, or a slow endpoint, cut short goes on as the same challenger."""
    (tmp_path / "ask.txt").write_text("{a}")
    usual = {"endpoint": "{url: 'http://h/v1', model: m}"}
    found = []
    for said in (usual, usual | dict([change.split(": ", 1)])):
        section = ", ".join(f"{name}: {value}" for name, value in said.items())
        policy = POLICY.replace(
            "train: train:train", f"task: generation\ngenerate: {{prompt: ask.txt, {section}}}"
        )
        (tmp_path / "weighbridge.yaml").write_text(policy.replace("accuracy", "rouge_l"))
        for name, table in (("train", rows(0, 50)), ("holdout", rows(50, 100))):
            table.write_parquet(tmp_path / f"{name}.parquet")
        found.append(ledger.candidate_id(Project.open(tmp_path)))
    assert (found[0] != found[1]) is counts


def test_a_holdout_that_gained_a_column_is_known_again(user: User) -> None:
    user.evaluate()
    user.edit("other")
    user.holdout(rows(0, 1000).with_columns(b=pl.col("a") * 2))
    found = user.evaluate()
    assert (found.candidate, found.overlap) == (2, 1.0)
    user.edit("yet another")
    user.holdout(rows(0, 1000).with_columns(b=pl.col("a") * 2, c=pl.lit(1)).reverse())
    assert user.evaluate().candidate == 3


def test_asking_what_would_come_enters_nothing(user: User) -> None:
    assert ledger.coming(user.project()).candidate == 1
    user.evaluate()
    user.edit("other")
    assert [ledger.coming(user.project()).candidate for _ in range(2)] == [2, 2]
    assert len(ledger.entries(user.project().registry)) == 1


def test_a_challenger_that_gave_no_answer_spends_nothing(user: User) -> None:
    """As one whose endpoint is misspelt: nothing is learnt of the holdout."""
    found = ledger.allowance_for(user.begin(), answered=False)
    assert (found.candidate, found.problem) == (1, None)
    assert ledger.entries(user.project().registry) == []
    user.edit("other")
    assert user.evaluate().candidate == 1


def test_a_deleted_run_still_counts(user: User) -> None:
    release = user.begin()
    ledger.allowance_for(release)
    user.client().delete_run(release.journal.result(Step.TRAIN)["run_id"])
    user.edit("other")
    assert user.evaluate().candidate == 2


def test_one_run_can_carry_several_holdouts(user: User) -> None:
    release = user.begin()
    ledger.allowance_for(release)
    user.holdout(rows(4000, 5000))
    ledger.allowance_for(Release(user.project(), release.journal))
    assert [entry.weighing.rows for entry in ledger.entries(user.project().registry)] == [1000, 1000]
    user.edit("other")
    for place in ((0, 1000), (4000, 5000)):
        user.holdout(rows(*place))
        assert user.evaluate().candidate == 2


def test_other_runs_and_tags_are_left_aside(user: User) -> None:
    client = user.client()
    run = client.create_run(client.get_experiment_by_name("small").experiment_id)
    client.set_tag(run.info.run_id, "weighbridge.weighings", "mine")
    client.set_tag(run.info.run_id, "weighing.x", "mine")
    assert user.project().registry.tags_of_runs(ledger.TAG) == []
    assert user.evaluate().candidate == 1


def test_every_page_of_runs_is_read(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for text in "123":
        user.edit(text)
        user.evaluate()
    registry = user.project().registry
    search = registry._client.search_runs
    monkeypatch.setattr(
        registry._client, "search_runs", lambda *a, **k: search(*a, **{**k, "max_results": 1})
    )
    assert len(registry.tags_of_runs(ledger.TAG)) == 3


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        '{"at": "", "sketch": "A", "looks": []}',
        '{"at": 1, "sketch": "", "looks": [], "more": 1}',
    ],
)
def test_an_entry_that_cannot_be_read_stops_the_release(user: User, text: str) -> None:
    release = user.begin()
    user.client().set_tag(release.journal.result(Step.TRAIN)["run_id"], f"{TAG}.x", text)
    with pytest.raises(EnvironmentProblem, match="carries a weighing that can't be read"):
        user.evaluate()


def test_an_entry_fits_a_tag() -> None:
    sketch = RowSketch(tuple(range(2**64 - SIZE, 2**64)))
    weighing = Weighing("ab" * 32, 10**9, sketch, 0.005, tuple(range(10**8, 10**8 + 50)), 10**9)
    entry = ledger.Entry("run", "2026-11-22T02:03:04.000005+00:00", weighing)
    assert len(entry.to_text()) <= 5000
    assert ledger.Entry.from_text("run", entry.to_text()) == entry
    named = replace(entry, weighing=replace(weighing, columns=tuple(f"column_{i}" for i in range(80))))
    assert len(named.to_text()) <= 5000
    assert ledger.Entry.from_text("run", named.to_text()) == named
    wide = replace(entry, weighing=replace(weighing, columns=tuple(f"column_{i}" for i in range(800))))
    assert ledger.Entry.from_text("run", wide.to_text()) == entry
