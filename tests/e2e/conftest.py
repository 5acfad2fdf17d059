"""A small project of a user, and the command line run on it."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from mlops.cli.main import main
from mlops.project import Project

POLICY = """
model: small
data: {train: train.parquet, evaluate: holdout.parquet, target: late, ignore: [group]}
train: train:train
gate:
  resamples: 400
  checks:
    - {metric: roc_auc, at_least: 0.7, no_worse_than_champion_by: 0.05}
    - {metric: accuracy, at_least: 0.6}
serve: {port: 0}
"""
TRAIN = """
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder


def train(features, target, *, seed, strength=1.0):
    encode = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["carrier"]), remainder="passthrough"
    )
    return make_pipeline(encode, LogisticRegression(C=strength, random_state=seed)).fit(features, target)
"""


def rows(count: int, seed: int) -> pl.DataFrame:
    """Rows whose target follows `delay`, so that a model reaches an AUC of about 0.85."""
    rng = np.random.default_rng(seed)
    delay = rng.normal(size=count)
    return pl.DataFrame(
        {
            "delay": delay,
            "distance": rng.integers(100, 3000, count),
            "carrier": rng.choice(["AA", "UA", "WN"], count),
            "group": rng.choice(["a", "b"], count),
            "late": (delay + rng.normal(size=count) > 0).astype(int),
        }
    )


@dataclass(frozen=True)
class Ran:
    """What a command did: exit code and everything it printed."""

    code: int
    output: str


@dataclass(frozen=True)
class UserProject:
    """A project folder and commands on it."""

    folder: Path
    capture: Callable[[], str]

    def __call__(self, *arguments: str) -> Ran:
        """Run a command in this process, which spares the imports."""
        with pytest.raises(SystemExit) as left:
            main(["--project", str(self.folder), *arguments])
        return Ran(int(left.value.code or 0), self.capture())

    def apart(self, program: str) -> subprocess.CompletedProcess[str]:
        """Run a Python program in a process of its own."""
        return subprocess.run(
            [sys.executable, "-c", program],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def open(self) -> Project:
        """The project as the product sees it."""
        return Project.open(self.folder)

    def edit(self, name: str, old: str, new: str) -> None:
        """Change one of the project's files."""
        text = (self.folder / name).read_text()
        assert old in text
        (self.folder / name).write_text(text.replace(old, new))


@pytest.fixture
def project(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[UserProject]:
    for name in ("MLFLOW_TRACKING_URI", "WEIGHBRIDGE_HOME", "GITHUB_OUTPUT", "WEIGHBRIDGE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    folder = tmp_path / "project"
    folder.mkdir()
    (folder / "weighbridge.yaml").write_text(POLICY)
    (folder / "train.py").write_text(TRAIN)
    rows(1500, 1).write_parquet(folder / "train.parquet")
    rows(1000, 2).write_parquet(folder / "holdout.parquet")
    made = UserProject(folder, lambda: "".join(capfd.readouterr()))
    yield made
    if (folder / ".weighbridge" / "serving").exists():
        (folder / "weighbridge.yaml").write_text(POLICY)
        Project.open(folder).rollout().stop()


@pytest.fixture
def environment() -> dict[str, str]:
    return dict(os.environ)
