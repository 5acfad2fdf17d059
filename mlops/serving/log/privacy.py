"""What becomes of private fields before anything is written, and the key that hashes are made with.

The key: $WEIGHBRIDGE_LOG_KEY, else the file `log_key` beside the signing key, made when it is first needed.
"""

import hashlib
import hmac
import logging
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import replace

from evaluation.errors import UserError
from evaluation.files import write_secret
from mlops.decision.keys import keys_dir, no_access
from mlops.serving.log.config import IDS, LOG_KEY, LogConfig, Redaction
from monitoring.store.base import PREDICTION, SOURCES, TARGET, LabelRecord, RequestRecord
from monitoring.store.columns import spoken

_LOG = logging.getLogger("weighbridge.request_log")
_LEAST_CHARACTERS = 16
Said = float | int | str | bool | None


class Privacy:
    """Applies a policy's redactions; `key` is needed for hashes only."""

    def __init__(self, redact: Mapping[str, Redaction], key: bytes = b"") -> None:
        self._redact = dict(redact)
        self._key = key
        self._looked = False

    @classmethod
    def of(cls, config: LogConfig) -> "Privacy":
        """With this machine's key, where a field is hashed. Raises UserError for a key that is none."""
        hashes = Redaction.HASH in config.redact.values()
        return cls(config.redact, log_key() if hashes else b"")

    def clean(self, records: Sequence[RequestRecord]) -> Sequence[RequestRecord]:
        """The records as they may be written.

        >>> from datetime import UTC, datetime
        >>> inputs = {"name": "Ada", "email": "ada@example.org", "age": 36}
        >>> record = RequestRecord("1", datetime.now(UTC), "m", "1", "r", 1.0, 1, None, inputs)
        >>> Privacy({"name": Redaction.MASK, "email": Redaction.DROP}).clean([record])[0].inputs
        {'name': '***', 'email': None, 'age': 36}
        """
        if not self._redact:
            return records
        self._look(records)
        return [
            replace(
                record,
                inputs=self._cleaned(record.inputs),
                sources=self._sources(record.sources),
                label=self._said(record.label, PREDICTION),
            )
            for record in records
        ]

    def clean_labels(self, labels: Sequence[LabelRecord]) -> Sequence[LabelRecord]:
        """The labels as they may be written."""
        if TARGET not in self._redact:
            return labels
        return [replace(label, label=self._said(label.label, TARGET)) for label in labels]

    def names(self, subject: str, field: str) -> frozenset[str]:
        """What a subject may be called in the log: as callers say it, and hashed where the policy says so."""
        if field != IDS and self._redact.get(field) is Redaction.HASH:
            return frozenset({subject, self._hash(subject)})
        return frozenset({subject})

    def _look(self, records: Sequence[RequestRecord]) -> None:
        """Tell, once, of fields that the model does not have: a word misspelt leaves another in clear."""
        if self._looked or not records:
            return
        self._looked = True
        known = {
            PREDICTION,
            TARGET,
            *records[0].inputs,
            *([SOURCES] if records[0].sources is not None else []),
        }
        if unknown := sorted(set(self._redact) - known):
            _LOG.warning(
                "the policy redacts fields that the model does not have", extra={"facts": {"fields": unknown}}
            )

    def _cleaned(self, inputs: Mapping[str, object]) -> dict[str, object]:
        kept = dict(inputs)
        for name, how in self._redact.items():
            if (said := spoken(kept.get(name))) is not None:
                kept[name] = self._changed(said, how)
        return kept

    def _said(self, label: Said, field: str) -> Said:
        how, said = self._redact.get(field), spoken(label)
        return label if how is None or said is None else self._changed(said, how)

    def _sources(self, ids: tuple[str, ...] | None) -> tuple[str, ...] | None:
        how = self._redact.get(SOURCES)
        if how is None or ids is None:
            return ids
        kept = [self._changed(id_, how) for id_ in ids]
        return None if how is Redaction.DROP else tuple(id_ for id_ in kept if id_ is not None)

    def _changed(self, said: str, how: Redaction) -> str | None:
        match how:
            case Redaction.DROP:
                return None
            case Redaction.MASK:
                return "*" * len(said)
            case Redaction.HASH:
                return self._hash(said)

    def _hash(self, said: str) -> str:
        return hmac.new(self._key, said.encode(), hashlib.sha256).hexdigest()


def log_key() -> bytes:
    """The key of hashes, made now if there is none; of two processes that make one, both get the first.

    Raises UserError for one that is too short, EnvironmentProblem where its file can't be read or written.
    """
    if given := os.environ.get(LOG_KEY, "").strip():
        return _require_long(given, LOG_KEY)
    path = keys_dir() / "log_key"
    try:
        if not path.exists():
            write_secret(path, secrets.token_urlsafe(32).encode())
        return _require_long(path.read_text(encoding="utf-8").strip(), str(path))
    except OSError as error:
        raise no_access(path, error) from None


def _require_long(key: str, source: str) -> bytes:
    if len(key) < _LEAST_CHARACTERS:
        raise UserError(
            f"{source} holds {len(key)} characters",
            expected=f"at least {_LEAST_CHARACTERS} that nobody can guess; hashes of names are only as safe",
            next_step="openssl rand -base64 32 makes one",
        )
    return key.encode()
