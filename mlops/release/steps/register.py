"""Step 5: a version in the registry, named challenger, with its decision record beside it."""

from mlops.decision.signed import SignedRecord
from mlops.packaging.bundle import model_digest
from mlops.registry.card import describe
from mlops.registry.client import Alias
from mlops.release.journal import Step
from mlops.release.run import Fraction, Release, StepDone


def perform(release: Release, advance: Fraction) -> StepDone:
    """Register the weighed model once; a version that this release made before it was killed is found again."""
    trained, decided = release.journal.result(Step.TRAIN), release.journal.result(Step.GATE)
    signed = SignedRecord.read(release.folder)
    signed.require_registrable(digest=decided["digest"], model_digest=model_digest(release.folder / "model"))
    record = signed.record
    registry = release.project.registry
    advance(0.2)
    version = registry.by_release(release.id) or registry.register(
        source=trained["model_uri"],
        run_id=trained["run_id"],
        description=describe(record, registry.evidence_link(trained["run_id"])),
        tags={
            "release": release.id,
            "commit": str(record.content["release"]["commit"] or ""),
            "verdict": record.verdict.value,
            "decision_digest": record.digest,
            "decision_key": signed.signature.key_id,
            "model_digest": record.model_digest or "",
        },
    )
    registry.set_alias(Alias.CHALLENGER, version.version)
    return StepDone({"version": version.version}, f"version {version.version} is challenger")
