"""The plot-qa example with a stub for its language model: what is found is weighed, and a broken index is stopped."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import pytest

from evaluation.errors import ExitCode
from mlops.decision.record import FILE_NAME, DecisionRecord
from mlops.generation.retrieval.index import Index
from mlops.release.run import decided

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e

EXAMPLE = Path(__file__).parents[2] / "examples" / "plot-qa"
HITS = [f"retrieval_hit_at_{count}" for count in (1, 3, 5)]


@pytest.fixture
def plot_qa(project: "UserProject", make_stub, monkeypatch) -> Iterator["UserProject"]:
    """A copy of the example, whose language model knows what people answered and quotes the text before it."""
    for path in list(project.folder.iterdir()):
        path.unlink()
    shutil.copytree(EXAMPLE, project.folder, dirs_exist_ok=True)
    answers = dict(pl.read_parquet(EXAMPLE / "data" / "holdout.parquet").select("question", "answers").rows())

    def say(prompt: str, _: dict[str, Any]) -> str:
        context, _, asked = prompt.removeprefix("Text:\n").partition("\n\nQuestion: ")
        return f"{' '.join(context.split()[:8])}. {answers[asked.splitlines()[0]][0]}"

    endpoint = f'{{url: "{make_stub(say).url}", model: stub}}'
    project.edit("weighbridge.yaml", "  sampling:", f"  endpoint: {endpoint}\n  sampling:")
    # Found by words alone, and not asked what passages support: vectors of all that text take a minute.
    project.edit("weighbridge.yaml", "top_k: 5,", "top_k: 5, weights: {meaning: 0},")
    project.edit(
        "weighbridge.yaml",
        "    - {metric: context_support, at_least: 0.7, no_worse_than_champion_by: 0.05}\n",
        "",
    )
    with (project.folder / "weighbridge.yaml").open("a") as policy:
        policy.write("serve: {port: 0}\n")
    yield project
    project.open().rollout().stop()


def test_a_shuffled_index_is_stopped(plot_qa: "UserProject", monkeypatch) -> None:
    ran = plot_qa("release")
    assert ran.code == ExitCode.PASS, ran.output
    assert {verdict for verdict, _ in found(plot_qa).values()} == {"pass"}
    for name in (*HITS, "token_f1"):
        assert name in ran.output

    # Texts under the ids of others, as the example's page has it typed; the answers stay the same.
    subprocess.run([sys.executable, "shuffle.py"], cwd=plot_qa.folder, check=True)
    plot_qa.edit("weighbridge.yaml", "data/documents.parquet", "data/shuffled.parquet")
    stopped(plot_qa)

    # Passages in another order than their vectors and words.
    plot_qa.edit("weighbridge.yaml", "data/shuffled.parquet", "data/documents.parquet")
    build = Index.build

    def shuffled(*given: Any, **named: Any) -> Index:
        index = build(*given, **named)
        return replace(index, passages=index.passages.sample(fraction=1, shuffle=True, seed=0))

    monkeypatch.setattr(Index, "build", shuffled)
    stopped(plot_qa)


def stopped(project: "UserProject") -> None:
    """Release, and see that recall stops it, while the answers alone would let it pass."""
    ran = project("release", "--new")
    assert ran.code == ExitCode.FAIL, ran.output
    seen = found(project)
    assert {name: seen[name][0] for name in (*HITS, "token_f1")} == dict.fromkeys(HITS, "fail") | {
        "token_f1": "pass"
    }
    assert all(high < 0.2 for _, high in (seen[name] for name in HITS))


def found(project: "UserProject") -> dict[str, tuple[str, float]]:
    """Verdict and upper limit of every check of the newest release that compares with a bound."""
    record = DecisionRecord.read(decided(project.open()).folder / FILE_NAME).content
    return {
        check["metric"]: (check["verdict"], check["estimate"]["high"])
        for check in record["checks"]
        if check["comparison"] == "at_least"
    }
