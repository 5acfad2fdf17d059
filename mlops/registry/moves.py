"""Who was champion when: every move of that alias, written down with the versions that it concerns.

A version's tag `weighbridge.served` holds [[from, until], ...] in UTC, until null while it serves. What is about to
happen is written on the model first (tag `weighbridge.move`), so that a move that was interrupted is finished by
whoever makes the next one. Traffic has moved by then, see `mlops.release.steps.deploy`.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from mlops.registry.client import Alias, ModelVersion, Registry

Clock = Callable[[], datetime]
_MOVE, _SERVED = "move", "served"


@dataclass(frozen=True)
class Stretch:
    """One time as champion, both ends in UTC; until is None while it lasts, or when nobody wrote down the end."""

    since: datetime
    until: datetime | None = None


@dataclass(frozen=True)
class Move:
    """The champion alias goes from one version to another; from None, where there was no champion."""

    before: str | None
    after: str
    at: datetime
    back: bool
    """Whether it is a rollback."""


def utc_now() -> datetime:
    """The clock of this machine."""
    return datetime.now(UTC)


def move_champion(registry: Registry, to: str, *, back: bool = False, clock: Clock = utc_now) -> None:
    """Make a version champion and the champion before it previous, and write down when.

    A version that is champion already stays it since when it was. Wherever it is interrupted, the next call, for
    this or another version, or `settle`, finishes it first.
    """
    settle(registry)
    champion = registry.by_alias(Alias.CHAMPION)
    if champion is not None and champion.version == to:
        return
    before = champion.version if champion else None
    move = {"before": before, "after": to, "at": _text(clock()), "back": back}
    registry.tag_model(_MOVE, json.dumps(move))
    settle(registry)


def settle(registry: Registry) -> Move | None:
    """Finish a move that was begun, and give it; None where there was none.

    One that somebody overtook by moving the alias by hand is forgotten.
    """
    move = _begun(registry)
    if move is None:
        return None
    for version in _after(move, registry.versions()):
        if version.served is not None:
            registry.tag_version(version.version, _SERVED, version.served)
    if move.before is not None:
        registry.set_alias(Alias.PREVIOUS, move.before)
    registry.set_alias(Alias.CHAMPION, move.after)
    registry.tag_model(_MOVE, None)
    return move


def settled(registry: Registry) -> list[ModelVersion]:
    """All versions, newest first, as `settle` would leave them; changes nothing."""
    versions, move = registry.versions(), _begun(registry)
    changed = {version.version: version for version in _after(move, versions)} if move else {}
    return [changed.get(version.version, version) for version in versions]


def stretches(version: ModelVersion) -> tuple[Stretch, ...]:
    """When a version was champion, oldest first; empty for one that never was."""
    return tuple(
        Stretch(datetime.fromisoformat(since), datetime.fromisoformat(until) if until else None)
        for since, until in json.loads(version.served or "[]")
    )


def _after(move: Move, versions: Sequence[ModelVersion]) -> list[ModelVersion]:
    """The versions of a move with what has to stand on them; what stands there already is kept."""
    found = []
    for version in versions:
        known = stretches(version)
        if version.version == move.after and (not known or known[-1].since != move.at):
            known = (*known, Stretch(move.at))
        elif version.version == move.before and known and known[-1].until is None:
            known = (*known[:-1], replace(known[-1], until=move.at))
        else:
            continue
        found.append(replace(version, served=_to_json(known)))
    return found


def _begun(registry: Registry) -> Move | None:
    text = registry.model_tag(_MOVE)
    if not text:
        return None
    content = json.loads(text)
    move = Move(**{**content, "at": datetime.fromisoformat(content["at"])})
    champion = registry.by_alias(Alias.CHAMPION)
    overtaken = (champion.version if champion else None) not in {move.before, move.after}
    return None if overtaken else move


def _to_json(known: Sequence[Stretch]) -> str:
    return json.dumps([[_text(item.since), item.until and _text(item.until)] for item in known])


def _text(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")
