"""The signature of a decision record: who stands for it."""

import base64
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from evaluation.errors import UserError
from evaluation.files import write_whole
from mlops.decision.keys import PublicKey, SigningKey
from mlops.decision.trust import Trust

FILE_NAME = "decision.sig.json"
# What is signed begins with this, so that no signature made for another purpose ever counts as one.
_DOMAIN = "weighbridge decision v1\n"


class Signature(BaseModel):
    """Content of decision.sig.json."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    algorithm: Literal["ed25519"] = "ed25519"
    key: Annotated[str, Field(description="Public key of the signer, base64")]
    key_id: Annotated[str, Field(pattern=r"^[0-9a-f]{16}$", description="First digits of the key's SHA-256")]
    digest: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$", description="SHA-256 of the record signed")]
    signature: Annotated[str, Field(description="64 bytes over domain and digest, base64")]

    @classmethod
    def make(cls, digest: str, key: SigningKey) -> "Signature":
        """Sign the digest of a record."""
        signed = base64.b64encode(key.sign(message(digest))).decode()
        return cls(key=key.public.text, key_id=key.public.id, digest=digest, signature=signed)

    @classmethod
    def read(cls, path: Path) -> "Signature":
        """Read a signature; raises UserError when there is none or it is not one."""
        try:
            return cls.model_validate_json(path.read_bytes())
        except FileNotFoundError:
            raise UserError(
                f"the decision record is not signed: there is no {path.name} beside it",
                expected="the signature that `weighbridge gate` writes",
                next_step="restore it, or release again: weighbridge release --new",
            ) from None
        except (OSError, ValidationError) as error:
            raise UserError(
                f"{path.name} is not a signature: {type(error).__name__}",
                expected="the file that `weighbridge gate` writes",
                next_step="restore it, or release again: weighbridge release --new",
            ) from None

    def write(self, path: Path) -> None:
        """Write it, whole or not at all."""
        write_whole(path, self.model_dump_json(indent=1).encode() + b"\n")

    def require_valid(self, digest: str, *, release_id: str, trust: Trust) -> None:
        """Refuse unless a trusted key signed this digest.

        Raises UserError that names the first thing that does not hold.
        """
        if self.digest != digest:
            raise UserError(
                f"the signature beside the decision record of release {release_id} is of another record, "
                f"of digest {self.digest[:12]}",
                expected=f"a signature of digest {digest[:12]}",
                next_step="restore both files, or release again: weighbridge release --new",
            )
        key = PublicKey.parse(self.key)
        if key not in trust:
            raise _not_trusted(key, release_id, trust)
        if self.key_id != key.id or not key.verifies(message(digest), _decoded(self.signature)):
            raise UserError(
                f"the signature of release {release_id} is forged: key {key.id} did not sign this record",
                expected=f"a signature of digest {digest[:12]} by that key",
                next_step="restore both files, or release again: weighbridge release --new",
            )


def message(digest: str) -> bytes:
    """What is signed for a digest.

    >>> message("0c" * 32)[:26]
    b'weighbridge decision v1\\n0c'
    """
    return f"{_DOMAIN}{digest}".encode("ascii")


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _not_trusted(key: PublicKey, release_id: str, trust: Trust) -> UserError:
    if not trust.keys:
        return UserError(
            f"release {release_id} is signed by key {key.id}, and no key is trusted here",
            expected=f"public keys in {trust.source}",
            next_step=trust.how_to_add(key.text),
        )
    return UserError(
        f"release {release_id} is signed by key {key.id}, which is not trusted here",
        expected=f"one of: {', '.join(known.id for known in trust.keys)}",
        next_step=trust.how_to_add(key.text),
    )
