"""What a model that writes is asked beside the holdout: cases with another person in them, and pairs of sentences."""

from collections.abc import Iterable

import numpy as np
import polars as pl

from evaluation.answers import Answers
from evaluation.config import CASE, GateConfig
from evaluation.counterfactual.stereotypes import asks_of, outputs_of, read_pairs
from evaluation.counterfactual.variants import variants
from evaluation.llm.client import Endpoint
from evaluation.llm.config import EMBEDDED
from evaluation.metrics.base import Metric, Need
from evaluation.metrics.builtin import find_metric
from evaluation.metrics.named import named_by
from evaluation.plan import lists_of
from evaluation.predict import predict
from evaluation.text.rows import score_rows
from evaluation.types import Outputs
from mlops.generation.generator import Generator
from mlops.packaging.load import PackagedModel
from mlops.packaging.load_generator import GeneratorModel
from mlops.project import Project
from mlops.release.asking import REPLIES


def ask_variants(project: Project, model: PackagedModel, champion: PackagedModel | None) -> Answers | None:
    """What both say about the cases with another person in them; None where no line of policy is about it.

    Its name tells how many cases of each list were asked, and why others were not. Only lists of words that a line
    names are asked. Raises UserError for a section that does not fit the data.
    """
    gate, holdout = project.policy.gate, project.dataset.holdout
    metrics = list(_metrics(gate, Need.VARIANTS))
    if gate.counterfactual is None or not metrics:
        return None
    named = {group for check in gate.checks for group in check.groups}
    swap = [
        path for path, name in zip(gate.counterfactual.swap, lists_of(gate), strict=True) if name in named
    ]
    config = gate.counterfactual.model_copy(update={"swap": tuple(swap)})
    made = variants(holdout.columns(list(holdout.schema)), config, project.folder, seed=gate.seed)
    theirs = None if champion is None else _scored(project, champion, made.frame, metrics)
    columns = [CASE, *(name for name in lists_of(gate) if name in made.frame.columns)]
    return Answers(
        target=made.frame[project.policy.data.target].to_numpy(),
        frame=made.frame.select([*columns, *([gate.unit] if gate.unit else [])]),
        challenger=_scored(project, model, made.frame, metrics),
        champion=theirs,
        name=made.told(),
    )


def _scored(project: Project, model: PackagedModel, frame: pl.DataFrame, metrics: list[Metric]) -> Outputs:
    names = [field.name for field in model.inputs]
    outputs = predict(model, [frame.select(names)], task=project.policy.task)
    target = frame[project.policy.data.target].to_numpy()
    return score_rows(
        outputs,
        metrics,
        target=target,
        inputs=frame,
        settings=project.texts,
        replies=project.home / REPLIES,
    )


def ask_pairs(project: Project, model: PackagedModel) -> Answers | None:
    """Which of two sentences the language model behind the challenger finds likelier; None where no line asks.

    Raises UserError for a list of pairs that cannot be read, and a model that has no language model behind it.
    """
    gate = project.policy.gate
    if not any(_metrics(gate, Need.PAIRS)) or not isinstance(model, GeneratorModel):
        return None
    if not isinstance(model.generator, Generator):
        # What a chain asks is its own.
        return None
    pairs = read_pairs(project.folder / gate.stereotype_pairs if gate.stereotype_pairs else None)
    writer = model.generator
    config = writer.endpoint
    endpoint = Endpoint.of(config, cache=model.replies, budget=writer.purse, health=writer.health)
    # The engine that comes with Weighbridge takes a grammar; of others that is not known.
    said = endpoint.ask_now(asks_of(pairs, grammar=config.url == EMBEDDED))
    about = pl.DataFrame(
        {"about": [pair.about for pair in pairs], "opening": [pair.opening for pair in pairs]}
    )
    return Answers(
        np.array([pair.stereotype for pair in pairs], dtype=object), about, outputs_of(pairs, said)
    )


def _metrics(gate: GateConfig, need: Need) -> Iterable[Metric]:
    for name in dict.fromkeys(check.metric for check in gate.checks):
        if need in (metric := find_metric(name, among=named_by(gate))).needs:
            yield metric
