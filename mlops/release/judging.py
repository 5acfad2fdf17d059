"""Judges of a release: each is examined, then asked about what both models answered to the holdout."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from functools import partial

import polars as pl

from evaluation.config import GateConfig
from evaluation.judges.config import JudgeConfig, rubric_of
from evaluation.judges.declare import CHAMPION_ANSWER, judging
from evaluation.judges.judge import Judge, digest
from evaluation.judges.labelled import LabelledSet, read_labelled
from evaluation.judges.standing import Standing, examine, void_anyway
from evaluation.llm.client import Endpoint
from evaluation.metrics.base import Metric
from evaluation.text.rows import score_rows
from evaluation.types import Outputs
from mlops.packaging.load import PackagedModel
from mlops.packaging.load_generator import GeneratorModel
from mlops.project import Project
from mlops.release.asking import REPLIES, repeated


@dataclass(frozen=True)
class Judged:
    """What both said, with the judges' scores of it, and what is known of the judges."""

    challenger: Outputs
    champion: Outputs | None
    standings: tuple[Standing, ...] = ()


def judges_of(gate: GateConfig) -> Iterator[JudgeConfig]:
    """The judges that a line of policy asks for."""
    named = {check.metric for check in gate.checks}
    return (judge for judge in gate.judges if judge.metric in named)


def void_judges(project: Project) -> dict[str, str]:
    """Judges that will be void whatever they say, and why, by their metrics; found before anything is asked.

    Raises UserError for rubrics and labelled answers that can't be read.
    """
    found = {}
    for config in judges_of(project.policy.gate):
        _, labelled = seated(project, config)
        if (problem := void_anyway(config, labelled)) is not None:
            found[config.metric] = problem
    return found


def digests(project: Project, gate: GateConfig) -> dict[str, str]:
    """What tells the judges of a gate from others of the same name, by metric. Raises UserError for a rubric's file."""
    return {judge.metric: digest(judge, rubric_of(judge, project.folder)) for judge in judges_of(gate)}


def seated(project: Project, config: JudgeConfig) -> tuple[Judge, LabelledSet | None]:
    """A judge with its rubric and its endpoint, and the answers that people scored.

    What it says is kept in the project's home: neither it nor its examination is paid for twice. Raises UserError.
    """
    endpoint = Endpoint.of(config.endpoint, cache=project.home / REPLIES, budget=config.budget)
    labelled = (
        None if config.labelled is None else read_labelled(project.folder / config.labelled, config.scale)
    )
    return Judge(config, rubric_of(config, project.folder), endpoint.ask_now), labelled


def examined(project: Project, config: JudgeConfig, writers: Collection[str]) -> tuple[Metric, Standing]:
    """A judge's metric, void where it failed a trial; writers: the models that wrote what it will be asked about."""
    judge, labelled = seated(project, config)
    standing = examine(judge, labelled, writers)
    return judging(judge, standing, labelled), standing


def writer_of(model: PackagedModel | None) -> set[str]:
    """The name of the language model behind a model, as its endpoint knows it."""
    endpoint = getattr(model.generator, "endpoint", None) if isinstance(model, GeneratorModel) else None
    return set() if endpoint is None else {endpoint.model}


def judge_holdout(
    project: Project,
    challenger: Outputs,
    champion: Outputs | None,
    writers: Collection[str],
    progress: Callable[[float], None] = lambda _: None,
) -> Judged:
    """Let every judge that the policy asks for score what both answered to the holdout.

    A judge that compares with the champion has nothing to do before there is one. Raises UserError for files of a
    judge that cannot be read, and a key that is missing.
    """
    policy, holdout = project.policy, project.dataset.holdout
    wanted = [judge for judge in judges_of(policy.gate) if champion is not None or not judge.compares]
    if not wanted:
        return Judged(challenger, champion)
    cases = repeated(holdout.columns(list(holdout.schema)), policy.gate)
    scored = partial(score_rows, target=cases[policy.data.target].to_numpy(), settings=project.texts)
    beside = cases
    if champion is not None:
        theirs = pl.Series(CHAMPION_ANSWER, champion.labels.tolist(), dtype=pl.String)
        beside = cases.with_columns(theirs)
    standings = []
    for done, config in enumerate(wanted, start=1):
        metric, standing = examined(project, config, writers)
        challenger = scored(challenger, [metric], inputs=beside)
        if champion is not None and not config.compares:
            champion = scored(champion, [metric], inputs=cases)
        standings.append(standing)
        progress(done / len(wanted))
    return Judged(challenger, champion, tuple(standings))
