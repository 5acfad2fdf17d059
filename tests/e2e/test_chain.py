"""A LangChain runnable of the user's on its way: released, registered, served, asked; the document's own example."""

import re
import signal
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest
import yaml

from evaluation.errors import ExitCode
from mlops.decision.record import FILE_NAME, DecisionRecord
from mlops.demo import traffic
from mlops.packaging.bundle import Bundle
from mlops.release.evidence import read_answers
from mlops.release.run import current, decided

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "generation.md"
POLICY = """
model: shop
task: generation
data: {train: train.parquet, evaluate: holdout.parquet, target: description, hygiene: {ngram: 5}}
gate:
  checks:
    - {metric: rouge_l, at_least: 0.5, no_worse_than_champion_by: 0.2}
    - {metric: cost_per_1000_answers, at_most: 1000}
"""
# The worst moment: so many replies are paid for, and more are on their way.
KEPT = 30
KILLED = f"""
import os, signal, threading
from mlops.cli.main import main
from mlops.generation.kept import CaseCalls

keep, kept, lock = CaseCalls.keep, [], threading.Lock()


def counted(self, *said):
    with lock:
        keep(self, *said)
        kept.append(self)
        if len(kept) == {KEPT}:
            os.kill(os.getpid(), signal.SIGKILL)


CaseCalls.keep = counted
main(["release"])
"""


def cases(count: int, start: int) -> pl.DataFrame:
    titles = [f"MUG NUMBER {row}" for row in range(start, start + count)]
    return pl.DataFrame(
        {"title": titles, "description": [f"A fine mug number {text[11:]}" for text in titles]}
    )


def say(prompt: str, _: dict[str, Any]) -> str:
    """The reference without a word, another one by another prompt."""
    words = ["A", "fine", "mug", "number", prompt.rsplit(maxsplit=1)[-1]]
    left_out = words[zlib.crc32(prompt.encode()) % 4]
    return " ".join(word for word in words[: 4 + len(prompt) % 2] if word != left_out)


def shown() -> tuple[str, dict[str, Any]]:
    """The example's code and its section of the policy."""
    blocks = re.findall(r"```(\w+)\n(.*?)```", PAGE.read_text(), re.DOTALL)
    [code] = [text for kind, text in blocks if kind == "python" and "ChatOpenAI" in text]
    [section] = [text for kind, text in blocks if kind == "yaml" and "chain:" in text]
    return code, yaml.safe_load(section)


@pytest.fixture
def stub(make_stub: Any) -> Any:
    return make_stub(say, key="sk-stub-4711")


@pytest.fixture
def chained(project: "UserProject", stub: Any, monkeypatch) -> Iterator["UserProject"]:
    monkeypatch.setenv("STUB_KEY", stub.key)
    code, section = shown()
    section["generate"]["chain"]["params"] |= {"url": stub.url, "key": "STUB_KEY"}
    section["serve"] = {"port": 0, "environment": ["STUB_KEY"]}
    (project.folder / "weighbridge.yaml").write_text(yaml.safe_dump(yaml.safe_load(POLICY) | section))
    (project.folder / "chain.py").write_text(code)
    (project.folder / "prompts").mkdir()
    (project.folder / "prompts" / "describe.txt").write_text("Describe {title}\n")
    (project.folder / "train.py").unlink()
    cases(30, 1000).write_parquet(project.folder / "train.parquet")
    cases(80, 0).write_parquet(project.folder / "holdout.parquet")
    yield project
    project.open().rollout().stop()


def test_an_evaluation_that_was_killed_pays_for_the_rest(chained: "UserProject", stub: Any) -> None:
    killed = chained.apart(KILLED)
    assert killed.returncode == -signal.SIGKILL, killed.stdout + killed.stderr
    # What was on its way is lost: three more, where four are asked for at a time.
    assert KEPT <= stub.asked <= KEPT + 3
    paid_twice = stub.asked - KEPT
    ran = chained("evaluate")
    assert ran.code == ExitCode.PASS, ran.output
    assert stub.asked == 80 + paid_twice
    folder = current(chained.open()).folder
    facts = read_answers(folder).challenger.facts
    assert facts is not None
    assert (facts["cached"].sum(), facts["cost"].null_count()) == (KEPT, 0)
    ran = chained("gate")
    assert ran.code == ExitCode.PASS, ran.output
    for file in (chained.open().home / "replies.db", *folder.rglob("*")):
        assert file.is_dir() or b"sk-stub-4711" not in file.read_bytes()

    chained.edit("weighbridge.yaml", "describe.txt", "absent.txt")
    ran = chained("validate")
    assert ran.code == ExitCode.USER_ERROR, ran.output
    assert "correct generate.chain.prompts" in ran.output


def test_a_chain_is_a_release_like_any_other(chained: "UserProject") -> None:
    ran = chained("release")
    assert ran.code == ExitCode.PASS, ran.output
    opened = chained.open()
    answer = httpx.post(
        f"{traffic.url(opened)}/v1/generate", json={"record": {"title": "MUG NUMBER 7"}}
    ).json()
    [generation] = answer["generations"]
    assert generation["text"] == say("Describe MUG NUMBER 7", {})
    assert generation["usage"]["prompt_tokens"] > 0
    assert generation["usage"]["cost"] > 0
    assert (answer["version"], answer["prompt"]) == ("1", "shop.describe/1")
    assert generation["finish_reason"] == "stop"
    client = opened.mlflow().MlflowClient()
    assert client.get_prompt_version_by_alias("shop.describe", "champion").version == 1

    [bundle] = [Bundle.open(place) for place in (opened.home / "bundles").iterdir()]
    code = bundle.model_dir / "code"
    assert {path.name for path in code.rglob("*")} == {"chain.py", "prompts", "describe.txt"}
    assert not [path for path in bundle.model_dir.rglob("*") if path.suffix in {".pkl", ".pickle"}]
    for path in decided(opened).folder.rglob("*"):
        assert path.is_dir() or b"sk-stub-4711" not in path.read_bytes()

    # Another prompt is another candidate and another version, held against the champion's own.
    chained.edit("prompts/describe.txt", "Describe", "Say something of")
    ran = chained("release")
    assert ran.code == ExitCode.PASS, ran.output
    assert client.get_prompt_version_by_alias("shop.describe", "champion").version == 2
    assert client.get_prompt_version("shop.describe", 2).template == "Say something of {{title}}"
    content = DecisionRecord.read(decided(chained.open()).folder / FILE_NAME).content
    assert {check["kind"] for check in content["checks"]} == {"absolute", "champion"}
    # The lane that answered has stopped, and written its log.
    logged = opened.request_log.read(model="shop", version="1")
    assert logged["cost"].to_list() == [generation["usage"]["cost"]]
    assert logged["finish_reason"].to_list() == ["stop"]

    # A prompt that gives a reference away is found as that of any model.
    chained.edit("prompts/describe.txt", "Say", "As in 'A fine mug number 5', say")
    ran = chained("validate")
    assert ran.code == ExitCode.FAIL, ran.output
    assert "in a row with the prompt" in ran.output
    chained.edit("prompts/describe.txt", "As in 'A fine mug number 5', say", "Say")

    # Code that was changed after the decision is not run: the champion is known no more.
    champion = next((opened.home / "bundles").glob("shop-2/model/code/chain.py"))
    champion.write_text("open('ran', 'w')\n" + champion.read_text())
    # What raises is a failure of each case, never a score, and no reason to stop in the middle.
    with (chained.folder / "chain.py").open("a") as file:
        file.write("\n\ndef build(**_):\n    return lambda case: case['absent']\n")
    ran = chained("release")
    assert ran.code == ExitCode.INCONCLUSIVE, ran.output
    content = DecisionRecord.read(decided(chained.open()).folder / FILE_NAME).content
    problems = {check["kind"]: check["estimate"]["problem"] for check in content["checks"]}
    assert "KeyError at chain.py" in problems["absolute"], problems
    assert "model" in problems["champion"], problems
    assert not (chained.folder / "ran").exists()
