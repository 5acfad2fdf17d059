"""Moving the aliases; nothing becomes champion here without a record that passed."""

import tempfile
from pathlib import Path

from evaluation.errors import UserError
from mlops.decision.signed import FILE_NAMES, SignedRecord
from mlops.packaging.bundle import RANGES, REFERENCE, Bundle, model_digest
from mlops.packaging.load import read_mlmodel
from mlops.registry.client import Alias, ModelVersion, Registry
from mlops.registry.moves import Clock, move_champion, settle, utc_now
from mlops.registry.prompts import prompts_of


def fetch_bundle(registry: Registry, version: ModelVersion, bundles: Path) -> Bundle:
    """Get a version's bundle, from disk if it is there and verifies, else from the registry; verified either way.

    Raises UserError when the version has no record that lets it serve, signed by a key that is trusted here, or
    its files are not the ones that were weighed.
    """
    digest = require_recorded(version)
    place = bundles / f"{version.model}-{version.version}"
    if place.exists():
        bundle = Bundle.open(place)
        if (bundle.release_id, bundle.decision_digest) == (version.release_id, version.decision_digest):
            return bundle
    bundles.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=bundles) as scratch:
        folder = Path(scratch)
        signed = fetch_record(registry, version, folder)
        model_dir = registry.download_model(version, folder / "model")
        signed.require_promotable(digest=digest, model_digest=model_digest(model_dir))
        return Bundle.make(
            place,
            model_dir=model_dir,
            signed=signed,
            reference=registry.download_evidence(version, REFERENCE, folder),
            ranges=registry.download_evidence(version, RANGES, folder),
            version=version.version,
        )


def fetch_record(registry: Registry, version: ModelVersion, folder: Path) -> SignedRecord:
    """Get a version's record and signature into a folder, not verified; raises UserError when one is missing."""
    found = [registry.download_evidence(version, name, folder) for name in FILE_NAMES]
    return SignedRecord.read(found[0].parent)


def require_recorded(version: ModelVersion) -> str:
    """Give the digest of a version's record; refuses a version that Weighbridge did not register."""
    if version.decision_digest is None or version.run_id is None:
        raise UserError(
            f"version {version.version} of '{version.model}' has no decision record",
            expected="a version registered by `weighbridge register`",
            next_step="weighbridge release",
        )
    return version.decision_digest


def promote(registry: Registry, bundle: Bundle, *, back: bool = False, clock: Clock = utc_now) -> None:
    """Make a verified version champion; who was champion becomes previous. Doing it twice changes nothing.

    back: this is a rollback.
    Raises UserError when the bundle does not hold, or is about another decision than the version in the registry.
    """
    digest = require_recorded(registry.by_version(bundle.version))
    SignedRecord.read(Bundle.open(bundle.path).path).require_authentic(digest)
    move_champion(registry, bundle.version, back=back, clock=clock)
    for prompt in prompts_of(read_mlmodel(bundle.model_dir).get("metadata")):
        registry.point_prompt(prompt, Alias.CHAMPION)
    challenger = registry.by_alias(Alias.CHALLENGER)
    if challenger is not None and challenger.version == bundle.version:
        registry.set_alias(Alias.CHALLENGER, None)


def swap_back(registry: Registry) -> tuple[ModelVersion, ModelVersion]:
    """Name who would be champion and who would be previous after a rollback: (previous, champion).

    A rollback that was interrupted is finished, and its two are named; it is not taken back by doing it again.
    Raises UserError when there is no champion or no previous version to go back to.
    """
    finished = settle(registry)
    champion = registry.by_alias(Alias.CHAMPION)
    previous = registry.by_alias(Alias.PREVIOUS)
    if finished is not None and finished.back and champion is not None and previous is not None:
        return champion, previous
    if champion is None or previous is None or champion.version == previous.version:
        raise UserError(
            f"model '{registry.model}' has no previous champion",
            expected="two releases that passed",
            next_step="weighbridge status",
        )
    return previous, champion
