"""What one pass saw, and the file that keeps it."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from evaluation.errors import UserError
from evaluation.files import write_whole
from evaluation.types import Verdict
from monitoring.types import Finding
from monitoring.windows import Windows

if TYPE_CHECKING:
    from pydantic import TypeAdapter

FILE_NAME = "findings.json"
_SCHEMA_VERSION = 1


@dataclass(frozen=True)
class WindowSummary:
    """How much a pass looked at; first and last are null without records.

    >>> print(WindowSummary(0, None, None, 6000))
    no records, against 6,000 of the reference
    """

    records: int
    first: datetime | None
    last: datetime | None
    reference_records: int

    @classmethod
    def of(cls, windows: Windows) -> "WindowSummary":
        """Describe a current window and its reference."""
        at = windows.current["at"]
        first, last = (at[0], at[-1]) if len(at) else (None, None)
        return cls(len(at), first, last, windows.reference.height)

    def __str__(self) -> str:
        """One line for people."""
        against = f"against {self.reference_records:,} of the reference"
        if self.first is None or self.last is None:
            return f"no records, {against}"
        span = f"{self.first:%Y-%m-%d %H:%M} to {self.last:%Y-%m-%d %H:%M} UTC"
        return f"{self.records:,} records, {span}, {against}"


@dataclass(frozen=True)
class WatchPass:
    """One pass over one version: every finding, and what they add up to; no window where none could be read."""

    at: datetime
    model: str
    version: str
    window: WindowSummary | None
    findings: tuple[Finding, ...]

    @property
    def verdict(self) -> Verdict:
        """FAIL with any failed finding, PASS only when every finding passed."""
        return Verdict.worst([finding.verdict for finding in self.findings])


def _adapter() -> "TypeAdapter[WatchPass]":
    from pydantic import TypeAdapter

    return TypeAdapter(WatchPass)


def watch_pass_to_json(seen: WatchPass) -> dict[str, Any]:
    """A pass as plain JSON values.

    Raises ValueError for a number that JSON can't hold (NaN), which pydantic alone would write as null.
    """
    head = {"schema_version": _SCHEMA_VERSION, "kind": "watch", "verdict": seen.verdict.value}
    text = json.dumps(head | asdict(seen), default=datetime.isoformat, allow_nan=False)
    content: dict[str, Any] = json.loads(text)
    return content


def watch_pass_from_json(content: Any) -> WatchPass:
    """Read what `watch_pass_to_json` gave.

    Raises UserError for anything else.
    """
    from pydantic import ValidationError

    expected = f"findings of schema_version {_SCHEMA_VERSION}"
    if not isinstance(content, dict) or (content.get("kind"), content.get("schema_version")) != (
        "watch",
        _SCHEMA_VERSION,
    ):
        raise UserError("no findings of a watch pass", expected=expected)
    try:
        return _adapter().validate_python(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UserError(f"findings with a wrong {place}: {first['msg']}", expected=expected) from None


def write_pass(seen: WatchPass, folder: Path) -> Path:
    """Write findings.json into a folder, whole or not at all; returns its path.

    Raises ValueError for a value that JSON can't hold (NaN), EnvironmentProblem where the file can't be written.
    """
    path = folder / FILE_NAME
    write_whole(path, json.dumps(watch_pass_to_json(seen), indent=1, allow_nan=False).encode())
    return path


def read_pass(path: Path) -> WatchPass:
    """Read a findings.json.

    Raises UserError where it is none, OSError where it can't be read.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:
        content = None
    return watch_pass_from_json(content)
