"""A function of the project's that answers: called for each case, bounded, and the same after it was kept as files."""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.llm.config import BudgetConfig
from mlops.generation.build import build
from mlops.generation.chain import Chain
from mlops.generation.config import GenerateConfig

CASES = [{"title": "RED MUG", "facts": "red"}, {"title": "BLUE BOWL", "facts": "blue"}]
FEATURES = pd.DataFrame(CASES)

PLAIN = """
def build(style="plain"):
    return lambda case: f"{style} {case['title'].lower()}"
"""
TELLS = """
def build():
    return lambda case: {
        "text": case["title"].lower(),
        "prompt": "Describe " + case["title"],
        "contexts": ["a passage"],
        "sources": [7],
        "usage": {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7},
        "finish_reason": "stop",
    }
"""
READS = """
from pathlib import Path

from words.style import STYLE


def build(project_dir: Path):
    text = (project_dir / "texts" / "end.md").read_text()
    return lambda case: f"{STYLE} {case['title'].lower()}{text}"
"""
MODEL = """
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI


def build(url):
    prompt = ChatPromptTemplate.from_messages([("system", "Be brief."), ("human", "Describe {title}")])
    return prompt | ChatOpenAI(base_url=url, model="stub", api_key="none", streaming=True, stream_usage=True)
"""
LOOKS_UP = """
from langchain_core.documents import Document
from langchain_core.retrievers import BaseRetriever
from langchain_core.runnables import RunnableLambda


class Shelf(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return [Document(f"{query} is a mug", metadata={"source": "a"}), Document("Unlike", id="b")]


def build():
    shelf = RunnableLambda(lambda case: case["title"]) | Shelf()
    return shelf | (lambda found: found[0].page_content)
"""


PASSES_ON = """

class Front(BaseRetriever):
    def _get_relevant_documents(self, query, *, run_manager):
        return Shelf().invoke(query, {"callbacks": run_manager.get_child()})[:1]


def build():
    shelf = RunnableLambda(lambda case: case["title"]) | Front()
    return shelf | (lambda found: found[0].page_content)
"""
HALF_TOLD = """
from langchain_core.language_models import GenericFakeChatModel
from langchain_core.messages import AIMessage
from langchain_core.runnables import RunnableLambda

TOKENS = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}


def build(told):
    said = [AIMessage(text, usage_metadata=TOKENS if text in told else None) for text in ("one", "two")]
    model = GenericFakeChatModel(messages=iter(said))
    return RunnableLambda(lambda case: case["title"]) | model | (lambda message: message.text) | model
"""


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Chain]:
    """Builds the chain of a project's code, as training does."""

    def made(code: str, **section: Any) -> Chain:
        (tmp_path / "mine.py").write_text(code)
        config = GenerateConfig.model_validate({"chain": {"entrypoint": "mine:build", **section}})
        chain = build(FEATURES, pd.Series(["a", "b"]), seed=0, project_dir=tmp_path, **config.params)
        assert isinstance(chain, Chain)
        return chain

    return made


def problems(chain: Chain, cases: list[dict[str, Any]] = CASES) -> list[str | None]:
    said = chain.answer(cases)
    found: list[str | None] = said.facts["problem"].to_list()
    assert [text is None for text in said.labels] == [problem is not None for problem in found]
    return found


def test_a_callable_answers_each_case_and_is_timed(make: Callable[..., Chain]) -> None:
    chain = make(PLAIN, params={"style": "fine"})
    said = chain.answer(CASES)
    assert said.labels.tolist() == ["fine red mug", "fine blue bowl"]
    assert said.facts["problem"].to_list() == [None, None]
    assert said.facts["prompt_tokens"].to_list() == [None, None]
    assert (said.latency_ms > 0).all()
    assert chain.inputs == ("title", "facts")


def test_what_it_tells_is_kept_and_priced(make: Callable[..., Chain]) -> None:
    chain = make(TELLS, price={"input": 1e6, "output": 2e6})
    [facts] = chain.answer(CASES[:1]).facts.to_dicts()
    assert (facts["prompt"], facts["contexts"], facts["sources"]) == (
        "Describe RED MUG",
        ["a passage"],
        ["7"],
    )
    assert (facts["prompt_tokens"], facts["completion_tokens"], facts["cost"]) == (5, 2, 9.0)
    assert facts["finish_reason"] == "stop"


def test_of_a_langchain_model_prompt_tokens_and_end_are_seen(
    make: Callable[..., Chain], make_stub: Any
) -> None:
    stub = make_stub(lambda prompt, _: f"Fine: {prompt}")
    [facts] = (said := make(MODEL, params={"url": stub.url}).answer(CASES[:1])).facts.to_dicts()
    assert said.labels.tolist() == ["Fine: Describe RED MUG"]
    assert facts["prompt"] == "Describe RED MUG"
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == (16, 22)
    assert facts["finish_reason"] == "stop"


def test_a_model_that_a_plain_callable_asks_is_seen_as_well(
    make: Callable[..., Chain], make_stub: Any
) -> None:
    stub = make_stub(lambda prompt, _: "Fine.")
    code = MODEL.replace("def build(url):", "def chain(url):") + (
        "\n\ndef build(url):\n    made = chain(url)\n"
        "    return lambda case: made.invoke(case).text + made.invoke(case).text\n"
    )
    [facts] = (said := make(code, params={"url": stub.url}).answer(CASES[:1])).facts.to_dicts()
    assert said.labels.tolist() == ["Fine.Fine."]
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == (32, 10)


def test_what_a_langchain_retriever_found_is_seen(make: Callable[..., Chain]) -> None:
    said = make(LOOKS_UP).answer(CASES)
    assert said.labels.tolist() == ["RED MUG is a mug", "BLUE BOWL is a mug"]
    assert said.facts["contexts"].to_list()[0] == ["RED MUG is a mug", "Unlike"]
    assert said.facts["sources"].to_list() == [["a", "b"]] * 2


def test_what_a_retriever_asks_another_for_is_told_once(make: Callable[..., Chain]) -> None:
    said = make(LOOKS_UP + PASSES_ON).answer(CASES[:1])
    assert said.facts["sources"].to_list() == [["a"]]


@pytest.mark.parametrize(("told", "tokens"), [(["one", "two"], (10, 4)), (["one"], (None, None))])
def test_tokens_of_which_some_are_not_told_are_not_guessed(
    make: Callable[..., Chain], told: list[str], tokens: tuple[int | None, int | None]
) -> None:
    [facts] = (said := make(HALF_TOLD, params={"told": told}).answer(CASES[:1])).facts.to_dicts()
    assert said.labels.tolist() == ["two"]
    assert (facts["prompt_tokens"], facts["completion_tokens"]) == tokens


@pytest.mark.parametrize(
    ("answers", "problem"),
    [
        ("lambda case: {}['sk-secret']", "raised: KeyError at mine.py:2"),
        ("lambda case: exit(3)", "raised: SystemExit at mine.py:2"),
        ("lambda case: None", "bad_answer: the chain gave NoneType, and no text"),
        ("lambda case: ''", "empty: an empty answer"),
        ("lambda case: {'texts': 'a'}", "bad_answer: the chain's text: Field required"),
        ("lambda case: {'text': 'a', 'cost': float('nan')}", "bad_answer: the chain's cost: "),
        ("lambda case: {'text': 'a', 'sources': 3}", "bad_answer: the chain's sources: "),
        ("lambda case: 'half \\ud800'", "bad_answer: the answer holds half a character"),
        ("lambda case: 'a' * 1_000_001", "bad_answer: an answer of 1,000,001 characters"),
    ],
)
def test_a_case_without_an_answer_says_why_and_the_others_go_on(
    make: Callable[..., Chain], answers: str, problem: str
) -> None:
    chain = make(
        f"def build():\n    bad = {answers}\n    return lambda case: bad(case) if 'RED' in case['title'] else 'ok'\n"
    )
    first, second = problems(chain)
    assert first is not None
    assert first.startswith(problem)
    assert "secret" not in first
    assert second is None


def test_half_a_character_in_what_it_tells_beside_the_text_ends_nothing(make: Callable[..., Chain]) -> None:
    chain = make("def build():\n    return lambda case: {'text': 'a', 'contexts': ['b\\ud800']}\n")
    assert chain.answer(CASES[:1]).facts["contexts"].to_list() == [["b?"]]


def test_a_case_may_be_changed_by_who_answers_it(make: Callable[..., Chain]) -> None:
    chain = make("def build():\n    return lambda case: case.pop('title')\n")
    assert chain.answer(CASES * 2).labels.tolist() == [case["title"] for case in CASES * 2]


def test_what_does_not_come_back_is_waited_for_so_long_and_so_often(make: Callable[..., Chain]) -> None:
    chain = make(
        "import threading\n\n\ndef build():\n    never = threading.Event()\n    BACK.append(never)\n"
        "    return lambda case: 'a' if never.wait() else 'b'\n\n\nBACK = []\n",
        timeout_s=0.01,
    )
    found = problems(chain, CASES[:1] * 30)
    assert found[0] == "timeout: no answer within 0.01 s"
    assert found[-1] == "timeout: earlier calls have not come back"
    assert found.count(found[0]) <= 16 + chain.config.concurrency
    [never] = chain.made.args[0].func.__globals__["BACK"]
    never.set()
    for thread in threading.enumerate():
        if thread.name == "chain-call":
            thread.join()
    assert "timeout: earlier calls have not come back" not in problems(chain)


def test_a_budget_stops_it_and_says_so(make: Callable[..., Chain], tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(TELLS)
    config = GenerateConfig.model_validate(
        {"chain": {"entrypoint": "mine:build", "concurrency": 1}, "budget": {"tokens": 10}}
    )
    chain = build(FEATURES, pd.Series(["a", "b"]), seed=0, project_dir=tmp_path, **config.params)
    found = chain.answer(CASES * 2, budgeted=True).facts["problem"].to_list()
    assert found[:2] == [None, None]
    assert set(found[2:]) == {"budget: the budget of 10 tokens is spent"}
    assert chain.answer(CASES * 2).facts["problem"].null_count() == 4


def test_a_budget_in_money_needs_a_price(tmp_path: Path) -> None:
    config = GenerateConfig.model_validate({"chain": "mine:build"}).chain
    assert config is not None
    with pytest.raises(UserError, match="no price for the chain"):
        Chain.build(config, tmp_path, inputs=(), budget=BudgetConfig(money=1))


@pytest.mark.parametrize(
    ("code", "section", "said"),
    [
        ("def make(): ...", {}, "generate.chain: 'mine:build' names no function"),
        ("import absent", {}, "generate.chain: no module named 'absent', which mine imports"),
        ("1 / 0", {}, "generate.chain raised ZeroDivisionError at mine.py:1"),
        ("def build(): 1 / 0", {}, "generate.chain raised ZeroDivisionError at mine.py:1"),
        ("def build(case): ...", {}, "the function cannot be called: missing a required argument: 'case'"),
        ("def build(): ...", {}, "generate.chain: the function gave NoneType"),
        (
            "def build():\n    async def answer(case): ...\n    return answer",
            {},
            "the function gave function",
        ),
        (PLAIN, {"entrypoint": "json:loads"}, "json:loads does not lie in the project's folder"),
    ],
)
def test_what_makes_no_chain_is_said(
    make: Callable[..., Chain], code: str, section: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        make(code, **section)


@pytest.mark.parametrize(
    ("section", "said"),
    [
        ({}, "either prompt or chain"),
        ({"prompt": "a.txt", "chain": "mine:build"}, "either prompt or chain"),
        ({"chain": "mine:build", "endpoint": {"url": "http://a/v1", "model": "m"}}, "endpoint belongs to a"),
        ({"chain": "mine"}, "should match pattern"),
        ({"chain": {"entrypoint": "mine:build", "files": ["../secret"]}}, "does not lie in the folder"),
        ({"chain": {"entrypoint": "mine:build", "files": ["/etc/passwd"]}}, "does not lie in the folder"),
        ({"chain": {"entrypoint": "mine:build", "prompts": ["../a.txt"]}}, "does not lie in the folder"),
        ({"chain": {"entrypoint": "mine:build", "prompts": ["a.md"]}}, "should match pattern"),
        ({"chain": {"entrypoint": "mine:build", "prompts": ["a/x.txt", "b/x.txt"]}}, "two prompts of one"),
    ],
)
def test_a_section_says_one_way(section: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        GenerateConfig.model_validate(section)


def keep(chain: Chain, place: Path) -> Path:
    """The folders as MLflow lays them out."""
    chain.save(place / "data" / "generator")
    for path in chain.files():
        copy = place / "code" / path
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((chain.folder / path).read_bytes())
    return place / "data" / "generator"


def test_its_modules_and_files_are_all_it_needs_elsewhere(make: Callable[..., Chain], tmp_path: Path) -> None:
    for name, text in {
        "words/style.py": "STYLE = 'fine'\n",
        "texts/end.md": "!",
        "texts/.gitignore": "",
    }.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    (tmp_path / "unused.py").write_text("1 / 0\n")
    chain = make(READS, files=["texts"])
    place = keep(chain, tmp_path / "kept")
    code = tmp_path / "kept" / "code"
    kept = {path.relative_to(code).as_posix() for path in code.rglob("*") if path.is_file()}
    assert kept == {"mine.py", "words/style.py", "texts/end.md", "texts/.gitignore"}
    (tmp_path / "mine.py").unlink()
    loaded = Chain.load(place)
    assert loaded.answer(CASES).labels.tolist() == ["fine red mug!", "fine blue bowl!"]
    assert not list((tmp_path / "kept").rglob("__pycache__"))


TEMPLATE = """
def build(project_dir):
    template = (project_dir / "prompts" / "answer.txt").read_text()
    return lambda case: template.format(style="fine", **case).strip()
"""


def prompts(folder: Path, **texts: str) -> list[str]:
    (folder / "prompts").mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / "prompts" / f"{name}.txt").write_text(text)
    return [f"prompts/{name}.txt" for name in texts]


def test_its_prompts_are_read_and_go_with_it(make: Callable[..., Chain], tmp_path: Path) -> None:
    named = prompts(tmp_path, answer="{style} {title}\n", system="Be brief.\n")
    chain = make(TEMPLATE, prompts=named, fills=["style"])
    assert [(each.name, each.template, each.variables) for each in chain.prompts] == [
        ("answer", "{style} {title}", ("style", "title")),
        ("system", "Be brief.", ()),
    ]
    place = keep(chain, tmp_path / "kept")
    prompts(tmp_path, answer="Another {title}")
    loaded = Chain.load(place)
    assert loaded.answer(CASES[:1]).labels.tolist() == ["fine RED MUG"]
    assert loaded.prompts == chain.prompts


@pytest.mark.parametrize(
    ("text", "fills", "told"),
    [
        ("Of {titel}", [], "did you mean {title}?"),
        ("Of {context}", [], "correct {context}, or name it under generate.chain.fills"),
        ("Of {context}", ["contexts"], "did you mean {contexts}?"),
        ("Of {title!r}", [], "the prompt 'answer' cannot be read: {title!r}"),
        (" ", [], "answer.txt has 1 characters"),
    ],
)
def test_a_prompt_of_a_chain_that_nobody_can_fill_is_said(
    make: Callable[..., Chain], tmp_path: Path, text: str, fills: list[str], told: str
) -> None:
    with pytest.raises(UserError) as raised:
        make(TEMPLATE, prompts=prompts(tmp_path, answer=text), fills=fills)
    assert told in {raised.value.found, raised.value.next_step}


def test_a_prompt_of_a_chain_that_is_not_there_is_said(make: Callable[..., Chain]) -> None:
    with pytest.raises(UserError, match="no prompt at") as raised:
        make(TEMPLATE, prompts=["prompts/answer.txt"])
    assert raised.value.next_step == "correct generate.chain.prompts in weighbridge.yaml"


def test_two_with_modules_of_one_name_do_not_mix(make: Callable[..., Chain], tmp_path: Path) -> None:
    first = Chain.load(keep(make(PLAIN, params={"style": "old"}), tmp_path / "first"))
    second = Chain.load(keep(make(TELLS), tmp_path / "second"))
    assert [each.answer(CASES[:1]).labels[0] for each in (first, second)] == ["old red mug", "red mug"]


def test_what_it_needs_and_nobody_named_is_told_when_it_is_loaded(
    make: Callable[..., Chain], tmp_path: Path
) -> None:
    for name, text in {"words/style.py": "STYLE = 'fine'\n", "texts/end.md": "!"}.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    place = keep(make(READS), tmp_path / "kept")
    with pytest.raises(EnvironmentProblem, match=r"does not load: .* FileNotFoundError at mine.py:8"):
        Chain.load(place)


def test_a_file_that_is_not_there_is_said(make: Callable[..., Chain]) -> None:
    with pytest.raises(UserError, match=r"generate.chain.files names 'absent'"):
        list(make(PLAIN, files=["absent"]).files())


def test_a_folder_without_one_is_said(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no chain: FileNotFoundError"):
        Chain.load(tmp_path)
