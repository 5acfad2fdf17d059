"""Beside the steps: the image of a registered release."""

from pathlib import Path

from mlops.packaging.image import Device, Image, build_image
from mlops.registry.promote import fetch_bundle
from mlops.release.journal import Step
from mlops.release.run import Release


def build(release: Release, *, device: str, push: str | None, wheel: Path | None) -> Image:
    """Build the image of a release's registered version, push it if a place is named."""
    project = release.project
    version = project.registry.by_version(release.journal.result(Step.REGISTER)["version"])
    bundle = fetch_bundle(project.registry, version, project.home / "bundles")
    name = push or f"weighbridge/{bundle.model.lower()}"
    return build_image(
        bundle,
        device=Device(device),
        tag=f"{name}:{bundle.release_id}-{device}",
        push=push is not None,
        wheel=wheel,
    )
