"""Who was told what, kept between passes, so that nobody is told the same thing every five minutes."""

import json
from datetime import datetime
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from evaluation.files import write_whole
from monitoring.types import Finding, Severity


class Open(BaseModel):
    """A finding that one destination should know of; `told_at` is null until a message got through."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    destination: str
    model: str
    version: str
    check: str
    subject: str
    severity: Severity
    since: datetime
    seen_at: datetime
    told_at: datetime | None = None

    def is_about(self, finding: Finding) -> bool:
        """Whether this is the same finding, in an earlier pass."""
        return (self.check, self.subject) == (finding.check, finding.subject)


class AlertState(BaseModel):
    """All open findings of all destinations and models."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    schema_version: int = 1
    open: tuple[Open, ...] = ()


def load_state(path: Path) -> tuple[AlertState, str | None]:
    """Read the state; a file that is none is set aside and named, and everybody is told anew.

    Raises OSError where the file is there and can't be read.
    """
    try:
        return AlertState.model_validate(json.loads(path.read_text(encoding="utf-8"))), None
    except FileNotFoundError:
        return AlertState(), None
    except (ValueError, ValidationError):
        aside = path.replace(path.with_name(f"{path.name}.unreadable"))
        return (
            AlertState(),
            f"the record of alerts was unreadable and is now {aside.name}; alerts may come twice",
        )


def save_state(path: Path, state: AlertState) -> None:
    """Write the state, whole or not at all. Raises EnvironmentProblem."""
    write_whole(path, json.dumps(state.model_dump(mode="json"), indent=1, allow_nan=False).encode())
