"""An earlier release whose answers tell how the next one may come out."""

from dataclasses import replace

import numpy as np

from evaluation.answers import Answers
from evaluation.errors import UserError
from evaluation.plan import columns_of
from mlops.project import Project
from mlops.release.evidence import read_answers
from mlops.release.journal import Journal, Step, journals
from mlops.release.run import releases_dir


def find_pilot(project: Project) -> Answers | None:
    """The newest release that tells how two models differ, else the newest that was evaluated, else None.

    A release counts if it kept its answers, with the columns that the policy asks for now.
    """
    alone: Answers | None = None
    for journal in journals(releases_dir(project)):
        if journal.model != project.policy.model or not journal.done(Step.EVALUATE):
            continue
        found = _read(project, journal)
        if found is None:
            continue
        if found.tells_difference:
            return found
        alone = alone or replace(
            found, name=f"{found.name}, one model", champion=None, champion_latency_ms=None
        )
    return alone


def _read(project: Project, journal: Journal) -> Answers | None:
    try:
        answers = read_answers(journal.folder)
    except UserError:
        return None
    frame, wanted = answers.frame, columns_of(project.policy.gate)
    if not set(wanted) <= set(frame.columns):
        # The policy asks for other columns than it did then; on the same rows they can be had.
        holdout, target = project.dataset.holdout, project.policy.data.target
        if not set(wanted) <= set(holdout.schema) or not np.array_equal(
            holdout.columns([target])[target].to_numpy(), answers.target
        ):
            return None
        frame = holdout.columns(wanted)
    return replace(answers, frame=frame)
