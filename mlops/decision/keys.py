"""The own key, which signs: $WEIGHBRIDGE_SIGNING_KEY, else the file `signing_key` in $XDG_CONFIG_HOME/weighbridge."""

import base64
import binascii
import os
import stat
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.files import write_secret
from mlops.decision.canonical import digest_bytes

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

SIGNING_KEY = "WEIGHBRIDGE_SIGNING_KEY"
_PEM = b"-----BEGIN"
_LENGTH = 32


@dataclass(frozen=True)
class PublicKey:
    """An Ed25519 public key, 32 bytes.

    >>> PublicKey(bytes(32)).text
    'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA='
    >>> PublicKey(bytes(32)).id
    '66687aadf862bd77'
    """

    raw: bytes

    @classmethod
    def parse(cls, text: str) -> "PublicKey":
        """Read base64, as `weighbridge keys` prints it; raises UserError for anything else."""
        try:
            raw = base64.b64decode(text.strip(), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != _LENGTH or base64.b64encode(raw).decode() != text.strip():
            raise UserError(
                f"{text.strip()[:60]!r} is no public key",
                expected="44 characters of base64, as `weighbridge keys` prints them where decisions are made",
                next_step="weighbridge keys",
            )
        return cls(raw)

    @property
    def text(self) -> str:
        """The key in base64, 44 characters."""
        return base64.b64encode(self.raw).decode()

    @property
    def id(self) -> str:
        """The first 16 hexadecimal digits of the key's SHA-256."""
        return digest_bytes(self.raw)[:16]

    def verifies(self, message: bytes, signature: bytes) -> bool:
        """Whether the owner of this key signed exactly this message."""
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        try:
            Ed25519PublicKey.from_public_bytes(self.raw).verify(signature, message)
        except InvalidSignature:
            return False
        return True


@dataclass(frozen=True)
class SigningKey:
    """The own private key; nothing prints it."""

    _private: "Ed25519PrivateKey" = field(repr=False)
    source: str
    """Where it comes from, for people: the variable's name or the file's path."""

    @property
    def public(self) -> PublicKey:
        """What others need to verify."""
        return PublicKey(self._private.public_key().public_bytes_raw())

    def sign(self, message: bytes) -> bytes:
        """Sign a message, 64 bytes; the same message gives the same signature."""
        return self._private.sign(message)


def keys_dir() -> Path:
    """Where this user's keys lie."""
    base = os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"
    return Path(base) / "weighbridge"


def own_key() -> SigningKey | None:
    """The own key, None while there is none.

    Raises UserError when it is no Ed25519 key, or lies in a file that others can read.
    """
    if given := os.environ.get(SIGNING_KEY, "").strip():
        return SigningKey(_parse_private(given.encode(), SIGNING_KEY), SIGNING_KEY)
    path = keys_dir() / "signing_key"
    try:
        _require_private(path)
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise no_access(path, error) from None
    return SigningKey(_parse_private(content, str(path)), str(path))


def make_own_key(*, outside: Iterable[Path] = ()) -> SigningKey:
    """Give the own key, made now if there is none; of two processes that make one, both get the first.

    outside: folders whose content is committed, copied or handed over, where no private key may lie.
    Raises UserError when the key's place is inside of one, else as `own_key` does.
    """
    folder = keys_dir().resolve()
    for forbidden in () if os.environ.get(SIGNING_KEY, "").strip() else outside:
        if folder.is_relative_to(forbidden.resolve()):
            raise UserError(
                f"the signing key belongs into {folder}, which is inside of {forbidden}",
                expected="a private key outside of the project and of its home",
                next_step=f"set XDG_CONFIG_HOME to another folder, or {SIGNING_KEY} to a key",
            )
    if found := own_key():
        return found
    try:
        _write_new(folder / "signing_key")
    except OSError as error:
        raise no_access(folder / "signing_key", error) from None
    made = own_key()
    if made is None:  # only if somebody removed it just now
        raise EnvironmentProblem(f"the signing key in {folder} is gone", next_step="the same command again")
    return made


def _require_private(path: Path) -> None:
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise UserError(
            f"others can read or change the signing key {path}",
            expected="a file that only you can read",
            next_step=f"chmod 600 {path}; if others used this machine, remove it instead: a new one is made",
        )


def _write_new(path: Path) -> None:
    """Make a key under its name at once, whole, and never in place of another."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    write_secret(path, key)


def _parse_private(content: bytes, source: str) -> "Ed25519PrivateKey":
    """Read PEM or the base64 of the 32-byte seed; what was found is never part of the message."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = content.strip()
    try:
        if content.startswith(_PEM):
            key = load_pem_private_key(content, password=None)
            if isinstance(key, Ed25519PrivateKey):
                return key
        else:
            return Ed25519PrivateKey.from_private_bytes(base64.b64decode(content, validate=True))
    except Exception:  # noqa: BLE001, S110 - the library names no common class, and its words could hold the key
        pass
    raise UserError(
        f"{source} holds no Ed25519 private key",
        expected="PEM without a password, or the base64 of 32 bytes",
        next_step="openssl genpkey -algorithm ed25519 makes one",
    )


def no_access(path: Path, error: OSError) -> EnvironmentProblem:
    """What to say when a key's file cannot be read or written."""
    return EnvironmentProblem(
        f"no access to {path}: {error.strerror}",
        expected="a folder of your own for keys",
        next_step=f"set XDG_CONFIG_HOME to a folder that you can write to, or {SIGNING_KEY} to a key",
    )
