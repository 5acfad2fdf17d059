"""Replies of language models that a chain asks: paid for once, whatever happened in between, and told as they were."""

import json
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import polars as pl
import pytest
from langchain_core.caches import InMemoryCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, Generation

from evaluation.llm.cache import opened
from evaluation.llm.values import Reply, Usage
from mlops.generation import kept as module
from mlops.generation.build import build
from mlops.generation.chain import Chain
from mlops.generation.config import GenerateConfig
from mlops.generation.kept import CaseCalls
from mlops.generation.purse import spent
from mlops.generation.told import Told, read_told
from mlops.packaging.load import InputField
from mlops.packaging.load_generator import GeneratorModel

CASES = [{"title": "RED MUG"}, {"title": "BLUE BOWL"}]
MODEL = """
from langchain_core.prompts import ChatPromptTemplate
from langchain_openai import ChatOpenAI


def model(url, **settings):
    return ChatOpenAI(base_url=url, model="stub", api_key=lambda: "none", max_retries=0, **settings)
"""
ONE = (
    MODEL
    + """

def build(url, **settings):
    return ChatPromptTemplate.from_template("Describe {title}") | model(url, **settings)
"""
)
TWO = (
    MODEL
    + """

def build(url):
    ask = model(url)

    def answer(case):
        first = ask.invoke("Describe " + case["title"]).text
        return ask.invoke("Shorten " + first)

    return answer
"""
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "home" / "replies.db"


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Chain]:
    """Builds the chain of a project's code, as training does."""

    def made(code: str, budget: dict[str, Any] | None = None, **section: Any) -> Chain:
        (tmp_path / "mine.py").write_text(code)
        config = GenerateConfig.model_validate(
            {"chain": {"entrypoint": "mine:build", **section}, "budget": budget or {}}
        )
        frame = pd.DataFrame(CASES)
        chain = build(frame, pd.Series(["a", "b"]), seed=0, project_dir=tmp_path, **config.params)
        assert isinstance(chain, Chain)
        return chain

    return made


@pytest.fixture
def counting(make_stub: Any) -> Any:
    """An endpoint that never says the same twice."""
    numbers = iter(range(10_000))
    lock = threading.Lock()

    def say(prompt: str, _: dict[str, Any]) -> str:
        with lock:
            return f"{prompt} {next(numbers)}"

    return make_stub(say)


@pytest.mark.parametrize(
    "settings", [{}, {"streaming": True, "stream_usage": True}], ids=["whole", "streamed"]
)
def test_the_second_run_asks_nothing_and_tells_what_the_first_took(
    make: Callable[..., Chain], counting: Any, path: Path, settings: dict[str, Any]
) -> None:
    price = {"input": 1e6, "output": 1e6}
    first = make(ONE, params={"url": counting.url, **settings}, price=price).answer(CASES, cache=path)
    second = make(ONE, params={"url": counting.url, **settings}, price=price).answer(CASES, cache=path)
    assert counting.asked == 2
    assert second.labels.tolist() == first.labels.tolist()
    told = ["prompt", "prompt_tokens", "completion_tokens", "cost", "finish_reason"]
    assert second.facts.select(told).equals(first.facts.select(told))
    assert first.facts["cost"].null_count() == 0
    assert (first.facts["cached"].to_list(), second.facts["cached"].to_list()) == ([False] * 2, [True] * 2)
    assert path.stat().st_mode & 0o077 == 0


def test_an_answer_takes_what_its_calls_took_when_they_were_asked(
    make: Callable[..., Chain], counting: Any, path: Path
) -> None:
    chain = make(TWO, params={"url": counting.url})
    chain.answer(CASES[:1], cache=path)
    with sqlite3.connect(path) as table:
        for number, (key, text) in enumerate(table.execute("SELECT key, reply FROM replies").fetchall()):
            slow = json.loads(text) | {"began_ms": number * 9000.0, "ended_ms": number * 9000.0 + 6000.0}
            table.execute("UPDATE replies SET reply = ? WHERE key = ?", (json.dumps(slow), key))
    [took] = chain.answer(CASES[:1], cache=path).latency_ms
    # Two calls of six seconds, and what little it does itself.
    assert 12_000 <= took < 15_000


def test_calls_that_ran_at_once_count_once(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr(module.time, "perf_counter", lambda: now[0])
    said = [Generation(text="Fine.")]

    def at(second: float, do: Callable[..., Any], *arguments: Any) -> Any:
        now[0] = second
        return do(*arguments)

    with opened(path) as replies:
        first = CaseCalls(replies, asked_for="case", code="")
        for name, second in (("a", 1.0), ("b", 2.0), ("c", 20.0)):
            assert at(second, first.find, name, "m") is None
        for name, second in (("b", 5.0), ("a", 4.0), ("c", 21.0)):
            at(second, first.keep, name, "m", said)
        now[0] = 100.0
        second = CaseCalls(replies, asked_for="case", code="")
        assert [second.find(name, "m") for name in "abc"] == [said] * 3
        assert second.earlier_ms == 5000.0
        # Those of another run of the same answer were not at once with these.
        other = CaseCalls(replies, asked_for="case", code="")
        assert at(101.0, other.find, "d", "m") is None
        at(103.0, other.keep, "d", "m", said)
        assert second.find("d", "m") == said
        assert second.earlier_ms == 7000.0


def test_repeats_and_equal_cases_are_kept_apart(
    make: Callable[..., Chain], counting: Any, path: Path
) -> None:
    chain = make(ONE, params={"url": counting.url})
    cases = [CASES[0], CASES[0], CASES[1], CASES[0]]
    first = chain.answer(cases, cache=path).labels.tolist()
    assert (len(set(first)), counting.asked) == (4, 4)
    assert chain.answer(cases, cache=path).labels.tolist() == first
    # The same cases in another order are the same repeats of each.
    other = chain.answer([CASES[1], *[CASES[0]] * 3], cache=path).labels.tolist()
    assert (other, counting.asked) == ([first[2], first[0], first[1], first[3]], 4)


def test_equal_calls_of_one_answer_and_of_other_cases_are_kept_apart(
    make: Callable[..., Chain], counting: Any, path: Path
) -> None:
    code = MODEL + (
        "\n\ndef build(url):\n    ask = model(url)\n"
        "    return lambda case: ' '.join(ask.invoke('Say.').text for _ in range(3))\n"
    )
    chain = make(code, params={"url": counting.url})
    first = chain.answer(CASES, cache=path).labels.tolist()
    words = [word for text in first for word in text.split() if word.isdigit()]
    assert (len(set(words)), counting.asked) == (6, 6)
    assert chain.answer(CASES, cache=path).labels.tolist() == first
    assert counting.asked == 6


@pytest.mark.parametrize(
    "how",
    [
        "RunnableParallel(a=ask, b=ask) | (lambda said: said['a'].text + said['b'].text)",
        "lambda case: asyncio.run(ask.ainvoke(case)).text",
        "lambda case: ask.batch([case])[0].text",
        "prompt | model(url).bind(stop=['x'])",
        "prompt | model(url, streaming=True)",
    ],
    ids=["threads", "async", "batch", "bound", "streamed"],
)
def test_however_a_model_is_asked(make: Callable[..., Chain], make_stub: Any, path: Path, how: str) -> None:
    stub = make_stub(lambda prompt, _: f"Fine: {prompt}.")
    code = (
        "import asyncio\n\nfrom langchain_core.runnables import RunnableParallel\n"
        + MODEL
        + (
            "\n\ndef build(url):\n    prompt = ChatPromptTemplate.from_template('Describe {title}')\n"
            f"    ask = prompt | model(url)\n    return {how}\n"
        )
    )
    first = make(code, params={"url": stub.url}).answer(CASES, cache=path)
    assert first.facts["problem"].to_list() == [None, None]
    asked = stub.asked
    second = make(code, params={"url": stub.url}).answer(CASES, cache=path)
    assert second.labels.tolist() == first.labels.tolist()
    assert second.facts["cached"].to_list() == [True, True]
    assert stub.asked == asked


def test_structured_answers_come_back_as_they_were(
    make: Callable[..., Chain], make_stub: Any, path: Path
) -> None:
    stub = make_stub(lambda prompt, _: json.dumps({"words": prompt.lower()}))
    code = (
        "from pydantic import BaseModel\n"
        + MODEL
        + (
            "\n\nclass Said(BaseModel):\n    words: str\n\n\ndef build(url):\n"
            "    ask = model(url).with_structured_output(Said)\n"
            "    return lambda case: ask.invoke(case['title']).words\n"
        )
    )
    for _ in range(2):
        assert make(code, params={"url": stub.url}).answer(CASES, cache=path).labels.tolist() == [
            "red mug",
            "blue bowl",
        ]
    assert stub.asked == 2


def half_broken(make_stub: Any) -> tuple[Any, list[bool]]:
    """An endpoint whose second call of a case fails while the list says so."""
    broken = [True]

    def say(prompt: str, _: dict[str, Any]) -> Any:
        down = broken[0] and prompt.startswith("Shorten")
        return ("text/html", b"<p>down", 503) if down else "Fine."

    return make_stub(say), broken


def test_a_call_that_failed_is_asked_again_and_those_before_are_not(
    make: Callable[..., Chain], make_stub: Any, path: Path
) -> None:
    stub, broken = half_broken(make_stub)
    chain = make(TWO, params={"url": stub.url})
    [problem] = chain.answer(CASES[:1], cache=path).facts["problem"].to_list()
    assert problem.startswith("raised: OpenAIAPIError at mine.py:")
    broken[0] = False
    said = chain.answer(CASES[:1], cache=path)
    assert (said.labels.tolist(), said.facts["cached"].to_list(), stub.asked) == (["Fine."], [False], 3)


def test_a_retry_fills_the_place_of_the_call_that_failed(
    make: Callable[..., Chain], make_stub: Any, path: Path
) -> None:
    said = iter([("text/html", b"<p>down", 503), "Fine.", "Better."])
    stub = make_stub(lambda *_: next(said))
    code = MODEL + (
        "\n\ndef build(url):\n    ask = model(url).with_retry(stop_after_attempt=2, wait_exponential_jitter=False)\n"
        "    return lambda case: ask.invoke('Say.').text + ask.invoke('Say.').text\n"
    )
    for _ in range(2):
        assert make(code, params={"url": stub.url}).answer(CASES[:1], cache=path).labels.tolist() == [
            "Fine.Better."
        ]
    assert stub.asked == 3


@pytest.mark.parametrize(
    ("bad", "problem"), [(" ", "empty: "), ("no number", "raised: ValueError at mine.py:")]
)
def test_an_answer_that_failed_for_what_was_said_is_asked_for_again(
    make: Callable[..., Chain], make_stub: Any, path: Path, bad: str, problem: str
) -> None:
    said = iter([bad, "7"])
    stub = make_stub(lambda *_: next(said))
    code = MODEL + (
        "\n\ndef build(url):\n    ask = model(url)\n\n    def answer(case):\n"
        "        text = ask.invoke('Say.').text\n        return text if text == ' ' else str(int(text))\n\n"
        "    return answer\n"
    )
    chain = make(code, params={"url": stub.url})
    [why] = chain.answer(CASES[:1], cache=path).facts["problem"].to_list()
    assert why.startswith(problem)
    for _ in range(2):
        assert chain.answer(CASES[:1], cache=path).labels.tolist() == ["7"]
    assert stub.asked == 2


def test_what_was_paid_for_costs_nothing_again(
    make: Callable[..., Chain], make_stub: Any, path: Path
) -> None:
    stub = make_stub(lambda prompt, _: "Fine.")
    cases = [{"title": f"MUG {number}"} for number in range(6)]
    # "Describe MUG 0" and "Fine." are 14 and 5 tokens, "Shorten Fine." and "Fine." 13 and 5.
    for run in range(3):
        chain = make(TWO, budget={"tokens": 60}, params={"url": stub.url}, concurrency=1)
        found = chain.answer(cases, cache=path, budgeted=True).facts["problem"].to_list()
        there = 2 * (run + 1)
        assert found[:there] == [None] * there
        assert set(found[there:]) <= {"budget: the budget of 60 tokens is spent"}
        assert len(found[there:]) == 6 - there
        assert stub.asked == 2 * there


def test_half_an_answer_that_was_paid_for_costs_the_other_half(
    make: Callable[..., Chain], make_stub: Any, path: Path
) -> None:
    stub, broken = half_broken(make_stub)
    section = {"params": {"url": stub.url}, "price": {"input": 1e6, "output": 1e6}}
    make(TWO, **section).answer(CASES[:1], cache=path)
    broken[0] = False
    chain = make(TWO, budget={"tokens": 1000, "money": 1000}, **section)
    [facts] = chain.answer(CASES[:1], cache=path, budgeted=True).facts.to_dicts()
    # "Describe RED MUG" and "Fine." were there; "Shorten Fine." and "Fine." are paid now.
    assert (facts["prompt_tokens"], facts["completion_tokens"], facts["cost"]) == (29, 10, 39.0)
    budget = chain._purse._budget
    assert (budget.tokens, budget.money) == (18, 18.0)


def test_what_a_chain_tells_of_its_tokens_is_paid_less_what_was_kept(
    make: Callable[..., Chain], counting: Any, path: Path
) -> None:
    code = MODEL + (
        "\n\ndef build(url):\n    ask = model(url)\n    usage = {'prompt_tokens': 104, 'completion_tokens': 6}\n"
        "    return lambda case: {'text': ask.invoke('Say.').text, 'cost': 8.0, 'usage': usage}\n"
    )
    make(code, params={"url": counting.url}).answer(CASES[:1], cache=path)
    chain = make(code, budget={"tokens": 1000}, params={"url": counting.url})
    [facts] = chain.answer(CASES[:1], cache=path, budgeted=True).facts.to_dicts()
    assert (facts["prompt_tokens"], facts["cost"]) == (104, 8.0)
    # "Say." and "Say. 0" are 4 and 6.
    assert (chain._purse._budget.tokens, chain._purse._budget.money) == (100, pytest.approx(8.0 * 100 / 110))


@pytest.mark.parametrize(
    ("usage", "cached", "paid"),
    [
        (Usage(5, 2), True, None),
        (Usage(8, 2), False, Usage(3, 0)),
        # A chain may tell less than its models did.
        (Usage(1, 1), False, None),
        (None, True, None),
    ],
)
def test_an_answer_of_kept_replies_is_none_to_the_budget(
    usage: Usage | None, cached: bool, paid: Usage | None
) -> None:
    seen: Any = SimpleNamespace(saved=Usage(5, 2), cached=cached)
    left = spent(Reply("Fine.", usage, None, 1.0, "stop", None), seen)
    assert (None if left is None else left.usage) == paid


@pytest.mark.parametrize(
    "end", ["return int(text)", "raise SystemExit", "return ''", "return 7", "return {'texts': text}"]
)
def test_a_case_that_fails_costs_what_its_calls_took(
    make: Callable[..., Chain], make_stub: Any, path: Path, end: str
) -> None:
    stub = make_stub(lambda *_: "Fine.")
    code = MODEL + (
        "\n\ndef build(url):\n    ask = model(url)\n\n    def answer(case):\n"
        f"        text = ask.invoke('Say.').text\n        {end}\n\n    return answer\n"
    )
    price = {"input": 1e6, "output": 2e6}
    chain = make(code, budget={"tokens": 18}, params={"url": stub.url}, price=price, concurrency=1)
    facts = chain.answer(CASES * 2, cache=path, budgeted=True).facts
    # "Say." and "Fine." are 4 and 5 tokens; after two cases there are none left.
    assert (stub.asked, facts["problem"].str.starts_with("budget: ").to_list()) == (
        2,
        [False] * 2 + [True] * 2,
    )
    assert facts["prompt_tokens"].to_list() == [4, 4, None, None]
    assert facts["cost"].to_list() == [14.0, 14.0, None, None]


def test_only_an_evaluation_keeps_anything(make: Callable[..., Chain], counting: Any, path: Path) -> None:
    chain = make(ONE, params={"url": counting.url})
    model = GeneratorModel(chain, (InputField("title", "string", required=True),), {}, replies=path)
    for _ in range(2):
        model.predict_rows([("RED MUG",)])
    assert (counting.asked, path.exists()) == (2, False)
    for _ in range(2):
        model.predict(pl.DataFrame(CASES[:1]))
    assert counting.asked == 3
    model.predict_rows([("RED MUG",)])
    assert counting.asked == 4
    assert get_llm_cache() is None


def test_who_asks_beside_an_evaluation_is_not_answered_from_it(
    make: Callable[..., Chain], make_stub: Any, path: Path
) -> None:
    inside, go_on = threading.Event(), threading.Event()

    def say(prompt: str, _: dict[str, Any]) -> str:
        if "BLUE" in prompt:
            inside.set()
            assert go_on.wait(60)
        return "Fine."

    stub = make_stub(say)
    evaluated, served = (make(ONE, params={"url": stub.url}) for _ in range(2))
    evaluated.answer(CASES[:1], cache=path)
    going = threading.Thread(target=lambda: evaluated.answer([*CASES[:1], *CASES[1:]], cache=path))
    going.start()
    try:
        assert inside.wait(60)
        before = stub.asked
        assert get_llm_cache() is not None
        served.answer(CASES[:1])
        assert stub.asked == before + 1
        # Two evaluations at once: the first to end takes nothing from the other.
        evaluated.answer(CASES[:1], cache=path)
        assert (stub.asked, get_llm_cache() is not None) == (before + 1, True)
    finally:
        go_on.set()
        going.join()
    assert get_llm_cache() is None


def test_a_cache_that_somebody_gave_langchain_stays(
    make: Callable[..., Chain], counting: Any, path: Path
) -> None:
    theirs = InMemoryCache()
    set_llm_cache(theirs)
    try:
        chain = make(ONE, params={"url": counting.url})
        for _ in range(2):
            chain.answer(CASES[:1], cache=path)
        assert get_llm_cache() is theirs
        assert counting.asked == 1
    finally:
        set_llm_cache(None)
    with sqlite3.connect(path) as table:
        assert table.execute("SELECT count(*) FROM replies").fetchone() == (0,)


OWN = """
from langchain_core.language_models import SimpleChatModel
from langchain_core.runnables import RunnableLambda


class Mine(SimpleChatModel):
    loud: bool = False

    @property
    def _llm_type(self):
        return "mine"

    def _call(self, messages, stop=None, run_manager=None, **kwargs):
        text = messages[-1].text
        return text.upper() if self.loud else text.lower()


def build(loud=False):
    return RunnableLambda(lambda case: "Fine " + case["title"]) | Mine(loud=loud)
"""


def test_a_model_of_the_projects_own_is_another_one_by_other_code(
    make: Callable[..., Chain], path: Path
) -> None:
    said = [make(OWN).answer(CASES[:1], cache=path) for _ in range(2)]
    assert [each.labels[0] for each in said] == ["fine red mug"] * 2
    assert [each.facts["cached"][0] for each in said] == [False, True]
    # It does not tell its tokens, and what it said before has not cost none for that.
    assert [each.facts["prompt_tokens"][0] for each in said] == [None, None]
    assert make(OWN, params={"loud": True}).answer(CASES[:1], cache=path).labels[0] == "FINE RED MUG"
    changed = OWN.replace("text.lower()", "text.title()")
    assert make(changed).answer(CASES[:1], cache=path).labels[0] == "Fine Red Mug"


def test_of_langchains_own_models_other_code_around_them_asks_nothing_again(
    make: Callable[..., Chain], counting: Any, path: Path
) -> None:
    make(ONE, params={"url": counting.url}).answer(CASES, cache=path)
    make(ONE + "\n\nMORE = 1\n", params={"url": counting.url}).answer(CASES, cache=path)
    assert counting.asked == 2
    make(ONE, params={"url": counting.url, "temperature": 0.5}).answer(CASES, cache=path)
    assert counting.asked == 4


TOKENS = {"input_tokens": 5, "output_tokens": 2, "total_tokens": 7}
CALL = {"name": "find", "args": {"word": "mug"}, "id": "1", "type": "tool_call"}


@pytest.mark.parametrize(
    "generation",
    [
        Generation(text="Fine.", generation_info={"finish_reason": "stop"}),
        ChatGeneration(message=AIMessage("Fine.", usage_metadata=TOKENS, response_metadata={"model": "m"})),
        ChatGeneration(message=AIMessage("", tool_calls=[CALL])),
        ChatGeneration(message=AIMessage([{"type": "text", "text": "Fine."}], id="run-1")),
    ],
    ids=["completion", "message", "tool", "blocks"],
)
def test_a_reply_comes_back_as_it_was(generation: Generation) -> None:
    told = Told([generation], "run", 1.0, 2.5)
    text = told.written()
    assert text is not None
    assert read_told(text) == told


class _OfTheirOwn(AIMessage):
    pass


@pytest.mark.parametrize(
    "generation",
    [
        Generation(text=" "),
        ChatGeneration(message=AIMessage("")),
        ChatGeneration(message=AIMessage("No.", response_metadata={"finish_reason": "content_filter"})),
        ChatGeneration(message=AIMessage("Fine.", additional_kwargs={"what": object()})),
        ChatGeneration(message=AIMessage("Fine.", additional_kwargs={"what": float("nan")})),
        ChatGeneration(message=_OfTheirOwn("Fine.")),
    ],
    ids=["blank", "empty", "filtered", "object", "nan", "class"],
)
def test_what_is_no_answer_or_would_come_back_as_another_is_not_kept(generation: Generation) -> None:
    assert Told([generation], "run", 0.0, 1.0).written() is None


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "[]",
        "\x80\x04\x95",
        '{"said": [{}]}',
        '{"said": [], "answer": "a", "began_ms": null, "ended_ms": 1}',
        '{"said": [{"text": "", "info": null, "message": {"type": "os.system", "data": {}}}], "answer": "a"}',
    ],
)
def test_what_cannot_be_read_is_asked_again(text: str | None) -> None:
    assert read_told(text) is None


def test_tokens_that_are_not_told_are_none() -> None:
    assert Told([ChatGeneration(message=AIMessage("Fine."))], "run", 0.0, 1.0).usage == Usage(0, 0)
