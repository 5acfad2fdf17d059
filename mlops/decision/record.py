"""Writing, reading and verifying decision records."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from evaluation.errors import UserError
from evaluation.files import write_whole
from evaluation.types import Consequence, Verdict
from mlops.decision.canonical import canonical_json, digest_bytes, digest_file
from mlops.decision.schema import SCHEMA_VERSION, Record

FILE_NAME = "decision.json"


@dataclass(frozen=True)
class DecisionRecord:
    """A decision and the SHA-256 of its canonical form."""

    content: Mapping[str, Any]
    digest: str

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "DecisionRecord":
        """Take a record's content and work out its digest; raises ValueError where the schema is not kept."""
        written = canonical_json(content)
        Record.model_validate_json(written)
        return cls(content, digest_bytes(written))

    @property
    def verdict(self) -> Verdict:
        """What was decided."""
        return Verdict(self.content["verdict"])

    @property
    def consequence(self) -> Consequence:
        """What the decision allows."""
        return Consequence(self.content["consequence"])

    @property
    def release_id(self) -> str:
        """The release that was decided on."""
        return str(self.content["release"]["id"])

    @property
    def model_digest(self) -> str | None:
        """SHA-256 over the files of the model that was weighed, None when no model was trained."""
        training = self.content["training"]
        return None if training is None else str(training["model_digest"])

    def write(self, path: Path) -> None:
        """Write the canonical form, whole or not at all."""
        write_whole(path, canonical_json(self.content))

    @classmethod
    def read(cls, path: Path) -> "DecisionRecord":
        """Read a record; raises UserError when there is none or it is not one."""
        try:
            written = path.read_bytes()
            content = json.loads(written)
            record = cls.of(content)
        except FileNotFoundError:
            raise UserError(
                f"no decision record at {path.name}",
                expected="a record written by `weighbridge gate`",
                next_step="weighbridge release",
            ) from None
        except (OSError, ValueError, RecursionError) as error:
            raise UserError(
                f"{path.name} is not a decision record: {_first_problem(error)}",
                expected=f"JSON of kind 'decision', schema version {SCHEMA_VERSION}",
                next_step="weighbridge release",
            ) from None
        # Two readers of one file must not see two records, as they could where a key is there twice.
        if canonical_json(content) != written:
            raise UserError(
                f"{path.name} of release {record.release_id} was changed: it is not as Weighbridge writes it",
                expected=f"its {len(canonical_json(content))} bytes without a change, of digest {record.digest[:12]}",
                next_step="restore the record or release again: weighbridge release",
            )
        return record

    def require_digest(self, digest: str) -> None:
        """Refuse a record that is not the one with this digest."""
        if digest != self.digest:
            raise UserError(
                f"the decision record of release {self.release_id} was changed: its digest is {self.digest[:12]}",
                expected=f"digest {digest[:12]}, as it was when it was written",
                next_step="restore the record or release again: weighbridge release",
            )

    def require_consequence(self, *allowed: Consequence) -> None:
        """Refuse a record whose decision allows less."""
        if self.consequence not in allowed:
            held = " and is held" if self.consequence is Consequence.HOLD else ""
            raise UserError(
                f"release {self.release_id} was decided '{self.verdict}'{held}",
                expected="a release that the gate lets serve",
                next_step=f"weighbridge explain {self.release_id}",
            )

    def require_evidence(self, path: Path) -> None:
        """Refuse a file of evidence that is not what it was when the decision was taken from it."""
        found = digest_file(path) if path.is_file() else None
        expected = self.content["evidence"].get(path.name)
        if found is None or found != expected:
            raise UserError(
                f"{path.name} is not the file that release {self.release_id} left: "
                f"its digest is {(found or 'of no file')[:12]}",
                expected=f"digest {(expected or 'of no file')[:12]}",
                next_step="restore the file or release again: weighbridge release",
            )

    def require_model(self, model_digest: str) -> None:
        """Refuse model files that are not the weighed ones."""
        if model_digest != self.model_digest:
            raise UserError(
                f"the model files are not the ones that release {self.release_id} weighed: "
                f"their digest is {model_digest[:12]}",
                expected=f"digest {(self.model_digest or 'of no model')[:12]}",
                next_step="release again: weighbridge release",
            )


def _first_problem(error: Exception) -> str:
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    return type(error).__name__
