"""One comparison: every candidate made and asked, one after the other, then judged together."""

import secrets
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Protocol

from evaluation.choice.best import require_choosable
from evaluation.choice.compare import Answered
from evaluation.choice.compare import compare as judged_together
from evaluation.columns import unit_codes
from evaluation.errors import UserError
from evaluation.judges.standing import Standing
from evaluation.llm.tally import Tally
from evaluation.metrics.base import Metric, Need
from evaluation.metrics.builtin import find_metric
from evaluation.metrics.named import named_by
from evaluation.stats.estimate import Settings
from evaluation.types import Form
from mlops.compare.asked import make_and_ask
from mlops.compare.candidates import Candidate, candidates, require_compare
from mlops.compare.cases import Cases, cases
from mlops.compare.config import CompareConfig
from mlops.compare.record import Asked, Deciding, Record, Written, findings, write
from mlops.config import Policy
from mlops.project import Project
from mlops.release.asking import repeated
from mlops.training.lineage import current_commit, packages

# What the Pareto front is taken over beside the metric that decides.
WEIGHED = ("cost_per_1000_answers", "latency_p50_ms")
_UNMEASURED = frozenset({Need.GROUPS, Need.VARIANTS, Need.PAIRS, Need.CHAMPION})


class Observer(Protocol):
    """Who is told how a comparison goes on."""

    def begin(self, name: str) -> None:
        """A candidate is made and asked."""
        ...

    def end(self, name: str, problem: str | None) -> None:
        """It has answered, or this is why not."""
        ...


class Silent:
    """An observer that tells nobody."""

    def begin(self, name: str) -> None:
        """Say nothing."""

    def end(self, name: str, problem: str | None) -> None:
        """Say nothing."""


def compare(project: Project, observer: Observer = Silent()) -> Written:  # noqa: B008 - it holds nothing
    """Compare the candidates of a project's policy and keep what was found below its home.

    Raises UserError for what the policy must be corrected for. A candidate that can't be made or asked is told with
    its problem, and is not compared.
    """
    policy, settings = project.policy, require_compare(project.policy)
    by, show = metrics_of(settings, policy)
    named, rows = candidates(project), cases(project)
    (by, *show), judges = _with_judges(project, [by, *show], named)
    answered = _ask_all(project, named, rows, [by, *show], observer)
    gate = named[0].policy.gate
    frame = repeated(rows.asked, gate)
    comparison = judged_together(
        answered,
        task=policy.task,
        target=frame[policy.data.target].to_numpy(),
        by=by,
        show=show,
        weigh=WEIGHED,
        settings=replace(
            Settings.of(gate),
            confidence=1 - settings.error,
            min_rows=settings.min_cases,
            unit=gate.sampled or "case",
        ),
        units=None if gate.sampled is None else unit_codes(frame, gate.sampled),
    )
    choice, now, commit = comparison.choice, datetime.now(UTC), current_commit(project.folder)
    record = Record(
        id=f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}",
        created_at=now.isoformat(timespec="seconds"),
        model=policy.model,
        task=policy.task,
        commit=commit.sha,
        dirty=commit.dirty,
        source=project.source_digest(),
        seed=policy.training.seed,
        by=Deciding(metric=by.name, direction=by.direction, error=choice.error, level=choice.level),
        cases=_asked(rows, settings, gate.sampled or "case"),
        best=choice.best,
        open=choice.open,
        needed=choice.needed,
        axes=comparison.axes,
        show=tuple(metric.name for metric in show),
        candidates=findings(comparison, named),
        judges=tuple(standing.as_json() for standing in judges),
        software=packages(),
    )
    return write(record, project.home)


def metrics_of(settings: CompareConfig, policy: Policy) -> tuple[Metric, list[Metric]]:
    """The metric that decides, and the others that are shown.

    Raises UserError for an unknown one, one that cannot decide, and one that needs more than answers to the cases.
    """
    task, among = policy.task, named_by(policy.gate)
    by = find_metric(settings.by, among=among)
    require_choosable(by, task)
    usual = WEIGHED if task.form is Form.TEXT else WEIGHED[1:]
    show = [
        find_metric(name, among=among) for name in dict.fromkeys(settings.show or usual) if name != by.name
    ]
    for metric in show:
        if task not in metric.tasks or metric.needs & _UNMEASURED:
            raise UserError(
                f"compare.show: {metric.name} cannot be measured on {task} answers to these cases",
                expected="a metric of the task that compares neither groups nor variants",
                next_step="see `weighbridge metrics`",
            )
    return by, show


def _with_judges(
    project: Project, metrics: Sequence[Metric], named: Sequence[Candidate]
) -> tuple[list[Metric], list[Standing]]:
    """The metrics, those of judges with somebody to ask; each judge is examined once, for all candidates."""
    from mlops.release.judging import examined

    configs = {judge.metric: judge for judge in project.policy.gate.judges}
    writers = {
        candidate.policy.generate.endpoint.model
        for candidate in named
        # What writes behind a chain is its own.
        if candidate.policy.generate is not None and candidate.policy.generate.chain is None
    }
    judged, standings = [], []
    for metric in metrics:
        if metric.name in configs:
            metric, standing = examined(project, configs[metric.name], writers)  # noqa: PLW2901
            standings.append(standing)
        judged.append(metric)
    return judged, standings


def _ask_all(
    project: Project, named: Sequence[Candidate], rows: Cases, metrics: Sequence[Metric], observer: Observer
) -> list[Answered]:
    found = []
    for candidate in named:
        observer.begin(candidate.name)
        answered = make_and_ask(project, candidate, rows, metrics)
        observer.end(candidate.name, answered.problem or _missing(answered))
        found.append(answered)
    return found


def _missing(answered: Answered) -> str | None:
    """What came of the requests where not all of them were answered."""
    facts = None if answered.outputs is None else answered.outputs.facts
    told = None if facts is None else Tally.of([facts])
    return told.words() if told is not None and told.failures else None


def _asked(rows: Cases, settings: CompareConfig, unit: str) -> Asked:
    return Asked(
        path=rows.path,
        sha256=rows.source.sha256,
        cases=rows.asked.height,
        repeats=settings.repeats,
        unit=unit,
    )
