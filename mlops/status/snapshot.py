"""What serves, what is registered, how the newest releases ended."""

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from mlops.project import Project
from mlops.registry.client import Alias
from mlops.release.journal import Journal, Step, journals
from mlops.release.run import releases_dir

if TYPE_CHECKING:
    from rich.console import RenderableType

_NEWEST = 10


@dataclass(frozen=True)
class ReleaseLine:
    """One release in a list; verdict is None while it is open."""

    id: str
    created_at: str
    commit: str | None
    last_step: str | None
    verdict: str | None
    version: str | None


@dataclass(frozen=True)
class LaneLine:
    """One lane behind the router."""

    role: str
    version: str
    release_id: str
    address: str
    alive: bool


@dataclass(frozen=True)
class Snapshot:
    """Where a project stands; url is None when nothing was deployed from this machine."""

    model: str
    store: str
    aliases: dict[str, str]
    url: str | None
    router_alive: bool
    lanes: tuple[LaneLine, ...]
    releases: tuple[ReleaseLine, ...]


def take(project: Project) -> Snapshot:
    """Ask registry, router and release folders."""
    from mlops.mlflow_store import tracking_uri

    registry = project.registry
    aliases = {
        alias.value: found.version for alias in Alias if (found := registry.by_alias(alias)) is not None
    }
    serving = project.rollout().status()
    lanes = () if serving is None else serving.lanes
    return Snapshot(
        model=project.policy.model,
        store=tracking_uri(project.home).rpartition("@")[2],
        aliases=aliases,
        url=serving.url if serving else None,
        router_alive=serving is not None and bool(serving.router.alive),
        lanes=tuple(
            LaneLine(
                placed.role.value,
                placed.lane.version,
                placed.lane.release_id,
                f"{placed.lane.host}:{placed.lane.port}",
                bool(placed.alive),
            )
            for placed in lanes
        ),
        releases=tuple(
            _line(journal)
            for journal in journals(releases_dir(project))[:_NEWEST]
            if journal.model == project.policy.model
        ),
    )


def to_json(snapshot: Snapshot) -> dict[str, Any]:
    """For `weighbridge status --json`."""
    return asdict(snapshot)


def render(snapshot: Snapshot) -> "RenderableType":
    """For people."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    named = ", ".join(f"{alias} = version {version}" for alias, version in snapshot.aliases.items())
    head = Text.assemble(
        (snapshot.model, "bold"), f"  {named or 'no version registered yet'}\nstore  {snapshot.store}\n"
    )
    if snapshot.url is None:
        head.append("serving  nothing from this machine; next: weighbridge release")
    else:
        head.append(f"serving  {snapshot.url}" + ("" if snapshot.router_alive else "  (router is down)"))
    lanes = Table("lane", "version", "release", "address", "state", box=None)
    for lane in snapshot.lanes:
        state = Text("up", "green") if lane.alive else Text("down; next: weighbridge deploy", "red")
        lanes.add_row(lane.role, lane.version, lane.release_id, lane.address, state)
    releases = Table("release", "commit", "last step", "verdict", "version", box=None)
    for line in snapshot.releases:
        colour = {"pass": "green", "fail": "bold red", "inconclusive": "yellow"}.get(
            line.verdict or "", "dim"
        )
        releases.add_row(
            line.id,
            (line.commit or "-")[:10],
            line.last_step or "-",
            Text(line.verdict or "open", colour),
            line.version or "-",
        )
    parts: list[RenderableType] = [head]
    if snapshot.lanes:
        parts += ["", lanes]
    if snapshot.releases:
        parts += ["", releases]
    return Group(*parts)


def _line(journal: Journal) -> ReleaseLine:
    done = [step.value for step in Step if journal.done(step)]
    return ReleaseLine(
        id=journal.id,
        created_at=journal.created_at,
        commit=journal.commit.get("sha"),
        last_step=done[-1] if done else None,
        verdict=journal.verdict.value if journal.verdict else None,
        version=journal.result(Step.REGISTER)["version"] if journal.done(Step.REGISTER) else None,
    )
