"""What every contestant serves: the lending example's model, trained here, as a bundle with all that a release has."""

import importlib.util
import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

ROOT = Path(__file__).parents[2]

EXAMPLE = ROOT / "examples" / "lending"
RECORD = ROOT / "docs" / "decision-record.example.json"
LEFT_OUT = ("customer_id", "sex", "age_band", "education_group", "marriage", "default")


@dataclass(frozen=True)
class Served:
    """A bundle, the MLflow model in it, one record for it and the score that the model gives to that record."""

    bundle: Path
    record: dict[str, Any]
    score: float

    @property
    def model(self) -> Path:
        """The model alone, for those who know nothing of bundles."""
        return self.bundle / "model"


def make_bundle(folder: Path) -> Served:
    """Train the example's model and pack it, with the ranges that the server's guards compare with."""
    from mlops.decision.canonical import digest_file
    from mlops.decision.keys import make_own_key
    from mlops.decision.record import DecisionRecord
    from mlops.decision.signed import SignedRecord
    from mlops.packaging.bundle import RANGES, REFERENCE, Bundle, model_digest
    from mlops.packaging.ranges import Ranges

    rows = pl.read_parquet(EXAMPLE / "data" / "train.parquet")
    features = rows.drop(LEFT_OUT)
    score = save_model(folder / "trained", features, rows["default"])
    reference, ranges = folder / REFERENCE, folder / RANGES
    features.head(1000).select(pl.all().name.prefix("input.")).write_parquet(reference)
    ranges.write_bytes(Ranges.of(features.iter_columns()).to_json())
    content = json.loads(RECORD.read_text())
    content["release"]["model"] = "lending"
    content["training"]["model_digest"] = model_digest(folder / "trained")
    content["evidence"] = {each.name: digest_file(each) for each in (reference, ranges)}
    bundle = Bundle.make(
        folder / "bundle",
        model_dir=folder / "trained",
        signed=SignedRecord.sign(DecisionRecord.of(content), make_own_key()),
        reference=reference,
        ranges=ranges,
        version="1",
    )
    return Served(bundle.path, features.row(0, named=True), score)


def save_model(folder: Path, features: pl.DataFrame, target: pl.Series) -> float:
    """Fit the model as the example's author wrote it, save it as `weighbridge train` does; returns its first score."""
    import mlflow
    import skops.io

    spec = importlib.util.spec_from_file_location("lending_train", EXAMPLE / "train.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError(EXAMPLE / "train.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    table = features.to_pandas()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = module.train(table, target.to_pandas(), seed=0)
        mlflow.sklearn.save_model(
            model,
            str(folder),
            signature=mlflow.models.infer_signature(table, model.predict_proba(table.head(3))),
            pip_requirements=["scikit-learn"],
            serialization_format="skops",
            skops_trusted_types=skops.io.get_untrusted_types(data=skops.io.dumps(model)),
            pyfunc_predict_fn="predict_proba",
            metadata={"classes": [0, 1]},
        )
    return float(model.predict_proba(table.head(1))[0, 1])
