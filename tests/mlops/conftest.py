"""A trained model, a real SQLite store, and evidence that holds; each test may break a copy."""

import json
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
from mlops.decision.canonical import digest_file
from mlops.decision.keys import make_own_key
from mlops.decision.record import DecisionRecord
from mlops.decision.signed import SignedRecord
from mlops.mlflow_store import open_store, point_at, quiet_mlflow
from mlops.packaging.bundle import model_digest
from mlops.packaging.ranges import Ranges
from mlops.packaging.save import log_model
from mlops.registry.client import ModelVersion, Registry

EXAMPLE = Path(__file__).parents[2] / "docs" / "decision-record.example.json"


@dataclass(frozen=True)
class Store:
    """A registry on SQLite and what it takes to put versions into it."""

    registry: Registry
    mlflow: Any
    home: Path

    def release(
        self,
        release_id: str,
        *,
        verdict: str = "pass",
        consequence: str | None = None,
        waiver: dict[str, str] | None = None,
        tags: dict[str, str] | None = None,
    ) -> ModelVersion:
        """Train, weigh (here: the verdict is given) and register."""
        run_id, uri = self.train(release_id)
        folder = self.home / "releases" / release_id
        model_dir = Path(self.mlflow.artifacts.download_artifacts(uri, dst_path=str(folder / "model")))
        pl.DataFrame({"input.a": [0.1], "prediction": [1]}).write_parquet(folder / "reference.parquet")
        content = record_content(release_id, verdict, model_dir, folder / "reference.parquet", consequence)
        (folder / "ranges.json").write_bytes(Ranges.of([pl.Series("a", [0.1])]).to_json())
        content["evidence"]["ranges.json"] = digest_file(folder / "ranges.json")
        content["checks"] = [check | {"waiver": waiver} for check in content["checks"]]
        signed = SignedRecord.sign(DecisionRecord.of(content), make_own_key())
        signed.write(folder)
        kept = ("decision.json", "decision.sig.json", "reference.parquet", "ranges.json")
        self.registry.log_evidence(run_id, [folder / name for name in kept])
        found = {
            "release": release_id,
            "verdict": verdict,
            "decision_digest": signed.record.digest,
            "decision_key": signed.signature.key_id,
            "model_digest": model_digest(model_dir),
        }
        return self.registry.register(source=uri, run_id=run_id, description="", tags=found | (tags or {}))

    def train(self, name: str) -> tuple[str, str]:
        """Log a small model."""
        features, model = make_small_model()
        self.mlflow.set_experiment("small")
        with self.mlflow.start_run(run_name=name) as run:
            uri = log_model(
                model,
                name="small",
                features=features,
                task=Task.BINARY,
                requirements=[],
                trusted_types=[],
                project_dir=self.home,
            )
        return run.info.run_id, uri


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


def record_content(
    release_id: str, verdict: str, model_dir: Path, reference: Path, consequence: str | None = None
) -> dict[str, Any]:
    """The published example of a record, about another release."""
    content: dict[str, Any] = json.loads(EXAMPLE.read_text())
    content["release"] |= {"id": release_id, "model": "small"}
    content["training"]["model_digest"] = model_digest(model_dir)
    content["evidence"] = {"reference.parquet": digest_file(reference)}
    content["champion"] = None
    content["verdict"] = verdict
    content["consequence"] = consequence or ("promote" if verdict == "pass" else "stop")
    return content


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
