"""One training run: the user's function in, a model in the tracking store with its lineage out."""

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.errors import EnvironmentProblem
from mlops.config import Policy
from mlops.data.load import Dataset
from mlops.mlflow_store import quiet_mlflow
from mlops.packaging.bundle import model_digest
from mlops.packaging.save import log_model
from mlops.training import entrypoint
from mlops.training.lineage import Commit, packages

_SIGNATURE_ROWS = 200


@dataclass(frozen=True)
class TrainedModel:
    """What a training run left behind; the files lie in the release folder, a copy in the tracking store."""

    run_id: str
    model_uri: str
    model_digest: str
    packages: Mapping[str, str]


def train(  # noqa: PLR0913 - keyword-only, one a fact
    dataset: Dataset, *, policy: Policy, project_dir: Path, commit: Commit, release_id: str, model_dir: Path
) -> TrainedModel:
    """Train, log with lineage, and copy the model's files to `model_dir`.

    Raises UserError for anything wrong in the user's function, EnvironmentProblem when the store does not answer.
    """
    table = dataset.training.columns([*dataset.features, policy.data.target])
    features, target = table.select(dataset.features).to_pandas(), table[policy.data.target].to_pandas()
    with entrypoint.entrypoint(policy.training.entrypoint, project_dir) as function:
        model = entrypoint.call(
            function,
            features,
            target,
            seed=policy.training.seed,
            params=policy.training.params,
            project_dir=project_dir,
        )
        mlflow = quiet_mlflow()
        mlflow.set_experiment(policy.model)
        with mlflow.start_run(
            run_name=release_id, tags=lineage_tags(dataset, policy, commit, release_id)
        ) as run:
            uri = log_model(
                model,
                name=policy.model,
                features=features.head(_SIGNATURE_ROWS),
                task=policy.task,
                requirements=policy.training.requirements,
                trusted_types=policy.training.trusted_types,
                project_dir=project_dir,
            )
    _copy_files(mlflow, uri, model_dir)
    return TrainedModel(
        run_id=run.info.run_id,
        model_uri=uri,
        model_digest=model_digest(model_dir),
        packages=packages(),
    )


def lineage_tags(dataset: Dataset, policy: Policy, commit: Commit, release_id: str) -> dict[str, str]:
    """Everything that is needed to say where a model came from, as MLflow tags."""
    tags = {
        "weighbridge.release": release_id,
        "weighbridge.commit": commit.sha or "",
        "weighbridge.branch": commit.branch or "",
        "weighbridge.dirty": str(commit.dirty).lower(),
        "weighbridge.policy_digest": policy.digest,
        "weighbridge.data.train.sha256": dataset.train_fingerprint.sha256,
        "weighbridge.data.evaluate.sha256": dataset.evaluate_fingerprint.sha256,
        "weighbridge.train": json.dumps(policy.training.model_dump(mode="json"), allow_nan=False),
        "weighbridge.packages": json.dumps(packages()),
    }
    if commit.sha:
        tags["mlflow.source.git.commit"] = commit.sha
    return tags


def _copy_files(mlflow: Any, uri: str, model_dir: Path) -> None:
    shutil.rmtree(model_dir, ignore_errors=True)
    model_dir.parent.mkdir(parents=True, exist_ok=True)
    downloaded = mlflow.artifacts.download_artifacts(uri, dst_path=str(model_dir))
    if Path(downloaded).resolve() != model_dir.resolve():
        raise EnvironmentProblem(
            f"the tracking store put the model into {downloaded}", expected=str(model_dir)
        )
