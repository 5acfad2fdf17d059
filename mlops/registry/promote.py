"""Moving the aliases; nothing becomes champion here without a record that passed."""

import tempfile
from pathlib import Path

from evaluation.errors import UserError
from mlops.decision.record import FILE_NAME, DecisionRecord
from mlops.packaging.bundle import Bundle, model_digest
from mlops.registry.client import Alias, ModelVersion, Registry


def fetch_bundle(registry: Registry, version: ModelVersion, bundles: Path) -> Bundle:
    """Get a version's bundle, from disk if it is there and verifies, else from the registry; verified either way.

    Raises UserError when the version has no passing record or its files are not the ones that were weighed.
    """
    require_recorded(version)
    place = bundles / f"{version.model}-{version.version}"
    if place.exists():
        bundle = Bundle.open(place)
        if (bundle.release_id, bundle.decision_digest) == (version.release_id, version.decision_digest):
            return bundle
    bundles.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bundles) as scratch:
        folder = Path(scratch)
        record = DecisionRecord.read(registry.download_evidence(version, FILE_NAME, folder))
        model_dir = registry.download_model(version, folder / "model")
        record.require_pass(digest=version.decision_digest, model_digest=model_digest(model_dir))
        reference = registry.download_evidence(version, "reference.parquet", folder)
        return Bundle.make(
            place, model_dir=model_dir, record=record, reference=reference, version=version.version
        )


def require_recorded(version: ModelVersion) -> None:
    """Refuse a version that Weighbridge did not register."""
    if version.decision_digest is None or version.run_id is None:
        raise UserError(
            f"version {version.version} of '{version.model}' has no decision record",
            expected="a version registered by `weighbridge register`",
            next_step="weighbridge release",
        )


def promote(registry: Registry, bundle: Bundle) -> None:
    """Make a verified version champion; who was champion becomes previous. Doing it twice changes nothing."""
    Bundle.open(bundle.path)
    champion = registry.by_alias(Alias.CHAMPION)
    if champion is None or champion.version != bundle.version:
        if champion is not None:
            registry.set_alias(Alias.PREVIOUS, champion.version)
        registry.set_alias(Alias.CHAMPION, bundle.version)
    challenger = registry.by_alias(Alias.CHALLENGER)
    if challenger is not None and challenger.version == bundle.version:
        registry.set_alias(Alias.CHALLENGER, None)


def swap_back(registry: Registry) -> tuple[ModelVersion, ModelVersion]:
    """Name who would be champion and who would be previous after a rollback: (previous, champion).

    Raises UserError when there is no champion or no previous version to go back to.
    """
    champion = registry.by_alias(Alias.CHAMPION)
    previous = registry.by_alias(Alias.PREVIOUS)
    if champion is None or previous is None or champion.version == previous.version:
        raise UserError(
            f"model '{registry.model}' has no previous champion",
            expected="two releases that passed",
            next_step="weighbridge status",
        )
    return previous, champion
