"""What a finding, or a person, can set in motion."""

from dataclasses import dataclass

from mlops.project import Project
from mlops.registry.promote import fetch_bundle, promote, swap_back


@dataclass(frozen=True)
class RolledBack:
    """A rollback that is done."""

    version: str
    replaced: str
    summary: str


def roll_back(project: Project) -> RolledBack:
    """Give traffic and the champion alias back to the previous version, whose record is verified first.

    Raises UserError when there is no previous version or its evidence does not hold.
    """
    registry = project.registry
    previous, champion = swap_back(registry)
    bundle = fetch_bundle(registry, previous, project.home / "bundles")
    rollout = project.rollout()
    serving = rollout.status()
    if serving is not None:
        rollout.rollback(bundle.version)
    promote(registry, bundle, back=True)
    where = f"at {serving.url}" if serving else "in the registry; nothing is served from this machine"
    return RolledBack(
        previous.version, champion.version, f"version {previous.version} is champion again {where}"
    )
