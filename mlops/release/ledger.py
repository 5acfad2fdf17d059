"""Who has been judged on which holdout: written on MLflow runs, the one store that every machine shares."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime

from evaluation.allowance import Weighing, allowance, share_left
from evaluation.errors import EnvironmentProblem
from evaluation.row_sketch import RowSketch
from evaluation.types import Allowance
from mlops.data.table import sha256_of
from mlops.decision.canonical import canonical_json, digest_bytes
from mlops.project import Project
from mlops.registry.client import Registry
from mlops.release.journal import Step
from mlops.release.run import Release

TAG = "weighing"
_CODE = frozenset({".py"})
# Characters of a tag that the names of columns may take.
_NAMES = 1200


@dataclass(frozen=True)
class Entry:
    """A weighing, the run that it stands on, and when it was entered (UTC)."""

    run_id: str
    at: str
    weighing: Weighing

    def to_text(self) -> str:
        """One line of JSON for a tag, at most 5,000 characters."""
        found = self.weighing
        content = {
            "at": self.at,
            "candidate": found.candidate,
            "rows": found.rows,
            "share": found.share,
            "looks": found.looks,
            "planned_rows": found.planned_rows,
            "sketch": found.sketch.to_text(),
            "columns": found.columns if len(json.dumps(found.columns)) < _NAMES else (),
        }
        return json.dumps(content, allow_nan=False)

    @classmethod
    def from_text(cls, run_id: str, text: str) -> "Entry":
        """Read what `to_text` wrote; raises ValueError, KeyError or TypeError for anything else."""
        content = json.loads(text)
        sketch, at = RowSketch.from_text(content.pop("sketch")), str(content.pop("at"))
        content |= {name: tuple(content[name]) for name in ("looks", "columns")}
        weighing = Weighing(**content, sketch=sketch)
        return cls(run_id, at, weighing)


def allowance_for(release: Release, *, answered: bool = True) -> Allowance:
    """The error that this release's decision may make, entered in the ledger before anything is measured.

    answered: whether the challenger gave any answer; of one that gave none nothing is learnt, and nothing is entered.
    A release that was entered before it was killed finds its entry, and is told the same again.
    """
    project, run_id = release.project, release.journal.result(Step.TRAIN)["run_id"]
    known = entries(project.registry)
    this = _weighing(project, known)
    own = next((entry for entry in known if entry.run_id == run_id and _same(entry.weighing, this)), None)
    history = [
        entry.weighing for entry in known if own is None or (entry.at, entry.run_id) < (own.at, run_id)
    ]
    found = _ask(project, history, this)
    if own is None and answered:
        enter(project.registry, run_id, this.given(found, _share(project, history, this)))
    return found


def coming(project: Project) -> Allowance:
    """What a release of the project as it is now would be told; nothing is entered."""
    known = entries(project.registry)
    return _ask(project, [entry.weighing for entry in known], _weighing(project, known))


def entries(registry: Registry) -> list[Entry]:
    """Everything that was entered for this model, oldest first; runs that were deleted count as well.

    Raises EnvironmentProblem for an entry that can't be read: nobody knows what it spent.
    """
    found = [_read(run_id, text) for run_id, tags in registry.tags_of_runs(TAG) for text in tags.values()]
    return sorted(found, key=lambda entry: (entry.at, entry.run_id))


def enter(registry: Registry, run_id: str, weighing: Weighing) -> None:
    """Write a weighing on a run, beside those that it carries already."""
    entry = Entry(run_id, datetime.now(UTC).isoformat(timespec="microseconds"), weighing)
    registry.tag_run(
        run_id, {f"{TAG}.{digest_bytes(weighing.sketch.to_text().encode())[:12]}": entry.to_text()}
    )


def candidate_id(project: Project) -> str:
    """What makes a challenger the same one: its code, its data and how it is trained, as 64 hexadecimal digits."""
    policy = project.policy
    content = {
        "code": project.source_digest(_CODE),
        "data": project.dataset.train_fingerprint.sha256,
        "target": policy.data.target,
        "ignore": sorted(policy.data.ignore),
        "train": policy.challenger.model_dump(mode="json"),
    }
    if policy.prompts:
        content["prompts"] = [sha256_of(project.folder / name) for name in policy.prompts]
    if policy.files:
        content["files"] = project.files_digest
    return digest_bytes(canonical_json(content))


def _weighing(project: Project, known: list[Entry]) -> Weighing:
    """This project's challenger on its holdout, which is known again although it has gained columns."""
    holdout = project.dataset.holdout
    columns = tuple(sorted(holdout.schema))
    fewer = {entry.weighing.columns for entry in known if set(entry.weighing.columns) < set(columns)} - {()}
    return Weighing(
        candidate=candidate_id(project),
        rows=holdout.rows,
        sketch=RowSketch.of_parts(holdout.batches(columns)),
        columns=columns,
        views={names: RowSketch.of_parts(holdout.batches(names)) for names in fewer},
    )


def _ask(project: Project, history: list[Weighing], this: Weighing) -> Allowance:
    gate = project.policy.gate
    return allowance(_alpha(project), gate.candidates, gate.planned_rows, history, this)


def _share(project: Project, history: list[Weighing], this: Weighing) -> float:
    return share_left(_alpha(project), project.policy.gate.candidates, history, this)


def _alpha(project: Project) -> float:
    # Rounded: 1 - 0.95 is not quite 0.05.
    return round(1 - project.policy.gate.confidence, 12)


def _same(one: Weighing, other: Weighing) -> bool:
    return (one.candidate, one.rows, one.sketch) == (other.candidate, other.rows, other.sketch)


def _read(run_id: str, text: str) -> Entry:
    try:
        return Entry.from_text(run_id, text)
    except (ValueError, KeyError, TypeError):
        raise EnvironmentProblem(
            f"run {run_id} carries a weighing that can't be read",
            expected=f"a tag weighbridge.{TAG} as this version or an earlier one wrote it",
            next_step="update weighbridge; or correct the tag on that run, it says what is left of the holdout's error",
        ) from None
