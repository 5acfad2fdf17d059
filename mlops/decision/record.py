"""Writing, reading and verifying decision records."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.types import Verdict
from mlops.decision.canonical import canonical_json, digest_bytes

SCHEMA_VERSION = 1
FILE_NAME = "decision.json"


@dataclass(frozen=True)
class DecisionRecord:
    """A decision and the SHA-256 of its canonical form."""

    content: Mapping[str, Any]
    digest: str

    @classmethod
    def of(cls, content: Mapping[str, Any]) -> "DecisionRecord":
        """Take a record's content and work out its digest."""
        return cls(content, digest_bytes(canonical_json(content)))

    @property
    def verdict(self) -> Verdict:
        """What was decided."""
        return Verdict(self.content["verdict"])

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
            content = json.loads(path.read_bytes())
            if content["kind"] != "decision" or content["schema_version"] != SCHEMA_VERSION:
                raise KeyError("kind")  # noqa: TRY301
            record = cls.of(content)
            _ = record.verdict, record.release_id, record.model_digest
        except FileNotFoundError:
            raise UserError(
                f"no decision record at {path.name}",
                expected="a record written by `weighbridge gate`",
                next_step="weighbridge release",
            ) from None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(
                f"{path.name} is not a decision record: {error.__class__.__name__}",
                expected=f"JSON of kind 'decision', schema version {SCHEMA_VERSION}",
                next_step="weighbridge release",
            ) from None
        return record

    def require_pass(self, *, digest: str | None, model_digest: str | None) -> None:
        """Refuse unless the record is the expected one, passed, and is about the expected model.

        Raises UserError that names the first thing that does not hold.
        """
        if digest is not None and digest != self.digest:
            raise UserError(
                f"the decision record of release {self.release_id} was changed: its digest is {self.digest[:12]}",
                expected=f"digest {digest[:12]}, as written on the model version",
                next_step="restore the record or release again: weighbridge release",
            )
        if self.verdict is not Verdict.PASS:
            raise UserError(
                f"release {self.release_id} was decided '{self.verdict}'",
                expected="a release whose gate passed",
                next_step=f"weighbridge explain {self.release_id}",
            )
        if model_digest is not None and model_digest != self.model_digest:
            raise UserError(
                f"the model files are not the ones that release {self.release_id} weighed: "
                f"their digest is {model_digest[:12]}",
                expected=f"digest {(self.model_digest or 'of no model')[:12]}",
                next_step="release again: weighbridge release",
            )


def write_whole(path: Path, content: bytes) -> None:
    """Write a file so that a crash leaves the old one or the new one, never half of it.

    Raises EnvironmentProblem when the disk is full or the folder cannot be written.
    """
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise EnvironmentProblem(
            f"could not write {path.name}: {error.strerror}",
            expected=f"room and write access in {path.parent}",
            next_step="make room, then run the same command again; it resumes",
        ) from error
