"""A trained model, a real SQLite store, and evidence that holds; each test may break a copy."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl
import pytest

from evaluation.types import Task
from mlops.decision.record import DecisionRecord
from mlops.mlflow_store import point_at, quiet_mlflow
from mlops.packaging.bundle import model_digest
from mlops.packaging.save import LoggedModel, log_model
from mlops.registry.client import ModelVersion, Registry, open_store


@dataclass(frozen=True)
class Store:
    """A registry on SQLite and what it takes to put versions into it."""

    registry: Registry
    mlflow: Any
    home: Path

    def release(
        self, release_id: str, *, verdict: str = "pass", tags: dict[str, str] | None = None
    ) -> ModelVersion:
        """Train, weigh (here: the verdict is given) and register."""
        run_id, logged = self.train(release_id)
        folder = self.home / "releases" / release_id
        model_dir = Path(self.mlflow.artifacts.download_artifacts(logged.uri, dst_path=str(folder / "model")))
        record = DecisionRecord.of(record_content(release_id, verdict, model_digest(model_dir)))
        record.write(folder / "decision.json")
        pl.DataFrame({"input.a": [0.1], "prediction": [1]}).write_parquet(folder / "reference.parquet")
        self.registry.log_evidence(run_id, [folder / "decision.json", folder / "reference.parquet"])
        found = {
            "release": release_id,
            "decision_digest": record.digest,
            "model_digest": model_digest(model_dir),
        }
        return self.registry.register(
            source=logged.uri, run_id=run_id, description="", tags=found | (tags or {})
        )

    def train(self, name: str) -> tuple[str, LoggedModel]:
        """Log a small model."""
        features, model = make_small_model()
        self.mlflow.set_experiment("small")
        with self.mlflow.start_run(run_name=name) as run:
            logged = log_model(
                model,
                features=features,
                task=Task.BINARY,
                requirements=[],
                trusted_types=[],
                project_dir=self.home,
            )
        return run.info.run_id, logged


def make_small_model(seed: int = 0) -> tuple[pd.DataFrame, Any]:
    """A pipeline on one number and one category."""
    from sklearn.compose import make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder

    rng = np.random.default_rng(seed)
    features = pd.DataFrame({"a": rng.normal(size=200), "c": rng.choice(["x", "y"], 200)})
    encode = make_column_transformer((OneHotEncoder(handle_unknown="ignore"), ["c"]), remainder="passthrough")
    return features, make_pipeline(encode, LogisticRegression()).fit(
        features, (features["a"] > 0).astype(int)
    )


def record_content(release_id: str, verdict: str, digest: str) -> dict[str, Any]:
    """The parts of a decision record that promotion reads."""
    return {
        "schema_version": 1,
        "kind": "decision",
        "verdict": verdict,
        "release": {"id": release_id, "model": "small", "task": "binary", "commit": None},
        "policy": {"digest": "", "gate": {"threshold": 0.5}},
        "training": {"model_digest": digest},
        "champion": None,
        "checks": [],
    }


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables, made once: its migrations take seconds."""
    path = tmp_path_factory.mktemp("empty") / "mlflow.db"
    mlflow = quiet_mlflow()
    before = mlflow.get_tracking_uri()
    point_at(mlflow, f"sqlite:///{path}")
    mlflow.search_experiments()
    point_at(mlflow, before)
    return path


@pytest.fixture
def store(tmp_path: Path, empty_store: Path) -> Iterator[Store]:
    mlflow = quiet_mlflow()
    shutil.copyfile(empty_store, tmp_path / "mlflow.db")
    before = mlflow.get_tracking_uri()
    open_store(mlflow, f"sqlite:///{tmp_path / 'mlflow.db'}", "small", tmp_path / "artifacts")
    yield Store(Registry(mlflow, "small"), mlflow, tmp_path)
    point_at(mlflow, before)


@pytest.fixture
def small_model() -> Callable[[], tuple[pd.DataFrame, Any]]:
    return make_small_model
