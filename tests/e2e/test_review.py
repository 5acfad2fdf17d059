"""Decisions looked at again: replayed to the last bit, or told what differs; and decided by another policy."""

import json
from typing import TYPE_CHECKING

import polars as pl
import pytest

from mlops.release.evidence import PREDICTIONS
from mlops.release.run import all_decided

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e


def decide(project: "UserProject") -> None:
    for step in ("validate", "train", "evaluate", "gate"):
        assert project(step).code in {0, 1, 2}


@pytest.fixture
def history(project: "UserProject") -> "UserProject":
    """Three decided releases: one that served, one against it as champion, one whose data did not validate."""
    assert project("release").code == 0
    project.edit(
        "weighbridge.yaml", "train: train:train", "train: {entrypoint: train:train, params: {strength: 0.5}}"
    )
    decide(project)
    path = project.folder / "holdout.parquet"
    whole = pl.read_parquet(path)
    whole.with_columns(late=pl.lit(0)).write_parquet(path)
    assert project("release").code == 1
    whole.write_parquet(path)
    return project


def test_every_decision_comes_out_again(history: "UserProject") -> None:
    ran = history("replay", "--all", "--json")
    assert ran.code == 0, ran.output
    found = json.loads(ran.output)
    assert [(item["verdict"], item["identical"]) for item in found] == [
        ("fail", True),
        ("pass", True),
        ("pass", True),
    ]


def test_what_was_changed_since_is_told(history: "UserProject") -> None:
    chosen = all_decided(history.open())[1]
    path = chosen.folder / PREDICTIONS
    table = pl.read_parquet(path)
    table.with_columns(score=1 - pl.col("score")).write_parquet(path)
    ran = history("replay", chosen.id)
    assert ran.code == 1
    assert f"release {chosen.id}" in ran.output
    assert "predictions.parquet: recorded" in ran.output
    assert "verdict: recorded pass, found fail" in ran.output


def test_a_record_that_was_altered_is_told(history: "UserProject") -> None:
    chosen = all_decided(history.open())[1]
    path = chosen.folder / "decision.json"
    path.write_bytes(path.read_bytes().replace(b'"verdict":"pass"', b'"verdict":"fail"', 1))
    ran = history("replay", chosen.id)
    assert ran.code == 1
    assert "signature: recorded by a key that is trusted here, found the signature beside" in ran.output


def test_predictions_that_are_gone_are_named(history: "UserProject") -> None:
    chosen = all_decided(history.open())[1]
    (chosen.folder / PREDICTIONS).unlink()
    ran = history("replay", chosen.id)
    assert ran.code == 3
    assert f"no predictions of release {chosen.id}" in ran.output


def test_a_stricter_policy_prints_the_flips(history: "UserProject") -> None:
    policy = (history.folder / "weighbridge.yaml").read_text()
    (history.folder / "strict.yaml").write_text(
        policy.replace("at_least: 0.7,", "at_least: 0.99,").replace(
            "- {metric: accuracy",
            "- {metric: recall, slices: [group], at_least: 0.5}\n    - {metric: accuracy",
        )
    )
    ran = history("backtest", "--policy", str(history.folder / "strict.yaml"))
    assert ran.code == 0, ran.output
    assert "2 of 3 releases would have been decided otherwise" in ran.output
    assert "roc_auc: pass → fail" in ran.output
    assert "recall[group=a]: not there → pass" in ran.output
    assert "its data did not validate" in ran.output


def test_a_misspelt_metric_is_refused_before_anything_is_decided_again(project: "UserProject") -> None:
    policy = (project.folder / "weighbridge.yaml").read_text()
    (project.folder / "other.yaml").write_text(policy.replace("metric: accuracy", "metric: acuracy"))
    ran = project("backtest", "--policy", str(project.folder / "other.yaml"))
    assert ran.code == 3
    assert "did you mean 'accuracy'?" in ran.output


def test_a_column_that_was_not_kept_is_told(history: "UserProject") -> None:
    policy = (history.folder / "weighbridge.yaml").read_text()
    (history.folder / "other.yaml").write_text(
        policy.replace(
            "- {metric: accuracy",
            "- {metric: recall, slices: [group], at_least: 0.5}\n    - {metric: accuracy",
        )
    )
    path = history.folder / "holdout.parquet"
    pl.read_parquet(path).head(900).write_parquet(path)
    ran = history("backtest", "--policy", str(history.folder / "other.yaml"), "--json")
    found = json.loads(ran.output)
    assert [item["decided"] for item in found] == [None, None, None]
    assert "column group was not kept with its predictions" in found[0]["problem"]
    assert not any(item["flipped"] for item in found)


@pytest.mark.parametrize(("choice", "version"), [("hold", True), ("block", False)])
def test_an_open_release_is_held_or_stopped(project: "UserProject", choice: str, version: bool) -> None:
    project.edit("weighbridge.yaml", "resamples: 400", f"resamples: 400\n  on_inconclusive: {choice}")
    project.edit("weighbridge.yaml", "at_least: 0.7,", "at_least: 0.83,")
    ran = project("release")
    assert ran.code == 2, ran.output
    project_now = project.open()
    [release] = all_decided(project_now)
    found = project_now.registry.by_release(release.id)
    assert (found is not None) is version
    assert project_now.registry.versions() == ([found] if found else [])
    deployed = project("deploy")
    assert deployed.code == 3
    assert project("release").code == 2


def test_a_waiver_lets_a_release_serve_and_says_so(project: "UserProject") -> None:
    project.edit("weighbridge.yaml", "at_least: 0.6}", "at_least: 0.99}")
    assert project("release").code == 1
    project.edit(
        "weighbridge.yaml",
        "  checks:",
        "  waivers: [{check: accuracy, owner: ana, reason: a known gap, until: 2099-12-31}]\n  checks:",
    )
    ran = project("release")
    assert ran.code == 0, ran.output
    assert "1 check is waived" in ran.output
    assert "Waived by ana until 2099-12-31: a known gap" in ran.output
