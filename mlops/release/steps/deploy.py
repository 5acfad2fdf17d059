"""Step 6: the challenger answers, then it is champion."""

from evaluation.errors import UserError
from mlops.packaging.bundle import Bundle
from mlops.registry.client import Alias, ModelVersion, Registry
from mlops.registry.promote import fetch_bundle, promote
from mlops.release.journal import Step
from mlops.release.run import Fraction, Release, StepDone


def perform(release: Release, advance: Fraction) -> StepDone:
    """Serve the release's version and make it champion; the router shifts before the alias moves."""
    project = release.project
    version = project.registry.by_version(release.journal.result(Step.REGISTER)["version"])
    bundle = fetch_bundle(project.registry, version, project.home / "bundles")
    require_same_champion(project.registry, bundle, version)
    deployment = project.rollout("docker" if release.image else None).deploy(
        release.image or str(bundle.path),
        model=bundle.model,
        version=bundle.version,
        release_id=bundle.release_id,
    )
    advance(0.9)
    promote(project.registry, bundle)
    return StepDone(
        {"version": bundle.version, "url": deployment.url},
        f"version {bundle.version} is champion at {deployment.url}",
    )


def require_same_champion(registry: Registry, bundle: Bundle, version: ModelVersion) -> None:
    """Refuse when the champion is not the one that the decision compared with; it says nothing about this one."""
    from mlops.decision.record import DecisionRecord

    champion = registry.by_alias(Alias.CHAMPION)
    if champion is None or champion.version == version.version:
        return
    weighed = DecisionRecord.read(bundle.path / "decision.json").content["champion"]
    if weighed is None or weighed["version"] != champion.version:
        against = "no champion" if weighed is None else f"version {weighed['version']}"
        raise UserError(
            f"release {bundle.release_id} was weighed against {against}, but version {champion.version} serves now",
            expected="a decision against the current champion",
            next_step="weighbridge release --new",
        )
