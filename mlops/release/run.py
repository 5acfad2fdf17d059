"""Running a release: which one goes on, which steps are left, and what each leaves behind."""

import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

from evaluation.errors import UserError
from evaluation.types import Consequence, Verdict
from mlops.decision.canonical import canonical_json, digest_bytes
from mlops.project import Project
from mlops.release.journal import Journal, Step, find, journals
from mlops.training.lineage import current_commit

Fraction = Callable[[float], None]


class Observer(Protocol):
    """Who is told how a release goes on."""

    def begin(self, step: Step) -> Fraction:
        """A step starts; the returned function takes its progress from 0 to 1."""
        ...

    def end(self, step: Step, summary: str, verdict: Verdict | None) -> None:
        """A step has ended; `summary` is one line for a person."""
        ...

    def earlier(self, step: Step) -> None:
        """A step was done before this run."""
        ...


@dataclass(frozen=True)
class StepDone:
    """What a step leaves: its result for the journal, one line for a person, and its verdict if it judges."""

    result: dict[str, Any]
    summary: str
    verdict: Verdict | None = None


@dataclass(frozen=True)
class Release:
    """A release at work."""

    project: Project
    journal: Journal
    image: str | None = None

    @property
    def folder(self) -> Path:
        """Where the release keeps its evidence."""
        return self.journal.folder

    @property
    def id(self) -> str:
        """The release's id."""
        return self.journal.id


def releases_dir(project: Project) -> Path:
    """Where all releases of a home lie."""
    return project.home / "releases"


def begin(project: Project, *, new: bool = False) -> Release:
    """Go on with the unfinished release of exactly these inputs, or start a new one; `new` always starts one.

    Inputs are the policy, the data, the project's code and the commit; a change in any starts a new release.
    """
    commit = current_commit(project.folder)
    inputs = digest_bytes(
        canonical_json(
            {
                "policy": project.policy.digest,
                "source": project.source_digest(),
                "train": project.dataset.train_fingerprint.sha256,
                "evaluate": project.dataset.evaluate_fingerprint.sha256,
                "commit": commit.sha,
                "files": project.files_digest,
            }
        )
    )
    for journal in journals(releases_dir(project)):
        same = journal.model == project.policy.model and journal.inputs == inputs
        if same and not journal.ended and not new:
            return Release(project, journal)
    journal = Journal.start(
        releases_dir(project), model=project.policy.model, inputs=inputs, commit=asdict(commit)
    )
    return Release(project, journal)


def current(project: Project, release_id: str | None = None) -> Release:
    """The named release, else the newest one; raises UserError when there is none."""
    if release_id is not None:
        return Release(project, find(releases_dir(project), release_id))
    for journal in journals(releases_dir(project)):
        if journal.model == project.policy.model:
            return Release(project, journal)
    raise UserError(
        f"no release of '{project.policy.model}' yet", expected="a release", next_step="weighbridge release"
    )


def decided(project: Project, release_id: str | None = None) -> Release:
    """The named release, else the newest with a decision; raises UserError when there is none."""
    if release_id is not None:
        return current(project, release_id)
    if found := all_decided(project):
        return found[0]
    raise UserError(
        f"no release of '{project.policy.model}' was decided yet",
        expected="a decision",
        next_step="weighbridge release",
    )


def all_decided(project: Project) -> list[Release]:
    """Every release of this model with a decision, newest first."""
    return [
        Release(project, journal)
        for journal in journals(releases_dir(project))
        if journal.model == project.policy.model and journal.done(Step.GATE)
    ]


def run_step(release: Release, step: Step, observer: Observer, *, again: bool = False) -> Verdict | None:
    """Do one step unless it is done, and record it; returns the step's verdict if it judges."""
    from mlops.release.steps import perform

    if release.journal.done(step) and not again:
        observer.earlier(step)
        found = release.journal.result(step).get("verdict")
        return None if found is None else Verdict(found)
    _require_earlier(release, step)
    advance = observer.begin(step)
    started = time.perf_counter()
    done = perform(step, release, advance)
    release.journal.finish(step, done.result, time.perf_counter() - started)
    observer.end(step, done.summary, done.verdict)
    return done.verdict


def run_all(release: Release, observer: Observer) -> Verdict:
    """Do every step that is left and that the decision allows; data that do not validate go straight to the gate."""
    for step in Step:
        if release.journal.ended:
            break
        run_step(release, step, observer)
        if step is Step.VALIDATE and release.journal.result(step)["verdict"] != Verdict.PASS:
            run_step(release, Step.GATE, observer)
    return release.journal.verdict or Verdict.INCONCLUSIVE


def _require_earlier(release: Release, step: Step) -> None:
    """Steps build on one another; the gate can also judge data that did not validate, without a model."""
    for earlier in _needs(release, step):
        release.journal.result(earlier)
    allowed = {
        Step.REGISTER: {Consequence.PROMOTE, Consequence.HOLD},
        Step.DEPLOY: {Consequence.PROMOTE},
    }.get(step)
    if allowed is not None and release.journal.consequence not in allowed:
        held = " and is held" if release.journal.consequence is Consequence.HOLD else ""
        raise UserError(
            f"release {release.id} was decided '{release.journal.verdict}'{held}",
            expected="a release that the gate lets serve",
            next_step=f"weighbridge explain {release.id}",
        )


def _needs(release: Release, step: Step) -> Iterator[Step]:
    order = list(Step)
    for earlier in order[: order.index(step)]:
        yield earlier
        if earlier is Step.VALIDATE:
            valid = (
                release.journal.done(earlier) and release.journal.result(earlier)["verdict"] == Verdict.PASS
            )
            if release.journal.done(earlier) and not valid:
                if step is Step.GATE:
                    return
                raise UserError(
                    f"the data of release {release.id} did not validate",
                    expected="data whose checks pass",
                    next_step=f"weighbridge explain {release.id}",
                )
