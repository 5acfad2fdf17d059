"""Asking a model about the holdout, as often as the policy says, and measuring every text that it answers."""

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import polars as pl

from evaluation.config import CASE, GateConfig
from evaluation.metrics.base import Metric
from evaluation.metrics.builtin import OVERVIEW, find_metric
from evaluation.metrics.named import named_by
from evaluation.plan import BESIDE_ROWS
from evaluation.predict import CHUNK_ROWS, predict
from evaluation.text.rows import score_rows, unready
from evaluation.types import Outputs
from mlops.config import Policy
from mlops.packaging.load import PackagedModel
from mlops.project import Project

REPLIES = "replies.db"


def ask_holdout(
    project: Project, model: PackagedModel, progress: Callable[[float], None] = lambda _: None
) -> Outputs:
    """What a model says about every row of the holdout, each asked `gate.repeats` times, one after the other.

    Raises UserError where the model raises or its answers are of another form than the task's.
    """
    policy, holdout = project.policy, project.dataset.holdout
    names = [field.name for field in model.inputs]
    outputs = predict(
        model,
        _each_repeated(holdout.batches(names), policy.gate.repeats),
        task=policy.task,
        progress=lambda rows: progress(rows / (holdout.rows * policy.gate.repeats)),
    )
    scorers = list(_text_metrics(project))
    if not scorers:
        return outputs
    cases = repeated(holdout.columns(list(holdout.schema)), policy.gate)
    return score_rows(
        outputs,
        scorers,
        target=cases[policy.data.target].to_numpy(),
        inputs=cases,
        settings=project.texts,
        replies=project.home / REPLIES,
    )


def unready_metrics(project: Project) -> dict[str, str]:
    """What is not installed for metrics of texts that a release will measure, by their names.

    Raises UserError where the policy does not say what such a metric must be told.
    """
    policy = project.policy
    return unready(
        [
            *_text_metrics(project),
            *(metric for metric in measured(policy) if not metric.needs.isdisjoint(BESIDE_ROWS)),
        ],
        pl.DataFrame(schema=project.dataset.holdout.schema),
        project.texts,
    )


def repeated(frame: pl.DataFrame, gate: GateConfig) -> pl.DataFrame:
    """A table with every row as often as it is asked; the column `case` then says which row that was."""
    if gate.repeats == 1:
        return frame
    found = frame[np.repeat(np.arange(frame.height), gate.repeats)]
    return found.with_columns(pl.Series(CASE, np.repeat(np.arange(frame.height), gate.repeats)))


def _each_repeated(tables: Iterable[pl.DataFrame], times: int) -> Iterator[pl.DataFrame]:
    """Tables that go to the model whole: it tells the repeats of a case apart within what it is asked at once."""
    for table in tables:
        for part in table.iter_slices(max(1, CHUNK_ROWS // times)):
            yield part if times == 1 else part[np.repeat(np.arange(part.height), times)]


def _text_metrics(project: Project) -> Iterator[Metric]:
    """What the policy and the report ask of every text, each once."""
    for metric in measured(project.policy):
        if metric.scorer is not None and metric.needs.isdisjoint(BESIDE_ROWS):
            yield metric


def measured(policy: Policy) -> Iterator[Metric]:
    """What the checks name, and what every report of the task shows, each once."""
    for name in dict.fromkeys([*(check.metric for check in policy.gate.checks), *OVERVIEW[policy.task]]):
        yield find_metric(name, among=named_by(policy.gate))
