"""Looking up, on the plot-qa example: a retriever that breaks behind a server, and one by embeddings of one's own."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import polars as pl
import pytest
import yaml

from evaluation.errors import ExitCode, UserError
from mlops.demo import traffic
from mlops.packaging.bundle import Bundle

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e

DATA = Path(__file__).parents[2] / "examples" / "plot-qa" / "data"
POLICY = """
model: plot-qa
task: rag
data:
  train: {data}/train.parquet
  evaluate: {data}/holdout.parquet
  target: answers
  ignore: [document, answerable, story, kind, asks]
  hygiene: {{contaminated_at_most: 0.1}}
generate: {{chain: {{entrypoint: "chain:build", params: {{store: "{store}"}}}}}}
texts: {{documents: document}}
gate:
  unit: story
  checks: [{{metric: retrieval_hit_at_3, at_least: 0.4}}]
serve: {{port: 0}}
monitor: {{min_records: 100, window_records: 204}}
"""
CHAIN = """
import re
from collections import Counter
from functools import cache
from pathlib import Path

import polars as pl

WORD = re.compile("[a-z]+")


@cache
def shelf(store, changed):
    texts = {name: (text, set(WORD.findall(text.lower()))) for name, text in pl.read_parquet(store).rows()}
    return texts, Counter(word for _, words in texts.values() for word in words)


def build(store):
    def answer(case):
        texts, often = shelf(store, Path(store).stat().st_mtime_ns)
        asked = set(WORD.findall(case["question"].lower()))
        worth = {name: sum(1 / often[word] for word in asked & words) for name, (_, words) in texts.items()}
        best = [name for name in sorted(worth, key=worth.get, reverse=True)[:3] if worth[name] > 0]
        contexts = [texts[name][0][:500] for name in best]
        return {"text": contexts[0][:60] if best else "Not found.", "sources": best, "contexts": contexts}

    return answer
"""

BY_MEANING = """
prompt: ask.txt
endpoint: {{url: "{url}", model: stub}}
retrieval: {{documents: {data}/documents.parquet, embeddings: "meaning:make", files: [words], weights: {{words: 0}}}}
"""
MEANING = """
import zlib
from pathlib import Path

from spelled import words


class Embeddings:
    def __init__(self, little):
        self.little = little

    def embed_documents(self, texts):
        return [self.vector(words(text)) for text in texts]

    def vector(self, found):
        counts = [0.0] * 2048
        for word in set(found) - self.little:
            counts[zlib.crc32(word.encode()) % 2048] += 1
        return counts


def make(project_dir: Path):
    return Embeddings(set((project_dir / "words" / "little.txt").read_text().split()))
"""


@pytest.fixture
def documents() -> pl.DataFrame:
    return pl.read_parquet(DATA / "documents.parquet").select("id", "text")


@pytest.fixture
def store(tmp_path: Path, documents: pl.DataFrame) -> Path:
    """Where the documents are looked up: no part of the model, as a database is none."""
    path = tmp_path / "store.parquet"
    documents.write_parquet(path)
    return path


@pytest.fixture
def asking(project: "UserProject", store: Path) -> Iterator["UserProject"]:
    (project.folder / "weighbridge.yaml").write_text(POLICY.format(data=DATA, store=store))
    (project.folder / "chain.py").write_text(CHAIN)
    (project.folder / "train.py").unlink()
    yield project
    project.open().rollout().stop()


def moved(project: "UserProject") -> set[str]:
    """Ask all questions of the holdout again, and see what the monitor says of what they were answered from."""
    traffic.ask_for_texts(project.open(), pl.read_parquet(DATA / "holdout.parquet"))
    found = json.loads(project("monitor", "--json").output)["findings"]
    told = {item["subject"]: item["verdict"] for item in found if item["subject"].startswith("sources")}
    assert set(told) == {f"sources: {name}" for name in ("number", "documents", "new", "like questions")}
    return {name.removeprefix("sources: ") for name, verdict in told.items() if verdict == "fail"}


def test_what_breaks_behind_the_server_is_told(
    asking: "UserProject", store: Path, documents: pl.DataFrame
) -> None:
    ran = asking("release")
    assert ran.code == ExitCode.PASS, ran.output
    assert moved(asking) == set()
    shown = asking("log", "show", "--last", "1").output
    assert "sources" in shown

    documents.clear().write_parquet(store)
    assert moved(asking) == {"number", "documents", "like questions"}

    # Under the ids of others, as after a join that went wrong: as many, the same ones, as often.
    documents.with_columns(pl.col("id").sample(fraction=1, shuffle=True, seed=1)).write_parquet(store)
    assert moved(asking) == {"like questions"}

    documents.with_columns(pl.col("id") + "-2").write_parquet(store)
    assert moved(asking) == {"new", "like questions"}


def test_embeddings_of_ones_own_find_on_the_server_what_was_weighed(
    project: "UserProject", make_stub
) -> None:
    policy = yaml.safe_load(POLICY.format(data=DATA, store=""))
    stub = make_stub(lambda prompt, _: prompt[:40])
    policy["generate"] = yaml.safe_load(BY_MEANING.format(url=stub.url, data=DATA))
    (project.folder / "weighbridge.yaml").write_text(yaml.safe_dump(policy))
    for name, content in {
        "ask.txt": "{context}\n\n{question}",
        "meaning.py": MEANING,
        "spelled.py": "def words(text):\n    return text.lower().replace('?', '').split()\n",
        "words/little.txt": "the a an of to in is was and who what why how does did do from his her for",
    }.items():
        (project.folder / name).parent.mkdir(exist_ok=True)
        (project.folder / name).write_text(content)
    (project.folder / "train.py").unlink()
    try:
        ran = project("release")
        assert ran.code == ExitCode.PASS, ran.output
        opened = project.open()
        [bundle] = [Bundle.open(place) for place in (opened.home / "bundles").iterdir()]
        code = bundle.model_dir / "code"
        assert [path.name for path in sorted(code.rglob("*")) if path.is_file()] == [
            "meaning.py",
            "spelled.py",
            "little.txt",
        ]
        weighed = pl.read_parquet(bundle.reference).select("input.question", "sources").head(20)
        answer = httpx.post(
            f"{traffic.url(opened)}/v1/generate",
            json={"columns": {"question": weighed["input.question"].to_list()}},
        ).json()
        assert [each["sources"] for each in answer["generations"]] == weighed["sources"].to_list()
        assert all(weighed["sources"].list.len() > 0)

        # Code that was changed after the decision is not run.
        (code / "spelled.py").write_text("open('ran', 'w')\n" + (code / "spelled.py").read_text())
        with pytest.raises(UserError, match="digest"):
            Bundle.open(bundle.path)
    finally:
        project.open().rollout().stop()
