"""A LangChain runnable of the user's on its way: released, registered, served, asked; the document's own example."""

import re
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
from mlops.release.run import decided

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e

PAGE = Path(__file__).parents[2] / "docs" / "generation.md"
POLICY = """
model: shop
task: generation
data: {train: train.parquet, evaluate: holdout.parquet, target: description}
gate:
  checks:
    - {metric: rouge_l, at_least: 0.5, no_worse_than_champion_by: 0.2}
    - {metric: cost_per_1000_answers, at_most: 1000}
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
def chained(project: "UserProject", make_stub, monkeypatch) -> Iterator["UserProject"]:
    stub = make_stub(say, key="sk-stub-4711")
    monkeypatch.setenv("STUB_KEY", stub.key)
    code, section = shown()
    section["generate"]["chain"]["params"] |= {"url": stub.url, "key": "STUB_KEY"}
    section["serve"] = {"port": 0, "environment": ["STUB_KEY"]}
    (project.folder / "weighbridge.yaml").write_text(yaml.safe_dump(yaml.safe_load(POLICY) | section))
    (project.folder / "chain.py").write_text(code)
    (project.folder / "train.py").unlink()
    cases(30, 1000).write_parquet(project.folder / "train.parquet")
    cases(80, 0).write_parquet(project.folder / "holdout.parquet")
    yield project
    project.open().rollout().stop()


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
    assert (answer["version"], answer["prompt"], generation["finish_reason"]) == ("1", None, "stop")

    [bundle] = [Bundle.open(place) for place in (opened.home / "bundles").iterdir()]
    code = bundle.model_dir / "code"
    assert [path.name for path in sorted(code.rglob("*"))] == ["chain.py"]
    assert not [path for path in bundle.model_dir.rglob("*") if path.suffix in {".pkl", ".pickle"}]
    for path in decided(opened).folder.rglob("*"):
        assert path.is_dir() or b"sk-stub-4711" not in path.read_bytes()

    # Another line of code is another candidate, held against the champion's own code.
    chained.edit("chain.py", "Describe", "Say something of")
    ran = chained("release")
    assert ran.code == ExitCode.PASS, ran.output
    content = DecisionRecord.read(decided(chained.open()).folder / FILE_NAME).content
    assert {check["kind"] for check in content["checks"]} == {"absolute", "champion"}
    # The lane that answered has stopped, and written its log.
    logged = opened.request_log.read(model="shop", version="1")
    assert logged["cost"].to_list() == [generation["usage"]["cost"]]
    assert logged["finish_reason"].to_list() == ["stop"]

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
