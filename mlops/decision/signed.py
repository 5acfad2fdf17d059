"""A decision record with its signature: the one form in which it counts as evidence."""

from dataclasses import dataclass
from pathlib import Path

from evaluation.types import Consequence
from mlops.decision.keys import SigningKey
from mlops.decision.record import FILE_NAME as RECORD
from mlops.decision.record import DecisionRecord
from mlops.decision.signature import FILE_NAME as SIGNATURE
from mlops.decision.signature import Signature
from mlops.decision.trust import trust

FILE_NAMES = (RECORD, SIGNATURE)


@dataclass(frozen=True)
class SignedRecord:
    """What decision.json and decision.sig.json say; whether it holds is asked with `require_...`."""

    record: DecisionRecord
    signature: Signature

    @classmethod
    def sign(cls, record: DecisionRecord, key: SigningKey) -> "SignedRecord":
        """Stand for a record."""
        return cls(record, Signature.make(record.digest, key))

    @classmethod
    def read(cls, folder: Path) -> "SignedRecord":
        """Read both files of a folder; raises UserError for one that is missing or is something else."""
        return cls(DecisionRecord.read(folder / RECORD), Signature.read(folder / SIGNATURE))

    def write(self, folder: Path) -> None:
        """Write both files, each whole or not at all."""
        self.record.write(folder / RECORD)
        self.signature.write(folder / SIGNATURE)

    def require_authentic(self, digest: str) -> None:
        """Refuse unless this is the record with the expected digest, signed by a key that is trusted here.

        Raises UserError that names the first thing that does not hold.
        """
        self.record.require_digest(digest)
        self.signature.require_valid(digest, release_id=self.record.release_id, trust=trust())

    def require_promotable(self, *, digest: str, model_digest: str) -> None:
        """Refuse unless the record is authentic, lets its model serve, and these are its model's files.

        Raises UserError that names the first thing that does not hold.
        """
        self.require_authentic(digest)
        self.record.require_consequence(Consequence.PROMOTE)
        self.record.require_model(model_digest)

    def require_registrable(self, *, digest: str, model_digest: str) -> None:
        """As `require_promotable`, but a release that is held may wait in the registry for a person, too."""
        self.require_authentic(digest)
        self.record.require_consequence(Consequence.PROMOTE, Consequence.HOLD)
        self.record.require_model(model_digest)
