"""What a release has done so far, on disk, so that a killed one goes on where it stopped."""

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from evaluation.errors import UserError
from evaluation.files import write_whole
from evaluation.types import Consequence, Verdict

FILE_NAME = "release.json"
_ID = re.compile(r"^[0-9]{8}-[0-9]{6}-[0-9a-f]{8}$")


class Step(StrEnum):
    """The steps of a release, in order."""

    VALIDATE = "validate"
    TRAIN = "train"
    EVALUATE = "evaluate"
    GATE = "gate"
    REGISTER = "register"
    DEPLOY = "deploy"


@dataclass
class Journal:
    """A release's identity and the results of its finished steps; every change is on disk when a method returns."""

    folder: Path
    id: str
    model: str
    inputs: str
    created_at: str
    commit: Mapping[str, Any]
    steps: dict[str, dict[str, Any]] = field(default_factory=dict)

    @classmethod
    def start(cls, releases: Path, *, model: str, inputs: str, commit: Mapping[str, Any]) -> "Journal":
        """Begin a release in a folder of its own."""
        now = datetime.now(UTC)
        release_id = f"{now:%Y%m%d-%H%M%S}-{inputs[:8]}"
        while (releases / release_id).exists():
            release_id = f"{now:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"
        journal = cls(
            releases / release_id, release_id, model, inputs, now.isoformat(timespec="milliseconds"), commit
        )
        journal.save()
        return journal

    @classmethod
    def read(cls, folder: Path) -> "Journal":
        """Read a release's journal; raises UserError when the folder holds none."""
        try:
            content = json.loads((folder / FILE_NAME).read_bytes())
            return cls(folder=folder, **content)
        except (OSError, ValueError, TypeError) as error:
            raise UserError(
                f"no release in {folder.name}: {error.__class__.__name__}",
                expected=f"a folder with {FILE_NAME}",
                next_step="weighbridge status",
            ) from None

    def save(self) -> None:
        """Write the journal, whole or not at all."""
        content = {
            "id": self.id,
            "model": self.model,
            "inputs": self.inputs,
            "created_at": self.created_at,
            "commit": dict(self.commit),
            "steps": self.steps,
        }
        write_whole(self.folder / FILE_NAME, json.dumps(content, indent=1, allow_nan=False).encode())

    def done(self, step: Step) -> bool:
        """Whether a step has finished."""
        return step.value in self.steps

    def result(self, step: Step) -> dict[str, Any]:
        """A finished step's result; raises UserError with the command that makes it."""
        if not self.done(step):
            raise UserError(
                f"release {self.id} has not done '{step}' yet",
                expected=f"a release whose steps up to '{step}' are done",
                next_step=f"weighbridge {step}",
            )
        found: dict[str, Any] = self.steps[step.value]["result"]
        return found

    def finish(self, step: Step, result: Mapping[str, Any], seconds: float) -> None:
        """Record a finished step."""
        at = datetime.now(UTC).isoformat(timespec="seconds")
        self.steps[step.value] = {"at": at, "seconds": round(seconds, 3), "result": dict(result)}
        self.save()

    @property
    def verdict(self) -> Verdict | None:
        """What validation or the gate has decided, None while it is open."""
        if self.done(Step.GATE):
            return Verdict(self.result(Step.GATE)["verdict"])
        return None

    @property
    def consequence(self) -> Consequence | None:
        """What the decision allows, None while it is open."""
        if self.done(Step.GATE):
            return Consequence(self.result(Step.GATE)["consequence"])
        return None

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do: served, held as a registered version, or stopped."""
        last = {
            Consequence.PROMOTE: Step.DEPLOY,
            Consequence.HOLD: Step.REGISTER,
            Consequence.STOP: Step.GATE,
        }
        return self.consequence is not None and self.done(last[self.consequence])


def journals(releases: Path) -> list[Journal]:
    """All releases of a home, newest first; folders without a journal are left aside."""
    folders = sorted((path for path in releases.glob("*") if _ID.match(path.name)), reverse=True)
    found = [Journal.read(path) for path in folders if (path / FILE_NAME).exists()]
    return sorted(found, key=lambda journal: (journal.created_at, journal.id), reverse=True)


def find(releases: Path, release_id: str) -> Journal:
    """A release by its id; raises UserError that names the newest ones."""
    if _ID.match(release_id) and (releases / release_id / FILE_NAME).exists():
        return Journal.read(releases / release_id)
    known = [journal.id for journal in journals(releases)[:5]]
    raise UserError(
        f"no release '{release_id}'",
        expected=f"one of: {', '.join(known) or 'none yet'}",
        next_step="weighbridge status" if known else "weighbridge release",
    )
