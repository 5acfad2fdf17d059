"""What measures texts is read from the project's folder, wherever the command was typed."""

from pathlib import Path

import polars as pl
import pytest

from evaluation import predict
from evaluation.errors import UserError
from evaluation.types import Outputs
from mlops.generation.chain import Chain
from mlops.packaging.load import InputField
from mlops.packaging.load_generator import GeneratorModel
from mlops.project import Project
from mlops.release import asking
from mlops.release.asking import ask_holdout

POLICY = """
model: shop
task: generation
data: {train: cases.csv, evaluate: cases.csv, target: wanted}
generate: {chain: "mine:build"}
texts: {json_schema: forms/answer.json, toxic_words: words.txt, attributes: colours.toml, facts: facts}
gate:
  checks:
    - {metric: valid_by_schema, at_least: 0}
    - {metric: toxicity, at_most: 1}
    - {metric: invented_claims, at_most: 1}
"""
CODE = 'def build():\n    return lambda case: \'{"title": "a dreadful mug"}\'\n'


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    folder = tmp_path / "project"
    (folder / "forms").mkdir(parents=True)
    (folder / "weighbridge.yaml").write_text(POLICY)
    (folder / "mine.py").write_text(CODE)
    (folder / "forms" / "answer.json").write_text('{"type": "object", "required": ["title"]}')
    (folder / "words.txt").write_text("dreadful\n")
    (folder / "colours.toml").write_text('[colour]\nwords = [["red"]]\n')
    cases = pl.DataFrame({"facts": ["red", "blue"], "wanted": ["a red mug", "a blue mug"]})
    cases.write_csv(folder / "cases.csv")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    monkeypatch.delenv("WEIGHBRIDGE_HOME", raising=False)
    return Project.open(folder)


def asked(project: Project, kind: type[GeneratorModel] = GeneratorModel) -> Outputs:
    made = project.policy.generate
    assert made is not None
    assert made.chain is not None
    chain = Chain.build(made.chain, project.folder, inputs=["facts"], budget=made.budget)
    return ask_holdout(project, kind(chain, (InputField("facts", "string", required=True),), {}))


def test_files_are_read_beside_the_policy(project: Project) -> None:
    said = asked(project)
    assert said.row_scores["valid_by_schema"].tolist() == [1.0, 1.0]
    assert (said.row_scores["toxicity"] > 0).all()
    assert project.policy.texts.json_schema == "forms/answer.json"


def test_one_that_is_not_there_is_named_with_its_place(project: Project) -> None:
    (project.folder / "forms" / "answer.json").unlink()
    with pytest.raises(UserError, match=r"project/forms/answer\.json"):
        asked(project)


def test_the_repeats_of_a_case_are_asked_at_once(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the second of two that were asked apart would be answered by what is kept of the first."""

    class Watched(GeneratorModel):
        def predict(self, features: pl.DataFrame) -> Outputs:
            chunks.append(features["facts"].to_list())
            return super().predict(features)

    chunks: list[list[str]] = []
    for module in (predict, asking):
        monkeypatch.setattr(module, "CHUNK_ROWS", 10)
    cases = pl.DataFrame({"facts": [f"red {number}" for number in range(7)], "wanted": ["a mug"] * 7})
    cases.write_csv(project.folder / "cases.csv")
    policy = (project.folder / "weighbridge.yaml").read_text().replace("gate:", "gate:\n  repeats: 3")
    (project.folder / "weighbridge.yaml").write_text(policy)
    said = asked(Project.open(project.folder), Watched)
    assert len(said.labels) == 21
    assert len(chunks) > 1
    for chunk in chunks:
        assert {chunk.count(facts) for facts in chunk} == {3}
