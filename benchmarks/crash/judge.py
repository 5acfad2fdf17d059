"""What a kill cost, and whether the durability allows it."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from enum import StrEnum

import polars as pl

from benchmarks.crash.clients import Acknowledged, Kill, Kind
from mlops.serving.log.config import Durability

# What `batch` states: nothing is missing that was acknowledged earlier before the kill.
BOUND_S = 1.0


class Victim(StrEnum):
    """Whose processes are killed."""

    SERVER = "a server of one process"
    ALL = "a server of two processes, both and what supervises them"
    ONE = "one of two processes, which another follows"


@dataclass(frozen=True)
class Cost:
    """Of what was acknowledged before and around one kill, what is missing.

    worst_age_s: the longest time between an acknowledgement and the kill among missing records.
    forbidden: how many of them the durability does not allow.
    """

    acknowledged: int
    missing: int
    forbidden: int
    worst_age_s: float | None


@dataclass(frozen=True)
class Turn:
    """One kill; twice: rows of its requests and labels that are there once more. unreadable: what readers said."""

    durability: Durability
    victim: Victim
    cost: Cost
    twice: int = 0
    unreadable: tuple[str, ...] = ()
    failed: int = 0

    @property
    def violations(self) -> tuple[str, ...]:
        """What should not be."""
        found = {
            "acknowledged records are missing against the promise": self.cost.forbidden,
            "rows are there twice": self.twice,
            "requests were refused": self.failed,
        }
        said = [f"{count} {what}" for what, count in found.items() if count]
        return tuple(f"{self.durability}, {self.victim}: {each}" for each in (*said, *self.unreadable))


def cost(
    durability: Durability,
    kill: Kill,
    acknowledged: Sequence[Acknowledged],
    stored: Mapping[Kind, AbstractSet[str]],
    *,
    bound_s: float = BOUND_S,
) -> Cost:
    """Hold what was acknowledged against what is stored.

    With `batch` a record may be missing that was asked for before the kill and acknowledged less than bound_s before
    it; what was asked for later was answered by a process that lived on.

    >>> told = [Acknowledged(Kind.REQUEST, key, came - 0.1, came) for key, came in (("a", 8.5), ("b", 9.5))]
    >>> kill = Kill(10.0, 10.0)
    >>> cost(Durability.BATCH, kill, told, {Kind.REQUEST: {"a"}})
    Cost(acknowledged=2, missing=1, forbidden=0, worst_age_s=0.5)
    >>> cost(Durability.JOURNAL, kill, told, {Kind.REQUEST: {"a"}}).forbidden
    1
    >>> cost(Durability.BATCH, kill, told, {Kind.REQUEST: {"b"}}).forbidden
    1
    """
    lost = missing(acknowledged, stored)
    excused = [
        each
        for each in lost
        if durability is Durability.BATCH and each.sent <= kill.ended and kill.began - each.came <= bound_s
    ]
    worst = max((max(0.0, kill.began - each.came) for each in lost), default=None)
    return Cost(len(acknowledged), len(lost), len(lost) - len(excused), worst)


def missing(
    acknowledged: Iterable[Acknowledged], stored: Mapping[Kind, AbstractSet[str]]
) -> list[Acknowledged]:
    """Acknowledged records that no table has."""
    return [each for each in acknowledged if each.id not in stored.get(each.kind, frozenset())]


def twice(ids: pl.Series, name: str) -> int:
    """How many rows there are beyond the first of each id that begins with a name.

    >>> twice(pl.Series("id", ["1-0", "1-0", "1-1", "12-0", "12-0"]), "1")
    1
    """
    own = ids.filter(ids.str.starts_with(f"{name}-"))
    return own.len() - own.n_unique()
