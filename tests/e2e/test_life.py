"""The life of a model on one machine: two releases, a comparison that cannot be made, rollback, and what people see."""

import json
import urllib.request
from typing import TYPE_CHECKING

import polars as pl
import pytest

from evaluation.errors import ExitCode
from mlops.demo import traffic
from mlops.registry.client import Alias

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e


def served_version(project: "UserProject") -> str:
    with urllib.request.urlopen(f"{traffic.url(project.open())}/model", timeout=10) as answer:
        return str(json.load(answer)["version"])


def aliases(project: "UserProject") -> dict[str, str]:
    registry = project.open().registry
    return {alias.value: found.version for alias in Alias if (found := registry.by_alias(alias))}


def test_two_releases_and_a_rollback(
    project: "UserProject", monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    results = tmp_path_factory.mktemp("job") / "outputs"
    monkeypatch.setenv("GITHUB_OUTPUT", str(results))
    assert project("release").code == ExitCode.PASS
    assert aliases(project) == {"champion": "1"}
    assert served_version(project) == "1"

    project.edit("train.py", "strength=1.0", "strength=0.2")
    project.edit(
        "weighbridge.yaml",
        "{metric: accuracy, at_least: 0.6}",
        "{metric: latency_p95_ms, no_worse_than_champion_by: 5000}",
    )
    ran = project("release")
    assert ran.code == ExitCode.PASS, ran.output
    assert "latency_p95_ms.vs_champion" in ran.output
    assert aliases(project) == {"champion": "2", "previous": "1"}
    assert served_version(project) == "2"

    ran = project("rollback")
    assert ran.code == ExitCode.PASS, ran.output
    assert "version 1 is champion again" in ran.output
    assert aliases(project) == {"champion": "1", "previous": "2"}
    assert served_version(project) == "1"

    told = dict(line.split("=", 1) for line in results.read_text().splitlines())
    assert told["version"] == "1"
    assert told["verdict"] == "pass"
    shown = json.loads(project("status", "--json").output)
    assert shown["aliases"] == {"champion": "1", "previous": "2"}
    assert [line["verdict"] for line in shown["releases"]] == ["pass", "pass"]
    assert all(lane["alive"] for lane in shown["lanes"])
    explained = project("explain").output
    for part in ("PASS", "roc_auc", "holdout.parquet", "version 1"):
        assert part in explained


def test_a_champion_that_cannot_be_asked_leaves_the_release_open(project: "UserProject") -> None:
    assert project("release").code == ExitCode.PASS
    for name in ("train.parquet", "holdout.parquet"):
        path = project.folder / name
        pl.read_parquet(path).drop("distance").write_parquet(path)
    ran = project("release")
    assert ran.code == ExitCode.INCONCLUSIVE, ran.output
    assert "the holdout lacks the champion's features distance" in " ".join(ran.output.split())
    assert aliases(project) == {"champion": "1"}
    assert served_version(project) == "1"


def test_a_step_out_of_order_names_the_one_that_is_missing(project: "UserProject") -> None:
    assert "next: weighbridge release" in project("train").output
    assert project("validate").code == ExitCode.PASS
    ran = project("register")
    assert ran.code == ExitCode.USER_ERROR
    assert "next: weighbridge train" in ran.output


def test_a_stale_decision_is_not_deployed(project: "UserProject") -> None:
    """Weighed against nobody, while somebody else became champion: the decision says nothing about the two."""
    for step in ("validate", "train", "evaluate", "gate", "register"):
        assert project(step).code == ExitCode.PASS
    waiting = json.loads(project("status", "--json").output)["releases"][0]["id"]
    project.edit("train.py", "strength=1.0", "strength=0.2")
    assert project("release").code == ExitCode.PASS
    ran = project("deploy", "--release", waiting)
    assert ran.code == ExitCode.USER_ERROR, ran.output
    assert "was weighed against no champion, but version 2 serves now" in ran.output
    assert aliases(project)["champion"] == "2"
