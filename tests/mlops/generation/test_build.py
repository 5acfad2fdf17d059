"""A generator with retrieval: made of a project's files, shown what it should see, and the same after it was kept."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pytest

from evaluation.errors import UserError
from evaluation.llm.values import Ask, Reply
from mlops.generation.build import _examples, build
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


def made(
    project: Path, examples: int = 0, target: tuple = ("Ahab", "Ishmael"), **retrieval: object
) -> Generator:
    given = {"documents": "documents.parquet", "weights": {"meaning": 0}} | retrieval
    return build(
        CASES,
        pd.Series(target),
        seed=0,
        project_dir=project,
        prompt="ask.txt",
        examples=examples,
        retrieval=given,
    )


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


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[Ask]:
    """What the language model was asked."""
    seen: list[Ask] = []

    def ask_now(self: object, asks: list[Ask]) -> list[Reply]:
        seen.extend(asks)
        return [Reply("x", None, None, 1.0, "stop", None) for _ in asks]

    monkeypatch.setattr("evaluation.llm.client.Endpoint.ask_now", ask_now)
    return seen


def test_examples_are_earlier_turns_with_passages_of_their_own(
    project: Path, tmp_path: Path, asked: list[Ask]
) -> None:
    generator = made(project, examples=1, target=(["Captain Ahab", "Ahab"], None), in_prompt=1)
    generator.save(tmp_path / "kept")
    case = {"question": "Who tells the story?"}
    for each in (generator, Generator.load(tmp_path / "kept")):
        each.answer([case])
    assert asked[0] == asked[1]
    assert [(message.role, message.text) for message in asked[0].messages] == [
        ("user", f"{TEXTS['whale']}\n\nWho lost a leg?"),
        ("assistant", "Captain Ahab"),
        ("user", f"{TEXTS['story']}\n\nWho tells the story?"),
    ]


def test_an_example_is_asked_without_its_own_answer(project: Path, asked: list[Ask]) -> None:
    made(project, examples=2).answer(CASES.to_dict(orient="records"))
    assert [[message.text for message in ask.messages if message.role == "assistant"] for ask in asked] == [
        ["Ishmael"],
        ["Ahab"],
    ]


def test_examples_are_drawn_by_the_seed() -> None:
    cases = pd.DataFrame({"title": [f"title {row}" for row in range(50)]})
    drawn = [_examples(cases, cases["title"], 5, seed) for seed in (1, 1, 2)]
    assert drawn[0] == drawn[1] != drawn[2]
    assert all(case["title"] == answer for case, answer in drawn[0])


def test_more_examples_than_references_are_refused(project: Path) -> None:
    with pytest.raises(UserError, match=r"asks for 2 rows, and data\.train has 1 with a reference"):
        made(project, examples=2, target=("Ahab", None))


def test_documents_that_stayed_the_same_are_embedded_once(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WEIGHBRIDGE_HOME", raising=False)
    first = made(project, weights={"meaning": 1})
    [kept] = (project / ".weighbridge" / "vectors").iterdir()
    monkeypatch.setattr("mlops.generation.retrieval.vectors.embedder", None)
    again = made(project, weights={"words": 0})
    assert kept.name.endswith(".npy")
    assert (again.retriever.vectors == first.retriever.vectors).all()


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


def asking(folder: Path, stub: Any, **section: Any) -> Generator:
    """What asks a local endpoint one question after the other."""
    (folder / "ask.txt").write_text("{question}")
    endpoint = {"url": stub.url, "model": "m", "concurrency": 1}
    return build(
        CASES,
        pd.Series(["", ""]),
        seed=0,
        project_dir=folder,
        prompt="ask.txt",
        endpoint=endpoint,
        **section,
    )


def test_all_questions_of_an_evaluation_draw_on_one_budget(
    tmp_path: Path, make_stub: Callable[..., Any]
) -> None:
    stub = make_stub(lambda *_: "a mug")
    generator = asking(tmp_path, stub, budget={"tokens": 30})
    cases = CASES.to_dict(orient="records")
    said = [generator.answer(cases, budgeted=True).labels.tolist() for _ in range(2)]
    assert said == [["a mug", "a mug"], [None, None]]
    assert generator.answer(cases).labels.tolist() == ["a mug", "a mug"]


def test_all_questions_of_an_evaluation_know_that_the_endpoint_is_dead(
    tmp_path: Path, make_stub: Callable[..., Any]
) -> None:
    stub = make_stub(lambda *_: ("text/plain", b"no", 401))
    generator = asking(tmp_path, stub)
    cases = CASES.to_dict(orient="records")
    problems = [
        problem
        for _ in range(3)
        for problem in generator.answer(cases, budgeted=True).facts["problem"].to_list()
    ]
    assert problems == ["refused_key: HTTP 401", *["refused_key: not asked: HTTP 401"] * 5]
    assert stub.asked == 1
    # A server asks anew for every request.
    stub.says = lambda *_: "a mug"
    assert generator.answer(cases).labels.tolist() == ["a mug", "a mug"]
