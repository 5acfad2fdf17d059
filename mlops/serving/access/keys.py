"""API keys: how they look, and how what is known of them is kept, without the keys themselves."""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from evaluation.errors import EnvironmentProblem, UserError
from mlops.serving.access.callers import Caller, Scope
from mlops.serving.access.reasons import Reason

# Scanners of secrets can know a key by this.
PATTERN = re.compile(r"wb_([0-9a-f]{12})_[0-9a-f]{64}")
PREFIX = "wb_"
# Gives a server its keys: the path of a file, or what would stand in it.
API_KEYS = "WEIGHBRIDGE_API_KEYS"
# Compared with where no key has the id, so that an unknown id takes as long as a known one.
_NOBODY = bytes(32)
_NAME = r"^[A-Za-z0-9][A-Za-z0-9 ._-]{0,62}$"


@dataclass(frozen=True)
class Key:
    """What is known of a key; `digest` is the SHA-256 of the whole of it."""

    id: str
    name: str
    scopes: frozenset[Scope]
    created: datetime
    expires: datetime | None
    revoked: datetime | None
    digest: bytes = field(repr=False)

    @property
    def caller(self) -> Caller:
        """Who asks with it."""
        return Caller(f"key:{self.id}", self.scopes)

    def state(self, now: datetime) -> str:
        """In use, expired or revoked."""
        if self.revoked is not None:
            return "revoked"
        return "expired" if self.expires is not None and self.expires <= now else "in use"


def make_key(
    name: str, scopes: Iterable[Scope], *, now: datetime, lasts: timedelta | None = None
) -> tuple[str, Key]:
    """A new key with 256 random bits, and what is kept of it; raises UserError for a name that would not print.

    >>> made, kept = make_key("shop", [Scope.PREDICT], now=datetime(2026, 1, 1, tzinfo=UTC))
    >>> bool(PATTERN.fullmatch(made)), kept.caller.id == f"key:{made[3:15]}"
    (True, True)
    """
    if not re.fullmatch(_NAME, name):
        raise UserError(
            "this cannot be a key's name",
            expected="up to 63 letters, digits, spaces and ._-, the first a letter or digit",
            next_step="--name shop",
        )
    made = f"{PREFIX}{secrets.token_hex(6)}_{secrets.token_hex(32)}"
    expires = now + lasts if lasts else None
    return made, Key(made[3:15], name, frozenset(scopes), now, expires, None, _digest(made))


def _digest(sent: str) -> bytes:
    # Nobody finds 256 random bits by trying, so a slow hash with salt, as for passwords, would guard nothing.
    return hashlib.sha256(sent.encode()).digest()


class Keyring:
    """The keys of one moment, by id."""

    def __init__(self, keys: Iterable[Key]) -> None:
        self._keys = {
            key.id: (key.digest, key, key.caller, key.expires.timestamp() if key.expires else None)
            for key in keys
        }

    def check(self, sent: str, now_s: float) -> Caller | Reason:
        """Whose key was sent, or why it does not count; now_s: seconds since 1970."""
        found = PATTERN.fullmatch(sent)
        if found is None:
            return Reason.MALFORMED
        known = self._keys.get(found[1])
        same = hmac.compare_digest(_digest(sent), known[0] if known else _NOBODY)
        if known is None:
            return Reason.UNKNOWN_KEY
        if not same:
            return Reason.WRONG_SECRET
        _, key, caller, expires_s = known
        if key.revoked is not None:
            return Reason.REVOKED_KEY
        return Reason.EXPIRED_KEY if expires_s is not None and expires_s <= now_s else caller

    def __len__(self) -> int:
        return len(self._keys)


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    id: str = Field(pattern=r"^[0-9a-f]{12}$")
    name: str = Field(pattern=_NAME)
    scopes: Annotated[list[Scope], Field(min_length=1)]
    created: AwareDatetime
    expires: AwareDatetime | None = None
    revoked: AwareDatetime | None = None
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class _Content(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    keys: list[_Entry]


def read_keys(text: str | bytes) -> tuple[Key, ...]:
    """Read what `as_json` wrote; raises ValueError that repeats nothing of it."""
    try:
        content = _Content.model_validate_json(text)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        msg = f"{place or 'the whole'}: {first['msg']}"
        raise ValueError(msg) from None
    ids = [entry.id for entry in content.keys]
    if len(set(ids)) != len(ids):
        msg = "keys: an id stands there twice"
        raise ValueError(msg)
    return tuple(
        Key(
            entry.id,
            entry.name,
            frozenset(entry.scopes),
            entry.created,
            entry.expires,
            entry.revoked,
            bytes.fromhex(entry.sha256),
        )
        for entry in content.keys
    )


def as_json(keys: Iterable[Key]) -> bytes:
    """Everything that is kept, as JSON; no key can be had from it."""
    entries = [
        _Entry(
            id=key.id,
            name=key.name,
            scopes=sorted(key.scopes),
            created=key.created,
            expires=key.expires,
            revoked=key.revoked,
            sha256=key.digest.hex(),
        )
        for key in keys
    ]
    return _Content(keys=entries).model_dump_json(indent=1, exclude_none=True).encode() + b"\n"


@dataclass(frozen=True)
class KeyFile:
    """The keys of a project, in a file that only its owner reads."""

    path: Path

    @classmethod
    def of(cls, home: Path) -> "KeyFile":
        """That of a project's home; alone in its folder, so that a container can be shown the folder."""
        return cls(home / "serving" / "access" / "keys.json")

    def read(self) -> tuple[Key, ...]:
        """All keys, also those that count no more; raises UserError for a file that is something else."""
        try:
            return read_keys(self.path.read_bytes())
        except FileNotFoundError:
            return ()
        except ValueError as error:
            raise UserError(
                f"{self.path} holds no keys: {error}",
                expected="the file as `weighbridge api-keys create` writes it",
                next_step="restore it, or remove it and make new keys",
            ) from None

    def add(self, key: Key) -> None:
        """Keep one more."""
        with self._alone():
            self._write((*self.read(), key))

    def revoke(self, key_id: str, *, now: datetime) -> Key:
        """Make a key count no more; it stays in the list. Raises UserError for an id that no key has."""
        with self._alone():
            keys = self.read()
            found = next((key for key in keys if key.id == key_id), None)
            if found is None:
                raise UserError(
                    "no key has this id",
                    expected="one of: " + (", ".join(key.id for key in keys) or "none, as there are no keys"),
                    next_step="weighbridge api-keys list",
                )
            revoked = replace(found, revoked=found.revoked or now)
            self._write(revoked if key is found else key for key in keys)
        return revoked

    def last_used(self, key_id: str) -> datetime | None:
        """When a server of this machine last took it, to the minute; None where none has said so."""
        try:
            return datetime.fromtimestamp(marks(self.path).joinpath(key_id).stat().st_mtime, UTC)
        except OSError:
            return None

    def _alone(self) -> AbstractContextManager[object]:
        from filelock import FileLock

        self.path.parent.mkdir(parents=True, exist_ok=True)
        return FileLock(self.path.with_suffix(".lock"), timeout=10)

    def _write(self, keys: Iterable[Key]) -> None:
        part = self.path.with_suffix(".part")
        try:
            part.unlink(missing_ok=True)
            with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                if os.getuid() == 0:
                    # A server in a container reads it as another user, to whom the folder was given.
                    owner = self.path.parent.stat()
                    os.fchown(file.fileno(), owner.st_uid, owner.st_gid)
                file.write(as_json(keys))
                file.flush()
                os.fsync(file.fileno())
            part.replace(self.path)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise EnvironmentProblem(
                f"could not write {self.path}: {error.strerror}",
                expected="room and write access in its folder",
                next_step="mend that, then the same command again",
            ) from error


def marks(path: Path) -> Path:
    """The folder beside a file of keys with one file a key, whose time is when the key was last taken."""
    return path.parent / "used"
