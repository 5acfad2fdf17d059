"""A small project of a user, released twice."""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "decision-record.example.json"
POLICY = """\
model: small
data: {train: train.parquet, evaluate: holdout.parquet, target: late, ignore: [group]}
train: {entrypoint: "train:train", params: {strength: 1.0}}
gate:
  checks:
    - {metric: roc_auc, at_least: 0.7, no_worse_than_champion_by: 0.05}
    - {metric: accuracy, at_least: 0.6}
serve: {port: 0}
"""
TRAIN = """\
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def train(features, target, *, seed, strength):
    encode = make_column_transformer((OneHotEncoder(), ["carrier"]), remainder="passthrough")
    return make_pipeline(encode, LogisticRegression(C=strength, random_state=seed)).fit(features, target)
"""
# What would lead to another registry, or another's key.
_OTHERS = (
    "MLFLOW_TRACKING_URI",
    "WEIGHBRIDGE_HOME",
    "WEIGHBRIDGE_SIGNING_KEY",
    "WEIGHBRIDGE_TRUSTED_KEYS",
    "GITHUB_OUTPUT",
)


def make_record(folder: Path) -> dict[str, Any]:
    """What the gate decides about a second release, whose champion is the first; all files are below `folder`."""
    from mlops.decision.record import FILE_NAME, DecisionRecord
    from mlops.project import Project
    from mlops.release.run import decided

    project = folder / "project"
    project.mkdir()
    for name, count, seed in (("train", 1500, 1), ("holdout", 1000, 2)):
        _rows(count, seed).write_parquet(project / f"{name}.parquet")
    (project / "train.py").write_text(TRAIN)
    with _alone(folder):
        try:
            for strength in (1.0, 0.5):
                (project / "weighbridge.yaml").write_text(POLICY.replace("1.0", str(strength)))
                _commit(project, f"Strength {strength}")
                _release(project)
            record = DecisionRecord.read(decided(Project.open(project), None).folder / FILE_NAME)
        finally:
            Project.open(project).rollout().stop()
    content: dict[str, Any] = json.loads(json.dumps(record.content))
    return content


def _rows(count: int, seed: int) -> pl.DataFrame:
    """Flights whose delay says much of whether they are late."""
    random = np.random.Generator(np.random.PCG64(seed))
    delay = random.normal(size=count)
    return pl.DataFrame(
        {
            "delay": delay,
            "distance": random.integers(100, 3000, count),
            "carrier": random.choice(["AA", "UA", "WN"], count),
            "group": random.choice(["a", "b"], count),
            "late": (delay + random.normal(size=count) > 0).astype(int),
        }
    )


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """An environment without the keys and the registry of whoever runs this."""
    before = {name: os.environ.pop(name, None) for name in (*_OTHERS, "XDG_CONFIG_HOME")}
    os.environ["XDG_CONFIG_HOME"] = str(folder / "config")
    try:
        yield
    finally:
        del os.environ["XDG_CONFIG_HOME"]
        os.environ.update({name: value for name, value in before.items() if value is not None})


def _commit(project: Path, message: str) -> None:
    author = ["-c", "user.name=Example", "-c", "user.email=example@example.org", "-c", "commit.gpgsign=false"]
    (project / ".gitignore").write_text(".weighbridge/\n__pycache__/\n")
    begin = [] if (project / ".git").exists() else [["init", "--quiet", "--initial-branch", "main"]]
    for command in (*begin, ["add", "."], [*author, "commit", "--quiet", "-m", message]):
        subprocess.run(["git", *command], cwd=project, check=True)


def _release(project: Path) -> None:
    from mlops.cli.main import main

    try:
        main(["--project", str(project), "release"])
    except SystemExit as left:
        if left.code:
            raise
