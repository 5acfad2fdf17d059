"""A real bundle: a small scikit-learn model, saved by MLflow, with a passing decision record."""

import os
import warnings
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest

from evaluation.types import Task
from mlops.decision.record import DecisionRecord
from mlops.packaging.bundle import Bundle, model_digest

RELEASE = "20260301-120000-1a2b3c4d"


def training_rows() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    rows = 200
    return pd.DataFrame(
        {
            "age": rng.integers(18, 80, rows),
            "sepal length (cm)": rng.normal(5, 1, rows),
            "income": np.where(rng.random(rows) < 0.1, np.nan, rng.normal(3000, 500, rows)),
            "job": rng.choice(["none", "skilled", "other"], rows),
        }
    )


def save_model(folder: Path) -> None:
    import mlflow
    from sklearn.compose import make_column_transformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OrdinalEncoder

    features = training_rows()
    target = (features["age"] + 10 * (features["job"] == "none") > 50).astype(int)
    encode = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    model = make_pipeline(
        make_column_transformer((encode, ["job"]), remainder="passthrough"),
        HistGradientBoostingClassifier(max_iter=5, random_state=0),
    ).fit(features, target)
    with warnings.catch_warnings():
        # MLflow warns of whole numbers in a signature; that they are served strictly is what is tested.
        warnings.simplefilter("ignore")
        import skops.io

        mlflow.sklearn.save_model(
            model,
            str(folder),
            signature=mlflow.models.infer_signature(features, model.predict_proba(features)),
            pip_requirements=["scikit-learn"],
            serialization_format="skops",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
            pyfunc_predict_fn="predict_proba",
            metadata={"classes": [0, 1]},
        )


def decision(model_dir: Path, **changes: object) -> DecisionRecord:
    content = {
        "schema_version": 1,
        "kind": "decision",
        "release": {"id": RELEASE, "model": "lending", "task": "binary"},
        "policy": {"digest": "0", "gate": {"threshold": 0.5}},
        "training": {"model_digest": model_digest(model_dir)},
        "verdict": "pass",
        **changes,
    }
    return DecisionRecord.of(content)


@pytest.fixture(scope="session")
def bundle(tmp_path_factory) -> Bundle:
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
    folder = tmp_path_factory.mktemp("bundle")
    save_model(folder / "trained")
    known = pl.from_pandas(training_rows().assign(income=lambda rows: rows["income"].fillna(3000)))
    known.select(pl.all().name.prefix("input.")).write_parquet(folder / "reference.parquet")
    return Bundle.make(
        folder / "lending-3",
        model_dir=folder / "trained",
        record=decision(folder / "trained"),
        reference=folder / "reference.parquet",
        version="3",
    )


@pytest.fixture
def good() -> dict[str, object]:
    """A record that the model's signature takes."""
    return {"age": 30, "sepal length (cm)": 5.1, "income": 2500.0, "job": "none"}


__all__ = ["Task"]
