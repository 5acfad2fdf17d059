"""What is deployed from one home, on disk: which router, which lanes, who is champion."""

from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter, ValidationError

from evaluation.errors import EnvironmentProblem
from evaluation.files import write_whole
from mlops.lock import only_one
from mlops.rollout.targets.base import Lane

FILE_NAME = "deployment.json"
SLOTS = 4
"""Champion, previous, a lane that is coming up, and one that a killed deployment left behind."""
FULL_WEIGHT = 100
_STRICT = ConfigDict(extra="forbid", strict=True)


class Role(StrEnum):
    """What a lane is for."""

    CHAMPION = "champion"
    PREVIOUS = "previous"
    CHALLENGER = "challenger"


@dataclass(frozen=True)
class Router:
    """The process in front of the lanes. `alive` is filled in by `Rollout.status`, None: not asked."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    host: str
    port: int
    handle: str
    socket: str
    alive: bool | None = None

    @property
    def url(self) -> str:
        """Where clients on this machine reach it."""
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - read, not listened on
        return f"http://[{host}]:{self.port}" if ":" in host else f"http://{host}:{self.port}"


@dataclass(frozen=True)
class Placed:
    """A lane in a slot (1 to 4) of the router; `weight`, 0 to 256, is its share. `alive` as in Router."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    lane: Lane
    role: Role
    slot: int
    weight: int
    alive: bool | None = None


@dataclass(frozen=True)
class Deployment:
    """Router and lanes of one home."""

    __pydantic_config__: ClassVar[ConfigDict] = _STRICT

    router: Router
    lanes: tuple[Placed, ...] = ()
    schema_version: Literal[1] = 1

    @property
    def url(self) -> str:
        """Where clients on this machine reach the champion."""
        return self.router.url

    @property
    def champion(self) -> Placed | None:
        """Who answers; None before the first version is ready."""
        return self._in(Role.CHAMPION)

    @property
    def previous(self) -> Placed | None:
        """Who answers after a rollback; None when there was no other version yet."""
        return self._in(Role.PREVIOUS)

    @property
    def challenger(self) -> Placed | None:
        """Who is coming up, or was when a deployment was cut off."""
        return self._in(Role.CHALLENGER)

    def _in(self, role: Role) -> Placed | None:
        return next((placed for placed in self.lanes if placed.role is role), None)

    @property
    def served(self) -> tuple[Lane, ...]:
        """Every recorded lane."""
        return tuple(placed.lane for placed in self.lanes)

    def free_slot(self) -> int:
        """The first slot that no lane is in."""
        return min(set(range(1, SLOTS + 1)) - {placed.slot for placed in self.lanes})

    def without(self, *gone: Placed | None) -> "Deployment":
        """The same with some lanes left out."""
        slots = {placed.slot for placed in gone if placed}
        return replace(self, lanes=tuple(placed for placed in self.lanes if placed.slot not in slots))

    def promoted(self, to: Placed) -> "Deployment":
        """The same with `to` as champion, the champion of another version as previous, and nobody else."""
        last = next(
            (p for p in (self.champion, self.previous) if p and p.lane.version != to.lane.version), None
        )
        lanes = [replace(to, role=Role.CHAMPION, weight=FULL_WEIGHT)]
        if last:
            lanes.append(replace(last, role=Role.PREVIOUS, weight=0))
        return replace(self, lanes=tuple(lanes))


_ADAPTER = TypeAdapter(Deployment)
_NOT_STORED: dict[str, Any] = {"router": {"alive"}, "lanes": {"__all__": {"alive"}}}


@dataclass(frozen=True)
class StateFile:
    """`deployment.json` in the serving folder of a home."""

    folder: Path

    @property
    def path(self) -> Path:
        """Where it lies."""
        return self.folder / FILE_NAME

    def read(self) -> Deployment | None:
        """What is recorded, None when nothing was deployed; raises EnvironmentProblem if unreadable."""
        try:
            return _ADAPTER.validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, ValidationError) as error:
            raise EnvironmentProblem(
                f"{self.path} cannot be read: {_first_line(error)}",
                expected="the file as weighbridge wrote it",
                next_step=f"rm {self.path}, then: weighbridge deploy (it finds and stops left-over lanes)",
            ) from None

    def write(self, deployment: Deployment) -> None:
        """Record, whole or not at all; raises EnvironmentProblem when the disk refuses."""
        write_whole(self.path, _ADAPTER.dump_json(deployment, indent=1, exclude=_NOT_STORED))

    def remove(self) -> None:
        """Forget."""
        self.path.unlink(missing_ok=True)

    def lock(self, doing: str) -> AbstractContextManager[None]:
        """Let one process at a time change what is deployed; see `mlops.lock.only_one`."""
        return only_one(self.folder, "deployment", what="another deployment", doing=doing)


def _first_line(error: OSError | ValidationError) -> str:
    if isinstance(error, OSError):
        return error.strerror or error.__class__.__name__
    first = error.errors(include_input=False, include_url=False)[0]
    return f"{'.'.join(str(part) for part in first['loc']) or 'the file'}: {first['msg']}"
