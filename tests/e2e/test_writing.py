"""A prompt on its way: released, served, asked, replaced by a worse one, watched; a real store, server and router."""

import json
import re
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import httpx
import polars as pl
import pytest

from evaluation.errors import ExitCode
from mlops.decision.record import FILE_NAME, DecisionRecord
from mlops.demo import traffic
from mlops.release.run import decided

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e

POLICY = """
model: shop
task: generation
data: {{train: train.parquet, evaluate: holdout.parquet, target: description, ignore: [kind]}}
generate:
  prompt: facts.txt
  endpoint: {{url: "{url}", model: stub, key: STUB_KEY, price: {{input: 1, output: 2}}}}
  sampling: {{max_tokens: 30}}
texts: {{facts: facts}}
gate:
  repeats: 2
  min_rows: 15
  judges:
    - name: kept
      rubric: Does the text keep what it was told?
      endpoint: {{url: "{url}", model: judge, key: STUB_KEY}}
      labelled: ratings.csv
    - name: moody
      rubric: Do you like it?
      endpoint: {{url: "{url}", model: judge, key: STUB_KEY}}
      labelled: ratings.csv
  checks:
    - {{metric: judge_kept, at_least: 3, no_worse_than_champion_by: 0.2}}
    - {{metric: judge_moody, at_least: 2, tier: advisory}}
    - {{metric: rouge_l, at_least: 0.5, no_worse_than_champion_by: 0.05}}
    - {{metric: cost_per_1000_answers, at_most: 1}}
    - {{metric: rouge_l, slices: [kind], at_least: 0.4, tier: supporting}}
serve: {{port: 0}}
monitor: {{min_records: 20, drift: {{false_alarms_per_month: 1}}}}
"""
BETWEEN_FENCES = re.compile(r"^(=== \w+ ===)\n(.*?)\n\1$", re.DOTALL | re.MULTILINE)
KINDS = ("mug", "bowl", "plate", "clock")


def cases(count: int, start: int) -> pl.DataFrame:
    facts = [f"{KINDS[row % 4]} number {row} in blue and white" for row in range(start, start + count)]
    return pl.DataFrame(
        {
            "title": [text.upper() for text in facts],
            "facts": facts,
            "kind": [KINDS[row % 4] for row in range(start, start + count)],
            "description": [f"This is a {text} for you" for text in facts],
        }
    )


def worth(prompt: str, answer: str) -> int:
    """5 for all of a prompt's facts in the answer, 1 less for each that is missing; 1 for another case's."""
    # Little words are in the empty sentences too that a trial puts around an answer.
    facts = [word for word in prompt.partition(": ")[2].split() if word not in {"in", "and"}]
    number = next((word for word in facts if word.isdigit()), "none")
    return max(1, 5 - sum(word not in answer.split() for word in facts)) if number in answer.split() else 1


def ratings(count: int = 240) -> pl.DataFrame:
    """What people said of answers that keep more or less of the facts."""
    prompts = [f"Describe with these facts only: {text}" for text in cases(count, 2000)["facts"]]
    answers = []
    for row, prompt in enumerate(prompts):
        words = prompt.partition(": ")[2].split()
        answers.append(" ".join(words[: 3 + row % (len(words) - 2)]))
    scores = [worth(prompt, answer) for prompt, answer in zip(prompts, answers, strict=True)]
    return pl.DataFrame({"prompt": prompts, "answer": answers, "score": scores})


def judge(prompt: str) -> str:
    """One judge counts the facts; the other says what comes to its mind."""
    asked, answer = [found[1] for found in BETWEEN_FENCES.findall(prompt)]
    score = 1 + zlib.crc32(prompt.encode()) % 5 if "Do you like" in prompt else worth(asked, answer)
    return json.dumps({"score": score})


def say(prompt: str, body: dict[str, Any]) -> str:
    """Repeats most of the facts that it is given in a sentence; of a title alone it makes something up."""
    if body["model"] == "judge":
        return judge(prompt)
    words = prompt.partition(": ")[2].split()
    if not words:
        return "Something fine to have."
    kept = len(words) - zlib.crc32(prompt.encode()) % 4
    return f"This is a {' '.join(words[:kept])} for you"


@pytest.fixture
def writing(project: "UserProject", make_stub, monkeypatch) -> Iterator["UserProject"]:
    """The user's project, whose model is a prompt over an endpoint of ours."""
    stub = make_stub(say, key="sk-stub-4711")
    monkeypatch.setenv("STUB_KEY", stub.key)
    policy = POLICY.format(url=stub.url)
    (project.folder / "weighbridge.yaml").write_text(policy)
    (project.folder / "facts.txt").write_text("Describe with these facts only: {facts}\n")
    (project.folder / "careless.txt").write_text("Describe {title}\n")
    (project.folder / "train.py").unlink()
    cases(60, 1000).write_parquet(project.folder / "train.parquet")
    cases(80, 0).write_parquet(project.folder / "holdout.parquet")
    ratings().write_csv(project.folder / "ratings.csv")
    yield project
    project.open().rollout().stop()


def test_a_prompt_is_a_release_like_any_other(writing: "UserProject") -> None:
    ran = writing("release")
    assert ran.code == ExitCode.PASS, ran.output
    opened = writing.open()
    answer = traffic.ask_for_text(opened)
    assert answer["generations"][0]["text"].startswith("This is a mug number 0")
    assert answer["generations"][0]["usage"]["prompt_tokens"] > 0
    assert (answer["version"], answer["prompt"]) == ("1", "shop.facts/1")
    client = opened.mlflow().MlflowClient()
    assert client.get_prompt_version_by_alias("shop.facts", "champion").version == 1

    record = DecisionRecord.read(decided(opened).folder / FILE_NAME).content
    assert {check["estimate"]["unit"] for check in record["checks"]} == {"case"}
    assert {check["estimate"]["n"] for check in record["checks"] if not check["rows"]} == {80}
    assert {judge["judge"]: judge["problem"] is None for judge in record["judges"]} == {
        "kept": True,
        "moody": False,
    }
    for path in decided(opened).folder.rglob("*"):
        assert path.is_dir() or b"sk-stub-4711" not in path.read_bytes()

    writing.edit("weighbridge.yaml", "prompt: facts.txt", "prompt: careless.txt")
    ran = writing("release")
    assert ran.code == ExitCode.FAIL, ran.output
    worst = DecisionRecord.read(decided(writing.open()).folder / FILE_NAME).content["advice"]["worst_answers"]
    assert [item["metric"] for item in worst] == ["cost_per_1000_answers"]
    assert traffic.ask_for_text(opened)["version"] == "1"
    ran = writing("replay", "--all")
    assert ran.code == ExitCode.PASS, ran.output

    # By another rubric it is another judge, whose scores nobody has.
    stricter = (writing.folder / "weighbridge.yaml").read_text().replace("keep what", "keep exactly what")
    (writing.folder / "stricter.yaml").write_text(stricter)
    ran = writing("backtest", "--policy", str(writing.folder / "stricter.yaml"), "--json")
    first = json.loads(ran.output)[0]
    assert ["judge_kept", "pass", "inconclusive"] in first["moved"]
    assert [name for name, *_ in first["moved"]] == ["judge_kept"]

    address = traffic.url(opened)
    assert httpx.post(f"{address}/v1/predict", json={"records": []}).status_code == 404
    traffic.ask_for_texts(
        opened, cases(40, 5000).with_columns(facts=pl.lit("tax law for companies of many kinds"))
    )
    ran = writing("monitor", "--json")
    found = {item["subject"]: item["verdict"] for item in json.loads(ran.output)["findings"]}
    assert found["input.facts: new words"] == "fail"
