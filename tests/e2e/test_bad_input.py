"""What people and machines do wrong: one message with what to type next, and an exit code that says whose."""

import os
import socket
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from evaluation.errors import ExitCode
from evaluation.types import Verdict
from mlops.lock import one_release
from mlops.registry.client import Alias

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e

Break = Callable[["UserProject"], object]


def policy(old: str, new: str) -> Break:
    return lambda project: project.edit("weighbridge.yaml", old, new)


def code(old: str, new: str) -> Break:
    return lambda project: project.edit("train.py", old, new)


def holdout(change: Callable[[pl.DataFrame], pl.DataFrame]) -> Break:
    def run(project: "UserProject") -> None:
        path = project.folder / "holdout.parquet"
        change(pl.read_parquet(path)).write_parquet(path)

    return run


def corrupt(project: "UserProject") -> None:
    path = project.folder / "holdout.parquet"
    content = bytearray(path.read_bytes())
    content[len(content) // 3 : len(content) // 3 + 400] = b"\0" * 400
    content[-20:-8] = b"\0" * 12
    path.write_bytes(bytes(content))


USERS = {
    "misspelt key": (policy("gate:", "gatte:"), ["unknown key 'gatte'", "did you mean 'gate'?"]),
    "unknown metric": (
        policy("metric: accuracy", "metric: acuracy"),
        ["acuracy", "did you mean 'accuracy'?"],
    ),
    "unknown watched metric": (
        policy(
            "serve: {port: 0}", "serve: {port: 0}\nmonitor: {performance: [{metric: roc_acu, at_least: 0.5}]}"
        ),
        ["roc_acu", "did you mean 'roc_auc'?"],
    ),
    "missing file": (policy("holdout.parquet", "holdot.parquet"), ["holdot.parquet"]),
    "target absent": (policy("target: late", "target: lat"), ["'lat'", "did you mean 'late'?"]),
    "ignored column absent": (policy("[group]", "[grup]"), ["'grup'", "did you mean 'group'?"]),
    "slice absent": (
        policy("metric: accuracy", "slices: [grup], metric: accuracy"),
        ["'grup'", "did you mean 'group'?"],
    ),
    "expectations absent": (policy("target: late", "target: late, expectations: e.yaml"), ["e.yaml"]),
    "corrupted Parquet": (corrupt, ["holdout.parquet"]),
    "module absent": (
        policy("train: train:train", "train: trein:train"),
        ["'trein'", "did you mean 'train'?"],
    ),
    "function absent": (
        policy("train: train:train", "train: train:trian"),
        ["'train:trian'", "did you mean 'train'?"],
    ),
    "training raises": (
        code("    return", "    raise RuntimeError('no money')\n    return"),
        ["train.py:", "no money"],
    ),
    "returns nothing": (code("    return make_pipeline", "    make_pipeline"), ["returned nothing"]),
    "no such parameter": (
        policy("train: train:train", "train: {entrypoint: train:train, params: {deepth: 3}}"),
        ["deepth"],
    ),
}


@pytest.mark.parametrize("case", USERS)
def test_a_users_mistake(project: "UserProject", case: str) -> None:
    breaks, parts = USERS[case]
    breaks(project)
    ran = project("release")
    assert ran.code == ExitCode.USER_ERROR, ran.output
    for part in (*parts, "error: ", "expected: ", "next: "):
        assert part in ran.output
    assert "Traceback" not in ran.output


@pytest.mark.parametrize(
    ("change", "part"),
    [
        (lambda frame: frame.clear(), "holdout"),
        (lambda frame: frame.with_columns(late=pl.lit(1, pl.Int64)), "one class"),
        (lambda frame: frame.with_columns(late=pl.when(pl.col("late") == 1).then(1)), "late"),
        (lambda frame: frame.drop("distance"), "distance"),
    ],
)
def test_data_that_cannot_be_weighed_stop_the_release(
    project: "UserProject", change: Callable[[pl.DataFrame], pl.DataFrame], part: str
) -> None:
    holdout(change)(project)
    ran = project("release")
    assert ran.code in {ExitCode.FAIL, ExitCode.USER_ERROR}, ran.output
    assert part in ran.output
    assert "Traceback" not in ran.output
    assert project.open().registry.versions() == []


def test_nan_predictions_are_inconclusive_and_never_registered(project: "UserProject") -> None:
    project.edit(
        "train.py",
        "def train",
        "class Holes(LogisticRegression):\n    def predict_proba(self, X):\n"
        "        found = super().predict_proba(X)\n        found[::7] = float('nan')\n"
        "        return found\n\n\ndef train",
    )
    project.edit("train.py", "LogisticRegression(C", "Holes(C")
    project.edit(
        "weighbridge.yaml",
        "train: train:train",
        "train: {entrypoint: train:train, trusted_types: [train.Holes]}",
    )
    ran = project("release")
    assert ran.code == ExitCode.INCONCLUSIVE, ran.output
    assert "NaN" in ran.output or "not finite" in ran.output
    assert project.open().registry.versions() == []


def test_a_port_in_use_is_named_and_nobody_becomes_champion(project: "UserProject") -> None:
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        holder.listen()
        port = holder.getsockname()[1]
        project.edit("weighbridge.yaml", "port: 0", f"port: {port}")
        ran = project("release")
        assert ran.code == ExitCode.ENVIRONMENT, ran.output
        assert f"{port}" in ran.output
        assert "next: " in ran.output
        registry = project.open().registry
        assert registry.by_alias(Alias.CHAMPION) is None
    ran = project("release")
    assert ran.code == ExitCode.PASS, ran.output
    assert [version.version for version in registry.versions()] == ["1"]
    assert registry.by_alias(Alias.CHAMPION).version == "1"


def test_a_locked_registry_is_named(project: "UserProject") -> None:
    assert project("validate").code == ExitCode.PASS
    project.open().mlflow()
    holder = sqlite3.connect(project.folder / ".weighbridge" / "mlflow.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        ran = project("train")
    finally:
        holder.execute("ROLLBACK")
        holder.close()
    assert ran.code == ExitCode.ENVIRONMENT, ran.output
    assert "locked" in ran.output


def test_an_unreachable_registry_is_named_without_its_password(
    project: "UserProject", monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://user:hunter2@127.0.0.1:{port}")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    ran = project("release")
    assert ran.code == ExitCode.ENVIRONMENT, ran.output
    assert f"127.0.0.1:{port}" in ran.output
    assert "MLFLOW_TRACKING_URI" in ran.output
    assert "hunter2" not in ran.output


def test_a_second_release_at_the_same_time_is_refused(project: "UserProject") -> None:
    with one_release(project.folder / ".weighbridge"):
        ran = project("release")
    assert ran.code == ExitCode.ENVIRONMENT
    assert "another release of this model is under way: process" in ran.output


def test_a_full_disk_at_the_record_is_told_and_the_same_command_goes_on(
    project: "UserProject", monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.fsync

    def full(descriptor: int) -> None:
        if Path(f"/proc/self/fd/{descriptor}").readlink().name.startswith("decision.json."):
            raise OSError(28, "No space left on device")
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr("evaluation.files.os.fsync", full)
        ran = project("release")
    assert ran.code == ExitCode.ENVIRONMENT, ran.output
    assert "could not write decision.json: No space left on device" in ran.output
    assert not list(project.folder.rglob("decision.json*"))
    ran = project("release")
    assert ran.code == ExitCode.PASS, ran.output
    assert len(list((project.folder / ".weighbridge" / "releases").iterdir())) == 1


def test_verdicts_become_exit_codes(project: "UserProject") -> None:
    project.edit("weighbridge.yaml", "at_least: 0.7", "at_least: 0.99")
    ran = project("release")
    assert ran.code == ExitCode.FAIL, ran.output
    assert Verdict.FAIL.value in ran.output.lower()
