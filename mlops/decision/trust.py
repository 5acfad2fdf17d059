"""Whose signature counts here: the public keys in $WEIGHBRIDGE_TRUSTED_KEYS, comma separated, else in a file.

The file is `trusted_keys` beside the own key, one key a line, `#` begins a comment. The own key always counts.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from evaluation.errors import UserError
from mlops.decision.keys import PublicKey, keys_dir, no_access, own_key

TRUSTED_KEYS = "WEIGHBRIDGE_TRUSTED_KEYS"


@dataclass(frozen=True)
class Trust:
    """The public keys whose signatures count here."""

    keys: tuple[PublicKey, ...]
    """The listed ones, then the own one unless it is listed."""
    source: str
    """Where the list is: the variable's name or the file's path."""

    def __contains__(self, key: PublicKey) -> bool:
        return key in self.keys

    @property
    def text(self) -> str:
        """The value for WEIGHBRIDGE_TRUSTED_KEYS that trusts the same keys elsewhere."""
        return ",".join(key.text for key in self.keys)

    def how_to_add(self, key: str) -> str:
        """What to type so that a key counts."""
        if self.source == TRUSTED_KEYS:
            return f"if you know whose key it is, add it to {TRUSTED_KEYS}: {key}"
        return f"if you know whose key it is: weighbridge keys trust {key}"


def trust() -> Trust:
    """The keys that are trusted here, the own one among them if there is one; makes no key.

    Raises UserError for a listed key that is none, or a list that others can write.
    """
    own = own_key()
    if given := os.environ.get(TRUSTED_KEYS, "").strip():
        source, listed = TRUSTED_KEYS, given.split(",")
    else:
        path = keys_dir() / "trusted_keys"
        source, listed = str(path), [line.partition("#")[0] for line in _lines(path)]
    keys = [PublicKey.parse(text) for text in listed if text.strip()]
    return Trust(tuple(dict.fromkeys([*keys, *([own.public] if own else [])])), source)


def add_trusted(text: str) -> tuple[PublicKey, Path]:
    """Add a public key to the file of trusted ones, once; returns it and the file.

    Raises UserError for anything but a public key.
    """
    key, path = PublicKey.parse(text), keys_dir() / "trusted_keys"
    lines = _lines(path)
    if key.text not in (line.partition("#")[0].strip() for line in lines):
        try:
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            ending = "" if not lines or path.read_text(encoding="utf-8").endswith("\n") else "\n"
            with open(path, "a", encoding="utf-8", opener=_for_this_user) as file:
                file.write(f"{ending}{key.text}\n")
        except OSError as error:
            raise no_access(path, error) from None
    return key, path


def _for_this_user(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _lines(path: Path) -> list[str]:
    try:
        if path.stat().st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise UserError(
                f"others can write to {path}",
                expected="a list of trusted keys that only you can change",
                next_step=f"look at what it lists, then: chmod 600 {path}",
            )
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise no_access(path, error) from None
