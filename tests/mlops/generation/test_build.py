"""A generator with retrieval: made of a project's files, shown what it should see, and the same after it was kept."""

from pathlib import Path

import pandas as pd
import polars as pl
import pytest

from evaluation.errors import UserError
from evaluation.llm.values import Reply
from mlops.generation.build import build
from mlops.generation.generator import Generator

CASES = pd.DataFrame({"question": ["Who lost a leg?", "Who tells the story?"]})
TEXTS = {
    "whale": "Captain Ahab lost a leg to the whale.",
    "story": "Ishmael tells the story of the leg.",
    "sea": "The sea is deep.",
}
PROMPT = "{context}\n\n{question}"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "ask.txt").write_text(PROMPT, encoding="utf-8")
    pl.DataFrame({"id": list(TEXTS), "text": list(TEXTS.values())}).write_parquet(
        tmp_path / "documents.parquet"
    )
    return tmp_path


def made(project: Path, **retrieval: object) -> Generator:
    given = {"documents": "documents.parquet", "weights": {"meaning": 0}} | retrieval
    target = pd.Series(["Ahab", "Ishmael"])
    return build(CASES, target, seed=0, project_dir=project, prompt="ask.txt", retrieval=given)


@pytest.fixture
def echo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the language model answer with its prompt."""

    def ask_now(self: object, asks: list) -> list[Reply]:
        return [Reply(each.messages[-1].text, None, None, 1.0, "stop", None) for each in asks]

    monkeypatch.setattr("evaluation.llm.client.Endpoint.ask_now", ask_now)


@pytest.mark.usefixtures("echo")
def test_passages_fill_the_prompt_and_their_documents_are_told(project: Path) -> None:
    said = made(project).answer(CASES.to_dict(orient="records"))
    assert said.labels[0] == f"{TEXTS['whale']}\n\n{TEXTS['story']}\n\nWho lost a leg?"
    assert said.facts["sources"].to_list() == [["whale", "story"], ["story", "sea", "whale"]]
    assert said.facts["contexts"].to_list()[0] == [TEXTS["whale"], TEXTS["story"]]


@pytest.mark.usefixtures("echo")
def test_the_prompt_may_get_fewer_than_are_found(project: Path) -> None:
    said = made(project, in_prompt=1).answer(CASES.to_dict(orient="records"))
    assert said.labels[0] == f"{TEXTS['whale']}\n\nWho lost a leg?"
    assert said.facts["contexts"].to_list() == [[TEXTS["whale"]], [TEXTS["story"]]]
    assert said.facts["sources"].to_list()[0] == ["whale", "story"]


@pytest.mark.usefixtures("echo")
def test_what_is_kept_answers_the_same(project: Path, tmp_path: Path) -> None:
    generator = made(project, in_prompt=1)
    generator.save(tmp_path / "kept")
    cases = CASES.to_dict(orient="records")
    kept, first = Generator.load(tmp_path / "kept").answer(cases), generator.answer(cases)
    assert kept.labels.tolist() == first.labels.tolist()
    assert kept.facts.equals(first.facts)


def test_a_case_needs_the_question_and_no_context(project: Path) -> None:
    assert made(project).inputs == ("question",)


@pytest.mark.parametrize(
    ("prompt", "retrieval", "said"),
    [
        ("{question}", {}, r"the prompt 'ask' has no \{context\}"),
        ("{context} {query}", {}, r"names \{query\}, which is no column"),
        (PROMPT, {"query": "asked"}, "looks up the column 'asked'"),
        (PROMPT, {"documents": "absent"}, "no documents at"),
    ],
)
def test_what_does_not_fit_together_is_said(project: Path, prompt: str, retrieval: dict, said: str) -> None:
    (project / "ask.txt").write_text(prompt, encoding="utf-8")
    with pytest.raises(UserError, match=said):
        made(project, **retrieval)
