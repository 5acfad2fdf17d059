"""A bundle: the folder that one lane serves, with the evidence that it may.

model/            the MLflow model, with what it needs in its requirements.txt
decision.json     the decision record, and decision.sig.json, its signature
bundle.json       which version in the registry this is, and the digest of the record that was written there
reference.parquet what the model saw and said when it was weighed; monitoring compares with it
ranges.json       what training saw of each field; the server's guards compare with it
"""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import UserError
from evaluation.files import write_whole
from evaluation.types import Task
from mlops.decision.canonical import digest_folder
from mlops.decision.record import DecisionRecord
from mlops.decision.signed import SignedRecord

FILE_NAME = "bundle.json"
REFERENCE, RANGES = "reference.parquet", "ranges.json"
# MLflow writes this one on download; it is not part of what was weighed.
_NOT_WEIGHED = frozenset({"registered_model_meta"})


def model_digest(model_dir: Path) -> str:
    """SHA-256 over the files of an MLflow model, the same before and after a trip through the registry."""
    return digest_folder(model_dir, ignore=_NOT_WEIGHED)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk."""

    path: Path
    model: str
    version: str
    release_id: str
    task: Task
    threshold: float
    model_digest: str
    decision_digest: str

    @property
    def model_dir(self) -> Path:
        """The MLflow model."""
        return self.path / "model"

    @property
    def reference(self) -> Path:
        """What the model saw and said when it was weighed."""
        return self.path / REFERENCE

    @property
    def ranges(self) -> Path:
        """What training saw of each field."""
        return self.path / RANGES

    @property
    def requirements(self) -> Path:
        """What the model needs, one requirement a line."""
        return self.model_dir / "requirements.txt"

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Open a bundle and verify it: record unchanged, signed by a trusted key, lets serve, model, reference
        and ranges as weighed.

        All but the version is read from the signed record. Raises UserError that names what does not hold.
        """
        try:
            content = json.loads((path / FILE_NAME).read_bytes())
            version, digest = str(content["version"]), str(content["decision_digest"])
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{path} is not a bundle: {error.__class__.__name__}",
                expected=f"a folder with {FILE_NAME}, written by `weighbridge deploy`",
                next_step="weighbridge deploy",
            ) from None
        signed = SignedRecord.read(path)
        signed.require_promotable(digest=digest, model_digest=model_digest(path / "model"))
        signed.record.require_evidence(path / REFERENCE)
        signed.record.require_evidence(path / RANGES)
        return cls._of(path, signed.record, version)

    @classmethod
    def make(  # noqa: PLR0913 - keyword-only, one a part
        cls,
        path: Path,
        *,
        model_dir: Path,
        signed: SignedRecord,
        reference: Path,
        ranges: Path,
        version: str,
    ) -> "Bundle":
        """Put a bundle together in a fresh folder, verify it, then move it into place."""
        building = path.with_name(path.name + ".part")
        shutil.rmtree(building, ignore_errors=True)
        shutil.copytree(model_dir, building / "model", ignore=shutil.ignore_patterns(*_NOT_WEIGHED))
        shutil.copyfile(reference, building / REFERENCE)
        shutil.copyfile(ranges, building / RANGES)
        signed.write(building)
        content = {"version": version, "decision_digest": signed.record.digest}
        write_whole(building / FILE_NAME, json.dumps(content, indent=1, allow_nan=False).encode())
        cls.open(building)
        shutil.rmtree(path, ignore_errors=True)
        building.rename(path)
        return cls._of(path, signed.record, version)

    @classmethod
    def _of(cls, path: Path, record: DecisionRecord, version: str) -> "Bundle":
        release, gate = record.content["release"], record.content["policy"]["gate"]
        return cls(
            path=path,
            model=release["model"],
            version=version,
            release_id=record.release_id,
            task=Task(release["task"]),
            threshold=gate["threshold"],
            model_digest=record.model_digest or "",
            decision_digest=record.digest,
        )
