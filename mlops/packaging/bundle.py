"""A bundle: the folder that one lane serves, with the evidence that it may.

model/            the MLflow model
decision.json     the decision record
bundle.json       which version of which model this is, and the digests that must hold
reference.parquet what the model saw and said when it was weighed; monitoring compares with it
requirements.txt  what the model needs
"""

import json
import shutil
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from evaluation.errors import UserError
from evaluation.types import Task
from mlops.decision.canonical import digest_folder
from mlops.decision.record import DecisionRecord, write_whole

FILE_NAME = "bundle.json"
# MLflow writes this one on download; it is not part of what was weighed.
_NOT_WEIGHED = frozenset({"registered_model_meta"})


def model_digest(model_dir: Path) -> str:
    """SHA-256 over the files of an MLflow model, the same before and after a trip through the registry."""
    return digest_folder(model_dir, ignore=_NOT_WEIGHED)


@dataclass(frozen=True)
class Bundle:
    """A verified bundle on disk."""

    path: Path = field(metadata={"stored": False})
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
        return self.path / "reference.parquet"

    @property
    def requirements(self) -> Path:
        """What the model needs, one requirement a line."""
        return self.path / "requirements.txt"

    @classmethod
    def open(cls, path: Path) -> "Bundle":
        """Open a bundle and verify it: record unchanged, verdict pass, model files as weighed.

        Raises UserError that names what does not hold.
        """
        try:
            content: dict[str, Any] = json.loads((path / FILE_NAME).read_bytes())
            bundle = cls(path=path, **{**content, "task": Task(content["task"])})
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise UserError(
                f"{path} is not a bundle: {error.__class__.__name__}",
                expected=f"a folder with {FILE_NAME}, written by `weighbridge deploy`",
                next_step="weighbridge deploy",
            ) from None
        record = DecisionRecord.read(path / "decision.json")
        record.require_pass(digest=bundle.decision_digest, model_digest=model_digest(bundle.model_dir))
        return bundle

    @classmethod
    def make(
        cls, path: Path, *, model_dir: Path, record: DecisionRecord, reference: Path, version: str
    ) -> "Bundle":
        """Put a bundle together in a fresh folder, verify it, then move it into place."""
        building = path.with_name(path.name + ".part")
        shutil.rmtree(building, ignore_errors=True)
        shutil.copytree(model_dir, building / "model", ignore=shutil.ignore_patterns(*_NOT_WEIGHED))
        shutil.copyfile(reference, building / "reference.parquet")
        shutil.copyfile(building / "model" / "requirements.txt", building / "requirements.txt")
        record.write(building / "decision.json")
        bundle = cls(
            path=path,
            model=record.content["release"]["model"],
            version=version,
            release_id=record.release_id,
            task=Task(record.content["release"]["task"]),
            threshold=record.content["policy"]["gate"]["threshold"],
            model_digest=record.model_digest or "",
            decision_digest=record.digest,
        )
        content = asdict(bundle)
        del content["path"]
        write_whole(building / FILE_NAME, json.dumps(content, indent=1, allow_nan=False).encode())
        cls.open(building)
        shutil.rmtree(path, ignore_errors=True)
        building.rename(path)
        return bundle
