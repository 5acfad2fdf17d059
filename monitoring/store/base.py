"""What a request log is, whoever stores it."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

import polars as pl

SOURCES, PREDICTION, TARGET = "sources", "prediction", "target"
# A row of the log stays small, whatever a chain calls its documents.
_MOST_SOURCES, _MOST_CHARACTERS, _DIGEST = 100, 200, 16


@dataclass(slots=True)
class Usage:
    """What one text took: tokens as the language model counted them, cost by the policy's price table, why it ended."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost: float | None = None
    finish_reason: str | None = None


# Not frozen: every answered row makes one, and that takes four times as long through frozen fields.
@dataclass(slots=True)
class RequestRecord:
    """One answered row, which nobody changes.

    `id` is what a label is joined on; `inputs` holds the features as the model got them; `label` is what it answered,
    None where a policy drops that.
    guards: what the server's guards said of the row, by name; caller: who asked, None without access control.
    usage: what a text took, None of other answers; sources: ids of the documents that it was given, best first, as
    `sources_of` bounds them, None where they are not known.
    """

    id: str
    at: datetime
    model: str
    version: str
    release_id: str
    latency_ms: float
    label: float | int | str | bool | None
    score: float | None
    inputs: dict[str, Any]
    guards: tuple[str, ...] = ()
    caller: str | None = None
    usage: Usage | None = None
    sources: tuple[str, ...] | None = None


def sources_of(facts: Mapping[str, Any]) -> tuple[str, ...] | None:
    """What is known of the documents behind a text, None where nothing is: passages may have come without ids.

    At most a hundred ids of at most 200 characters: the end of a longer one gives way to its digest.

    >>> sources_of({"sources": ["moby-dick.txt"]}), sources_of({"sources": [], "contexts": ["Call me"]})
    (('moby-dick.txt',), None)
    """
    found = facts.get(SOURCES)
    if found is None or (not found and facts.get("contexts")):
        return None
    return tuple(map(_bounded, found[:_MOST_SOURCES]))


def _bounded(source: str) -> str:
    if len(source) <= _MOST_CHARACTERS:
        return source
    digest = hashlib.sha256(source.encode("utf-8", "surrogatepass")).hexdigest()[:_DIGEST]
    return f"{source[: _MOST_CHARACTERS - _DIGEST - 1]}~{digest}"


@dataclass(frozen=True)
class LabelRecord:
    """The truth about one answered row, known later; None where a policy drops it."""

    id: str
    at: datetime
    label: float | int | str | bool | None


@dataclass(frozen=True)
class Mark:
    """Which stretch of a journal is stored: the entries after `after` and up to `number`, which rise.

    It is stored with the rows, at once, and only in a log that holds that journal up to exactly `after`.
    """

    journal: str
    after: int
    number: int


class RequestLog(Protocol):
    """Where records go and come back from."""

    def append(self, records: Sequence[RequestRecord], *, mark: Mark | None = None) -> None:
        """Store answered rows, durably when this returns; nothing where the log holds the mark already."""
        ...

    def append_labels(self, labels: Sequence[LabelRecord], *, mark: Mark | None = None) -> None:
        """Store labels, under the same rule; of several for one id the newest counts."""
        ...

    def stored(self, journal: str) -> tuple[int, int]:
        """Up to which entry of a journal requests and labels are stored; 0 where none is."""
        ...

    def read(
        self,
        *,
        model: str,
        version: str | None = None,
        since: datetime | None = None,
        last: int | None = None,
    ) -> pl.DataFrame:
        """Read the newest records, oldest first, joined with their labels.

        Columns: id, at (UTC datetime), version, release_id, latency_ms, prediction, score, guards (a list of
        text), caller, prompt_tokens, completion_tokens, cost and finish_reason (of texts), sources (a list of text,
        null where not known), target (null until a label has come), and one column per input feature under its own
        name, prefixed `input.`.
        An empty log gives an empty frame with the columns that do not depend on the model.
        """
        ...
