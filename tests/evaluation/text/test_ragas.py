"""RAGAS's metrics as values of answers: the numbers of the library itself, and rows that fail by themselves."""

import asyncio
import json
import re
import sys
import warnings

import numpy as np
import polars as pl
import pytest

from evaluation.errors import UserError
from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.llm.values import Failed, FailureKind, Reply
from evaluation.metrics.base import Need
from evaluation.text import ragas_run
from evaluation.text.config import TextConfig
from evaluation.text.ragas import METRICS
from evaluation.text.ragas_config import RagasConfig
from evaluation.text.rows import TextRows, score_rows
from evaluation.types import Outputs

BY_NAME = {metric.name: metric for metric in METRICS}
QUESTIONS = ["Who lost a leg?", "What do they hunt?", "Who tells the story?"]
ANSWERS = ["Captain Ahab lost a leg. He is tall.", "They hunt the white whale.", "The cook tells it."]
REFERENCES = ["Captain Ahab lost a leg", "The white whale. It is big.", "Ishmael tells the story"]
CONTEXTS = [
    ["The ship sails. ", "Captain Ahab lost a leg to a whale."],
    ["They hunt the white whale.", "The sea is deep."],
    ["Ishmael tells the story.", "The cook is old.", "Rain fell."],
]
RIGHT = [
    ["Captain Ahab lost a leg to the whale."],
    ["They hunt the white whale.", "It is far."],
    ["Queequeg."],
]


def sentences(text: str) -> list[str]:
    return [part.strip() for part in text.split(".") if part.strip()]


def supported(statement: str, context: str) -> int:
    return int(set(re.findall(r"\w+", statement.lower())) <= set(re.findall(r"\w+", context.lower())))


def judged(prompt: str) -> str:
    """What a judge says that looks at words only."""
    given = json.loads(prompt.rsplit("following input\ninput: ", 1)[1].rsplit("Output:", 1)[0])
    if "statements" in given:
        verdicts = [(each, supported(each, given["context"])) for each in given["statements"]]
        found = {"statements": [{"statement": s, "reason": "words", "verdict": v} for s, v in verdicts]}
    elif "response" in given:
        found = {"question": f"Is it that {given['response'].lower()}?", "noncommittal": 0}
    elif "classifications" in prompt:
        marks = [(each, supported(each, given["context"])) for each in sentences(given["answer"])]
        found = {"classifications": [{"statement": s, "reason": "words", "attributed": v} for s, v in marks]}
    elif "context" in given:
        found = {"reason": "words", "verdict": supported(sentences(given["answer"])[0], given["context"])}
    else:
        found = {"statements": sentences(given["answer"])}
    return json.dumps(found)


class ScriptedEndpoint:
    """An endpoint whose judge says what a function of the prompt gives."""

    def __init__(self, say) -> None:
        self.say = say

    async def ask(self, asks):
        replies = []
        for each in asks:
            said = self.say(each.messages[-1].text)
            replies.append(said if isinstance(said, Reply | Failed) else reply(said))
        return replies


def reply(text: str, finish_reason: str = "stop") -> Reply:
    return Reply(text, None, None, 1.0, finish_reason, None)


@pytest.fixture
def judge(monkeypatch):
    """Let every judge be a function of the prompt."""

    def use(say, kind=ScriptedEndpoint):
        from evaluation.llm.client import Endpoint

        monkeypatch.setattr(Endpoint, "of", lambda config, **kwargs: kind(say))

    return use


def rows_of(**changed) -> TextRows:
    settings = TextConfig(
        ragas=RagasConfig(judge=EndpointConfig(url="http://judge.test/v1", model="judge"), contexts="right")
    )
    given = {"question": QUESTIONS, "contexts": CONTEXTS, "right": RIGHT} | changed
    return TextRows.of(ANSWERS, *REFERENCES, settings=settings, **given)


def by_the_library(name: str, parts: tuple[str, ...]) -> list[float]:
    """The same numbers from RAGAS's own way: its metric, its wrapper around a LangChain model."""
    with ragas_run.quiet_ragas():
        import ragas.metrics
        from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
        from langchain_core.messages import AIMessage
        from langchain_core.outputs import ChatGeneration, ChatResult
        from ragas.dataset_schema import SingleTurnSample
        from ragas.llms import LangchainLLMWrapper

        class Words(GenericFakeChatModel):
            def _generate(self, messages, stop=None, run_manager=None, **kwargs):
                said = AIMessage(judged(messages[-1].content))
                return ChatResult(generations=[ChatGeneration(message=said)])

        metric = getattr(ragas.metrics, name)()
        if hasattr(metric, "llm"):
            metric.llm = LangchainLLMWrapper(Words(messages=iter(())))
        known = {
            "user_input": QUESTIONS,
            "response": ANSWERS,
            "reference": REFERENCES,
            "retrieved_contexts": CONTEXTS,
            "reference_contexts": RIGHT,
        }
        samples = [SingleTurnSample(**{part: known[part][row] for part in parts}) for row in range(3)]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [asyncio.run(metric._single_turn_ascore(sample, [])) for sample in samples]


ASKED = ("user_input", "response", "retrieved_contexts")
JUDGED = [
    ("ragas_faithfulness", "Faithfulness", ASKED, [0.5, 1.0, 0.0]),
    (
        "ragas_context_precision",
        "LLMContextPrecisionWithReference",
        ("user_input", "reference", "retrieved_contexts"),
        [0.5, 1.0, 1.0],
    ),
    (
        "ragas_context_recall",
        "LLMContextRecall",
        ("user_input", "reference", "retrieved_contexts"),
        [1.0, 0.5, 1.0],
    ),
    ("ragas_noise_sensitivity", "NoiseSensitivity", (*ASKED, "reference"), None),
]


@pytest.mark.parametrize(("name", "theirs", "parts", "known"), JUDGED)
def test_judged_metrics_give_the_numbers_of_ragas(judge, name, theirs, parts, known) -> None:
    judge(judged)
    scored = BY_NAME[name].scorer(rows_of())
    assert list(scored.problems) == [None] * 3
    assert scored.values == pytest.approx(by_the_library(theirs, parts))
    if known is not None:
        assert scored.values == pytest.approx(known)


def test_answer_relevancy_is_the_cosine_of_questions(judge, monkeypatch) -> None:
    class Words:
        def embed(self, texts):
            vectors = np.array([[word in text.lower() for word in ("leg", "whale", "it")] for text in texts])
            return vectors.astype(np.float32)

    monkeypatch.setattr("evaluation.embeddings.base.embedder", lambda *_: Words())
    judge(
        lambda prompt: json.dumps(
            {"question": "Whose leg took the whale, and is it back?", "noncommittal": 0}
        )
    )
    rows = TextRows.of(["x"], question=["Who lost a leg?"], settings=rows_of().settings)
    found = BY_NAME["ragas_answer_relevancy"].scorer(rows)
    assert found.values == pytest.approx([1 / np.sqrt(3)])


@pytest.mark.parametrize(
    ("name", "theirs", "parts"),
    [
        ("ragas_non_llm_context_recall", "NonLLMContextRecall", ("retrieved_contexts", "reference_contexts")),
        (
            "ragas_non_llm_context_precision",
            "NonLLMContextPrecisionWithReference",
            ("retrieved_contexts", "reference_contexts"),
        ),
        ("ragas_string_similarity", "NonLLMStringSimilarity", ("response", "reference")),
    ],
)
def test_metrics_without_judge_give_the_numbers_of_ragas(name, theirs, parts) -> None:
    pytest.importorskip("rapidfuzz")
    found = BY_NAME[name].scorer(rows_of())
    assert found.values == pytest.approx(by_the_library(theirs, parts))


def test_a_package_that_ragas_misses_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "rapidfuzz", None)
    with pytest.raises(UserError, match=r"rapidfuzz(.|\n)*pip install rapidfuzz"):
        BY_NAME["ragas_string_similarity"].scorer(rows_of())


@pytest.mark.parametrize(
    ("said", "why"),
    [
        ("no JSON at all", "failed to parse"),
        (reply("{", "length"), "LLMDidNotFinish"),
        (Failed(FailureKind.TIMEOUT, "no answer in 60 s", 5), "timeout: no answer in 60 s"),
        (Failed(FailureKind.BUDGET, "the budget is spent", 0), "budget: the budget is spent"),
    ],
)
def test_a_row_that_the_judge_fails_has_no_value_and_says_why(judge, said, why, caplog) -> None:
    judge(lambda prompt: said if QUESTIONS[1] in prompt or ANSWERS[1] in prompt else judged(prompt))
    found = BY_NAME["ragas_faithfulness"].scorer(rows_of())
    assert np.isnan(found.values).tolist() == [False, True, False]
    assert why in found.problems[1]
    assert found.problems[0] is found.problems[2] is None
    assert caplog.records == []


@pytest.fixture
def asked_judge(make_stub, monkeypatch):
    """Settings with a judge on loopback, and the stub of it."""
    monkeypatch.setenv("JUDGE_KEY", "sk-1")
    stub = make_stub(lambda prompt, _: judged(prompt), key="sk-1")
    judge = EndpointConfig(url=stub.url, model="judge", key="JUDGE_KEY", concurrency=2)
    return stub, TextConfig(ragas=RagasConfig(judge=judge, contexts="right"))


def test_what_the_judge_said_is_kept_and_not_paid_for_again(asked_judge, tmp_path) -> None:
    stub, settings = asked_judge
    metric = BY_NAME["ragas_faithfulness"]

    def scored() -> np.ndarray:
        said = Outputs(
            np.array(ANSWERS, dtype=object), facts=pl.DataFrame({"contexts": CONTEXTS}, strict=False)
        )
        found = score_rows(
            said,
            [metric],
            target=np.array(REFERENCES, dtype=object),
            inputs=pl.DataFrame({"question": QUESTIONS}),
            settings=settings,
            replies=tmp_path / "replies.db",
        )
        return found.row_scores[metric.name]

    assert scored() == pytest.approx([0.5, 1.0, 0.0])
    paid = stub.asked
    assert paid == 6
    assert scored() == pytest.approx([0.5, 1.0, 0.0])
    assert stub.asked == paid


def hundred(settings: TextConfig) -> TextRows:
    """As many answers, each to a question of its own."""
    return TextRows.of(
        ANSWERS[:1] * 100,
        *REFERENCES[:1] * 100,
        question=[f"Who lost leg {row}?" for row in range(100)],
        contexts=[CONTEXTS[0]] * 100,
        settings=settings,
    )


DEAD = {
    "down": (("text/plain", b"oh", 503), "down: HTTP 503", "down: not asked: HTTP 503, 4 times in a row", 4),
    "refuses the key": (
        ("text/plain", b"no", 401),
        "refused_key: HTTP 401",
        "refused_key: not asked: HTTP 401",
        1,
    ),
}


@pytest.mark.parametrize(("sent", "first", "then", "least"), DEAD.values(), ids=DEAD.keys())
def test_a_dead_judge_is_not_asked_about_every_answer(asked_judge, sent, first, then, least) -> None:
    stub, settings = asked_judge
    stub.says = lambda *_: sent
    judge = settings.ragas.judge.model_copy(update={"attempts": 1})
    rows = hundred(TextConfig(ragas=RagasConfig(judge=judge)))
    found = BY_NAME["ragas_faithfulness"].scorer(rows)
    # Two at a time: one more may be on its way.
    assert least <= stub.asked <= least + 1
    assert np.isnan(found.values).all()
    assert len(found.problems) == 100
    assert sum(first in problem for problem in found.problems) == stub.asked
    assert sum(then in problem for problem in found.problems) == 100 - stub.asked
    asked = stub.asked
    again = BY_NAME["ragas_context_recall"].scorer(rows)
    assert stub.asked == asked
    assert all(then in problem for problem in again.problems)


def test_a_judge_whose_budget_is_spent_is_not_asked_further(asked_judge) -> None:
    stub, settings = asked_judge
    told = settings.ragas.model_copy(update={"budget": BudgetConfig(tokens=1)})
    found = BY_NAME["ragas_context_recall"].scorer(hundred(TextConfig(ragas=told)))
    assert 1 <= stub.asked <= 2
    assert np.isfinite(found.values).sum() == stub.asked
    left = [problem for problem in found.problems if problem is not None]
    assert set(left) == {"JudgeFailedError: budget: the budget of 1 tokens is spent"}


def test_a_judge_without_its_key_is_told_as_missing(asked_judge, monkeypatch) -> None:
    stub, settings = asked_judge
    monkeypatch.delenv("JUDGE_KEY")
    with pytest.raises(UserError, match="JUDGE_KEY is not set"):
        BY_NAME["ragas_faithfulness"].scorer(hundred(settings))
    assert stub.asked == 0


def test_metrics_that_ask_a_judge_say_so() -> None:
    """Without one they cannot be measured; the others can."""
    rows = TextRows.of(
        ["x"],
        "y",
        question=["?"],
        contexts=[["z"]],
        right=[["z"]],
        settings=TextConfig(ragas=RagasConfig(contexts="right", tool_calls="right")),
    )
    for metric in METRICS:
        if Need.JUDGE in metric.needs:
            with pytest.raises(UserError, match="and none is named"):
                metric.scorer(rows)
        else:
            metric.scorer(rows)


def test_many_answers_are_judged_a_few_at_a_time(judge) -> None:
    at_once, most = 0, 0

    class Counting(ScriptedEndpoint):
        async def ask(self, asks):
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1
            return await super().ask(asks)

    judge(judged, Counting)
    settings = rows_of().settings
    rows = TextRows.of(
        ["Captain Ahab lost a leg."] * 200,
        question=[QUESTIONS[0]] * 200,
        contexts=[CONTEXTS[0]] * 200,
        settings=settings,
    )
    assert BY_NAME["ragas_faithfulness"].scorer(rows).values == pytest.approx([1.0] * 200)
    assert most <= 2 * settings.ragas.judge.concurrency


def test_ragas_may_ask_without_an_event_loop(asked_judge) -> None:
    from langchain_core.prompt_values import StringPromptValue

    from evaluation.llm.client import Endpoint
    from evaluation.text.ragas_judge import JudgeFailedError, ragas_llm

    stub, settings = asked_judge
    stub.says = lambda prompt, body: f"{prompt} {body['temperature']:g} {body['max_tokens']} {stub.asked}"
    asker = ragas_llm(Endpoint.of(settings.ragas.judge), 77)
    found = asker.generate_text(StringPromptValue(text="Who?"), n=3, temperature=0.5)
    [said] = found.generations
    assert sorted(each.text for each in said) == [f"Who? 0.5 77 {n}" for n in (1, 2, 3)]
    assert asker.is_finished(found)
    stub.key = "another"
    with pytest.raises(JudgeFailedError, match="refused_key"):
        asker.generate_text(StringPromptValue(text="Who?"))


def test_an_answer_without_statements_has_no_value(judge) -> None:
    judge(lambda prompt: '{"statements": []}')
    found = BY_NAME["ragas_faithfulness"].scorer(rows_of())
    assert np.isnan(found.values).all()
    assert set(found.problems) == {"RAGAS gave no value"}


def test_rows_that_lack_a_part_are_not_asked_about(judge) -> None:
    asked = []
    judge(lambda prompt: asked.append(prompt) or judged(prompt))
    rows = rows_of(contexts=[[], CONTEXTS[1], None], question=[*QUESTIONS[:2], None])
    found = BY_NAME["ragas_faithfulness"].scorer(rows)
    assert np.isnan(found.values).tolist() == [True, False, True]
    assert found.problems == ["the answer was given no passages", None, "the case has no question"]
    assert len(asked) == 2


def test_what_is_missing_is_said() -> None:
    bare = TextRows.of(["x"], "y", question=["?"], contexts=[["z"]])
    with pytest.raises(UserError, match="asks a language model, and none is named"):
        BY_NAME["ragas_faithfulness"].scorer(bare)
    with pytest.raises(UserError, match="which passages are right"):
        BY_NAME["ragas_non_llm_context_recall"].scorer(bare)
    with pytest.raises(UserError, match="which tool calls are right"):
        BY_NAME["ragas_tool_call_accuracy"].scorer(bare)
    with pytest.raises(UserError, match="no column 'question'"):
        BY_NAME["ragas_faithfulness"].scorer(TextRows.of(["x"], contexts=[["z"]]))


CALLS = [{"name": "find", "args": {"word": "whale", "page": 3}}, {"name": "read", "args": {}}]
OPENAI = {
    "tool_calls": [
        {"function": {"name": call["name"], "arguments": json.dumps(call["args"])}} for call in CALLS
    ]
}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (json.dumps(CALLS), 1.0),
        (json.dumps(OPENAI), 1.0),
        (json.dumps([CALLS[0] | {"args": {"word": "whale"}}, CALLS[1]]), 0.75),
        (json.dumps(CALLS[::-1]), 0.0),
        (json.dumps(CALLS[0]), 0.0),
        ("[]", 0.0),
        ("I would look it up.", 0.0),
        ('[{"name": "find", "args": 7}]', 0.0),
    ],
)
def test_tool_calls(said: str, expected: float) -> None:
    settings = TextConfig(ragas=RagasConfig(tool_calls="right"))
    found = BY_NAME["ragas_tool_call_accuracy"].scorer(
        TextRows.of([said], right=[json.dumps(CALLS)], settings=settings)
    )
    assert found.values == pytest.approx([expected])


def test_tool_calls_where_none_is_due_or_the_right_ones_cannot_be_read() -> None:
    settings = TextConfig(ragas=RagasConfig(tool_calls="right"))
    rows = TextRows.of(["[]", "[]", "[]"], right=["[]", "{", None], settings=settings)
    found = BY_NAME["ragas_tool_call_accuracy"].scorer(rows)
    assert found.values[0] == 1.0
    assert found.problems == [None, *["the right tool calls cannot be read"] * 2]


def test_noise_is_worse_the_more_there_is() -> None:
    assert [metric.name for metric in METRICS if metric.direction.value == "lower"] == [
        "ragas_noise_sensitivity"
    ]
