"""Making one candidate as training would, and asking it about the cases."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from evaluation.choice.compare import Answered
from evaluation.errors import WeighbridgeError
from evaluation.metrics.base import Metric, Need
from evaluation.predict import measure_latency, predict
from evaluation.text.rows import score_rows
from evaluation.types import Outputs, Predictor, Task
from mlops.compare.candidates import Candidate
from mlops.compare.cases import Cases
from mlops.config import Policy
from mlops.generation.chain import Chain
from mlops.generation.generator import Generator
from mlops.generation.writer import Writer
from mlops.packaging.load import InputField, outputs_of
from mlops.packaging.load_generator import GeneratorModel
from mlops.packaging.save import classes_of, require_estimator
from mlops.project import Project
from mlops.release.asking import REPLIES, repeated
from mlops.training import entrypoint

_REQUESTS = 200


@dataclass(frozen=True)
class FittedModel:
    """An estimator as training made it, not yet saved; satisfies evaluation.types.Predictor."""

    estimator: Any
    task: Task
    threshold: float
    features: tuple[str, ...]

    def predict(self, features: pl.DataFrame) -> Outputs:
        """Answer for every row, in order."""
        ask = self.estimator.predict if self.task is Task.REGRESSION else self.estimator.predict_proba
        said = ask(features.select(self.features).to_pandas())
        classes = classes_of(self.estimator, self.task)
        return outputs_of(said, task=self.task, threshold=self.threshold, classes=classes)


def make_and_ask(project: Project, candidate: Candidate, cases: Cases, metrics: Sequence[Metric]) -> Answered:
    """What a candidate says about every case, measured by these metrics; one that fails says why."""
    try:
        model = _made(project, candidate.policy, cases.made_from)
        outputs = _ask(project, candidate.policy, model, cases.asked, metrics)
        latency_ms = outputs.latency_ms
        if latency_ms is None and any(Need.LATENCY in metric.needs for metric in metrics):
            latency_ms = measure_latency(
                model, cases.asked, seed=candidate.policy.gate.seed, requests=_REQUESTS
            )
    except WeighbridgeError as error:
        return Answered(candidate.name, None, problem=error.found)
    return Answered(candidate.name, outputs, latency_ms)


def _made(project: Project, policy: Policy, rows: pl.DataFrame) -> Predictor:
    features, training = project.dataset.features, policy.training
    with entrypoint.entrypoint(training.entrypoint, project.folder) as function:
        model = entrypoint.call(
            function,
            rows.select(features).to_pandas(),
            rows[policy.data.target].to_pandas(),
            seed=training.seed,
            params=training.params,
            project_dir=project.folder,
        )
    if isinstance(model, Generator | Chain):
        return _generator(model, project.home / REPLIES)
    require_estimator(model)
    return FittedModel(model, policy.task, policy.gate.threshold, features)


def _generator(generator: Writer, replies: Path) -> GeneratorModel:
    """Answers are kept as evaluations keep them: what was paid for here is not asked again by a release."""
    inputs = tuple(InputField(name, "string", required=True) for name in generator.inputs)
    return GeneratorModel(generator, inputs, {}, replies)


def _ask(
    project: Project, policy: Policy, model: Predictor, cases: pl.DataFrame, metrics: Sequence[Metric]
) -> Outputs:
    each = repeated(cases, policy.gate)
    return score_rows(
        predict(model, each, task=policy.task),
        metrics,
        target=each[policy.data.target].to_numpy(),
        inputs=each,
        settings=project.texts,
        replies=project.home / REPLIES,
    )
