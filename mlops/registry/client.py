"""What we ask of MLflow's registry, in our words."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from evaluation.errors import UserError
from mlops.mlflow_store import store_errors
from mlops.registry.prompts import PromptVersion

_TAG = "weighbridge."
_EVIDENCE = "weighbridge"


class Alias(StrEnum):
    """The three names that a version can carry."""

    CHAMPION = "champion"
    CHALLENGER = "challenger"
    PREVIOUS = "previous"


@dataclass(frozen=True)
class ModelVersion:
    """One version in the registry; digests are what was written when it was registered, None if it was not us."""

    model: str
    version: str
    release_id: str | None
    run_id: str | None
    decision_digest: str | None
    model_digest: str | None
    decision_key: str | None = None
    commit: str | None = None
    verdict: str | None = None
    served: str | None = None
    """When it was champion, as `mlops.registry.moves` writes it."""


class Registry:
    """The versions of one registered model."""

    def __init__(self, mlflow: Any, model: str) -> None:
        self._mlflow = mlflow
        self._uri = mlflow.get_tracking_uri()
        self._client = mlflow.MlflowClient(self._uri, self._uri)
        self.model = model

    def by_alias(self, alias: Alias) -> ModelVersion | None:
        """The version that carries an alias, or None."""
        with store_errors(self._uri):
            try:
                return self._read(self._client.get_model_version_by_alias(self.model, alias.value))
            except self._mlflow.exceptions.MlflowException as error:
                if error.error_code in {"RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"}:
                    return None
                raise

    def by_version(self, version: str) -> ModelVersion:
        """A version by its number; raises UserError when there is none."""
        for found in self.versions():
            if found.version == version:
                return found
        raise UserError(
            f"model '{self.model}' has no version {version}",
            expected=f"one of: {', '.join(item.version for item in self.versions()) or 'none registered yet'}",
            next_step="weighbridge status",
        )

    def by_release(self, release_id: str) -> ModelVersion | None:
        """The version that a release registered, or None."""
        return next((found for found in self.versions() if found.release_id == release_id), None)

    def versions(self) -> list[ModelVersion]:
        """All versions, newest first."""
        with store_errors(self._uri):
            found = self._client.search_model_versions(f"name = '{self.model}'", max_results=1000)
        return sorted((self._read(item) for item in found), key=lambda item: int(item.version), reverse=True)

    def register(
        self, *, source: str, run_id: str, description: str, tags: Mapping[str, str]
    ) -> ModelVersion:
        """Make a new version from a logged model."""
        with store_errors(self._uri):
            try:
                self._client.create_registered_model(self.model)
            except self._mlflow.exceptions.MlflowException as error:
                if error.error_code != "RESOURCE_ALREADY_EXISTS":
                    raise
            made = self._client.create_model_version(
                self.model,
                source=source,
                run_id=run_id,
                description=description,
                tags={_TAG + key: value for key, value in tags.items()},
                model_id=source.rpartition("/")[2] if source.startswith("models:/m-") else None,
            )
            return self._read(made)

    def set_alias(self, alias: Alias, version: str | None) -> None:
        """Give an alias to a version, or take it away."""
        with store_errors(self._uri):
            if version is None:
                if self.by_alias(alias):
                    self._client.delete_registered_model_alias(self.model, alias.value)
            else:
                self._client.set_registered_model_alias(self.model, alias.value, version)

    def point_prompt(self, prompt: PromptVersion, alias: Alias) -> None:
        """Let an alias name a version of a prompt."""
        with store_errors(self._uri):
            self._client.set_prompt_alias(prompt.name, alias.value, int(prompt.version))

    def log_evidence(self, run_id: str, files: list[Path]) -> None:
        """Keep a release's evidence with its run."""
        with store_errors(self._uri):
            for file in files:
                if file.exists():
                    self._client.log_artifact(run_id, str(file), _EVIDENCE)

    def evidence_link(self, run_id: str) -> str:
        """Where MLflow's pages show a run's evidence; relative, so that it holds on any host."""
        with store_errors(self._uri):
            experiment = self._client.get_run(run_id).info.experiment_id
        return f"#/experiments/{experiment}/runs/{run_id}/artifacts/{_EVIDENCE}/report.html"

    def log_metrics(self, run_id: str, metrics: Mapping[str, float]) -> None:
        """Keep numbers with a run."""
        from mlflow.entities import Metric as MlflowMetric

        with store_errors(self._uri):
            entries = [MlflowMetric(key, value, 0, 0) for key, value in metrics.items()]
            self._client.log_batch(run_id, metrics=entries)

    def tag_run(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Write tags on a run."""
        with store_errors(self._uri):
            for key, value in tags.items():
                self._client.set_tag(run_id, _TAG + key, value)

    def tags_of_runs(self, prefix: str) -> list[tuple[str, dict[str, str]]]:
        """Tags whose key is `prefix` or starts with `prefix.`, of every run of this model, deleted ones too.

        As (run id, tags), oldest run first; runs without such a tag are left out.
        """
        from mlflow.entities import ViewType

        start, found, token = f"{_TAG}{prefix}.", [], None
        with store_errors(self._uri):
            experiment = self._client.get_experiment_by_name(self.model)
            while experiment is not None:
                page = self._client.search_runs(
                    [experiment.experiment_id],
                    run_view_type=ViewType.ALL,
                    max_results=1000,
                    order_by=["attributes.start_time ASC"],
                    page_token=token,
                )
                for run in page:
                    tags = {key: value for key, value in run.data.tags.items() if f"{key}.".startswith(start)}
                    if tags:
                        found.append((run.info.run_id, tags))
                token = page.token
                if not token:
                    break
        return found

    def tag_version(self, version: str, key: str, value: str) -> None:
        """Write a tag on a version."""
        with store_errors(self._uri):
            self._client.set_model_version_tag(self.model, version, _TAG + key, value)

    def tag_model(self, key: str, value: str | None) -> None:
        """Write a tag on the model as a whole, or take it away."""
        with store_errors(self._uri):
            if value is not None:
                self._client.set_registered_model_tag(self.model, _TAG + key, value)
            elif self.model_tag(key) is not None:
                self._client.delete_registered_model_tag(self.model, _TAG + key)

    def model_tag(self, key: str) -> str | None:
        """A tag of the model as a whole; None when there is none, or no such model."""
        with store_errors(self._uri):
            try:
                tags = self._client.get_registered_model(self.model).tags
            except self._mlflow.exceptions.MlflowException as error:
                if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                    return None
                raise
        found: str | None = tags.get(_TAG + key)
        return found

    def download_model(self, version: ModelVersion, folder: Path) -> Path:
        """Copy a version's model files into a folder."""
        with store_errors(self._uri):
            uri = f"models:/{self.model}/{version.version}"
            return self._download(folder, artifact_uri=uri)

    def download_evidence(self, version: ModelVersion, name: str, folder: Path) -> Path:
        """Copy one file of a version's evidence into a folder; raises UserError when it is not with the run."""
        with store_errors(self._uri):
            kept = {Path(item.path).name for item in self._client.list_artifacts(version.run_id, _EVIDENCE)}
            if name not in kept:
                raise UserError(
                    f"version {version.version} of '{version.model}' has no {name}",
                    expected="the evidence that `weighbridge gate` keeps with the run",
                    next_step="release again: weighbridge release --new",
                )
            return self._download(folder, run_id=version.run_id, artifact_path=f"{_EVIDENCE}/{name}")

    def _download(self, folder: Path, **what: str | None) -> Path:
        store = {"tracking_uri": self._uri, "registry_uri": self._uri}
        return Path(self._mlflow.artifacts.download_artifacts(dst_path=str(folder), **store, **what))

    def _read(self, found: Any) -> ModelVersion:
        tags = found.tags or {}
        return ModelVersion(
            model=found.name,
            version=str(found.version),
            release_id=tags.get(_TAG + "release"),
            run_id=found.run_id or None,
            decision_digest=tags.get(_TAG + "decision_digest"),
            model_digest=tags.get(_TAG + "model_digest"),
            decision_key=tags.get(_TAG + "decision_key"),
            commit=tags.get(_TAG + "commit") or None,
            verdict=tags.get(_TAG + "verdict"),
            served=tags.get(_TAG + "served"),
        )
