"""An answered request as the request log keeps it: a record a row."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from mlops.serving.access.callers import ANYONE, Caller
from mlops.serving.batching import Row, Said
from mlops.serving.version import ServedVersion
from monitoring.store.base import RequestRecord, Usage, sources_of

_TOOK = ("prompt_tokens", "completion_tokens", "cost", "finish_reason")


@dataclass(frozen=True)
class Answered:
    """What the model said of a request's rows, after the guards; `rows` as the model got them."""

    ids: list[str]
    rows: Sequence[Row]
    said: Said
    flags: list[tuple[str, ...]]


def records_of(
    answered: Answered, version: ServedVersion, caller: Caller, *, at: datetime, latency_ms: float
) -> list[RequestRecord]:
    """The records of one request, in the order of its rows."""
    names, said = version.schemas.names, answered.said
    model, number, release_id = version.bundle.model, version.bundle.version, version.bundle.release_id
    who = None if caller is ANYONE else caller.id
    # By position: names would make it half as slow again, on the way of every request.
    return [
        RequestRecord(
            id_,
            at,
            model,
            number,
            release_id,
            latency_ms,
            label,
            score,
            dict(zip(names, row, strict=True)),
            flags,
            who,
            usage,
            sources,
        )
        for row, id_, label, score, flags, usage, sources in zip(
            answered.rows,
            answered.ids,
            said.labels,
            said.scores,
            answered.flags,
            _usages(said),
            _sources(said),
            strict=True,
        )
    ]


def _usages(said: Said) -> Iterable[Usage | None]:
    """What each text took; nothing is known of other answers."""
    if not said.facts:
        return [None] * len(said.labels)
    return [Usage(**{name: facts.get(name) for name in _TOOK}) for facts in said.facts]


def _sources(said: Said) -> Iterable[tuple[str, ...] | None]:
    """What each text was given to go on; nothing is known of other answers."""
    if not said.facts:
        return [None] * len(said.labels)
    return map(sources_of, said.facts)
