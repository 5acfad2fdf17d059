"""What another policy would have decided on the releases of the past."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import numpy as np
import polars as pl

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.json_codec import outcome_from_json
from evaluation.judges.judge import not_comparable
from evaluation.plan import columns_of
from evaluation.types import Allowance, GateOutcome, Outputs, Verdict
from mlops.data.table import Table
from mlops.decision.record import FILE_NAME, DecisionRecord
from mlops.decision.replay import decide_again
from mlops.release.evidence import read_answers

Holdout = Callable[[str], Table | None]


@dataclass(frozen=True)
class Verdicts:
    """One past release: what was decided, and what the other policy makes of the same answers.

    `outcome` is None where the release can't be weighed again, and `problem` says why. `moved` names the checks
    whose verdict is another, with both verdicts; None stands for a check that one of the policies has not.
    """

    record: DecisionRecord
    outcome: GateOutcome | None
    moved: tuple[tuple[str, Verdict | None, Verdict | None], ...] = ()
    problem: str | None = None

    @property
    def flipped(self) -> bool:
        """Whether the release would have been decided otherwise."""
        return self.outcome is not None and self.outcome.verdict is not self.record.verdict


def backtest(
    folders: Iterable[Path],
    gate: GateConfig,
    *,
    holdout: Holdout,
    judges: Mapping[str, str] = MappingProxyType({}),
    progress: Callable[[float], None] | None = None,
) -> list[Verdicts]:
    """Decide every past release again by another gate, oldest first, from the answers that were kept.

    folders: releases' folders. holdout: the evaluation data by their SHA-256, for columns that the old policy did
    not name; None where that file is gone. judges: the digest of each judge that the gate asks for, by its metric;
    scores of another judge of that name say nothing about it.
    """
    places = list(folders)
    found = []
    for done, folder in enumerate(places, start=1):
        found.append(_again(folder, gate, holdout, judges))
        if progress is not None:
            progress(done / len(places))
    return found


def _again(folder: Path, gate: GateConfig, holdout: Holdout, judges: Mapping[str, str]) -> Verdicts:
    record = DecisionRecord.read(folder / FILE_NAME)
    if record.content["training"] is None or not record.content["evidence"]:
        return Verdicts(record, None, problem="its data did not validate, so no model was weighed")
    recorded = outcome_from_json(record.content)
    try:
        answers = _by_these(judges, _with_columns(read_answers(folder), gate, holdout, record), record)
        outcome = decide_again(record, answers, gate, _allowance(recorded, record, gate))
    except UserError as error:
        return Verdicts(record, None, problem=error.found)
    return Verdicts(record, outcome, tuple(_moved(recorded, outcome)))


def _with_columns(answers: Answers, gate: GateConfig, holdout: Holdout, record: DecisionRecord) -> Answers:
    """The answers with every column that the other policy names, from the holdout where it is still the same."""
    missing = [name for name in columns_of(gate) if name not in answers.frame.columns]
    if not missing:
        return answers
    table = holdout(record.content["data"]["evaluate"]["sha256"])
    absent = missing if table is None else [name for name in missing if name not in table.schema]
    if table is None or absent:
        raise UserError(
            f"column {', '.join(absent)} was not kept with its predictions, and its holdout is gone"
        )
    columns = [*answers.frame.iter_columns(), *table.columns(missing).iter_columns()]
    return replace(answers, frame=pl.DataFrame(columns))


def _by_these(judges: Mapping[str, str], answers: Answers, record: DecisionRecord) -> Answers:
    """The answers without the scores of judges that were others then."""
    then = {f"judge_{judge['judge']}": judge["digest"] for judge in record.content["judges"]}
    changed = {
        metric: why
        for metric, now in judges.items()
        if metric in then and (why := not_comparable(metric.removeprefix("judge_"), now, then[metric]))
    }
    if not changed:
        return answers
    champion = None if answers.champion is None else _voided(answers.champion, changed)
    return replace(answers, challenger=_voided(answers.challenger, changed), champion=champion)


def _voided(outputs: Outputs, changed: Mapping[str, str]) -> Outputs:
    n = len(outputs.labels)
    return replace(
        outputs,
        row_scores={
            name: np.full_like(values, np.nan) if name in changed else values
            for name, values in outputs.row_scores.items()
        },
        row_problems={
            **outputs.row_problems,
            **{name: np.full(n, why, dtype=object) for name, why in changed.items()},
        },
    )


def _allowance(recorded: GateOutcome, record: DecisionRecord, gate: GateConfig) -> Allowance | None:
    """The recorded share of error, scaled where the other policy allows or divides it otherwise."""
    if recorded.allowance is None:
        return None
    before = GateConfig.model_validate(record.content["policy"]["gate"])
    share = (1 - gate.confidence) / gate.candidates
    factor = share / ((1 - before.confidence) / before.candidates)
    if abs(factor - 1) < 1e-12:
        return recorded.allowance
    return replace(
        recorded.allowance,
        alpha=round(1 - gate.confidence, 12),
        level=recorded.allowance.level * factor,
        candidates=gate.candidates,
    )


def _moved(before: GateOutcome, after: GateOutcome) -> Iterable[tuple[str, Verdict | None, Verdict | None]]:
    old = {check.id: check.verdict for check in before.checks}
    new = {check.id: check.verdict for check in after.checks}
    for name in dict.fromkeys([*old, *new]):
        if old.get(name) is not new.get(name):
            yield name, old.get(name), new.get(name)
