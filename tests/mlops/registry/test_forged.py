"""What somebody could change to get a model served, and who refuses it: the registry's side, promotion, the server."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from evaluation.errors import UserError
from mlops.decision.canonical import canonical_json, digest_bytes
from mlops.decision.keys import SigningKey
from mlops.decision.record import DecisionRecord
from mlops.decision.signature import Signature
from mlops.decision.signed import FILE_NAMES, SignedRecord
from mlops.packaging.bundle import Bundle
from mlops.registry.client import Alias
from mlops.registry.promote import fetch_bundle, promote
from mlops.serving.command import main

if TYPE_CHECKING:
    from tests.mlops.conftest import Store

FIRST, FAILED, OTHER = (f"20260101-000000-0000000{number}" for number in (1, 2, 3))


@dataclass(frozen=True)
class Scene:
    """Where one release's evidence lies, and how to change the digest that is expected of its record."""

    evidence: Path
    model: Path
    other: Path
    """Evidence of a release that passed and is signed, as it should be."""
    expect: Callable[[str], None]

    def flip(self, path: Path, near: bytes) -> None:
        """Change one bit of one byte."""
        content = bytearray(path.read_bytes())
        content[content.index(near)] ^= 1
        path.write_bytes(bytes(content))

    def forge(self) -> str:
        """Turn a decision that failed into one that passed; gives the digest of the forged record."""
        path = self.evidence / "decision.json"
        forged = canonical_json(json.loads(path.read_bytes()) | {"verdict": "pass", "consequence": "promote"})
        path.write_bytes(forged)
        return digest_bytes(forged)

    def edit_signature(self, **changes: str) -> None:
        path = self.evidence / "decision.sig.json"
        path.write_text(json.dumps(json.loads(path.read_bytes()) | changes))

    def sign_by(self, seed: int) -> None:
        """Sign what is there by another key."""
        key = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32), "a test")
        SignedRecord.sign(DecisionRecord.read(self.evidence / "decision.json"), key).write(self.evidence)


def altered_record(scene: Scene) -> None:
    scene.flip(scene.evidence / "decision.json", b"small")


def altered_model(scene: Scene) -> None:
    scene.flip(scene.model / "model.skops", b"PK")


def forged_verdict(scene: Scene) -> None:
    scene.edit_signature(digest=scene.forge())


def forged_verdict_and_tag(scene: Scene) -> None:
    scene.expect(scene.forge())


def forged_verdict_tag_and_signed_digest(scene: Scene) -> None:
    digest = scene.forge()
    scene.expect(digest)
    scene.edit_signature(digest=digest)


def signed_by_another_key(scene: Scene) -> None:
    scene.expect(scene.forge())
    scene.sign_by(7)


def another_key_under_the_trusted_ones_name(scene: Scene) -> None:
    mine = Signature.read(scene.evidence / "decision.sig.json")
    scene.expect(scene.forge())
    scene.sign_by(7)
    scene.edit_signature(key=mine.key, key_id=mine.key_id)


def no_signature(scene: Scene) -> None:
    (scene.evidence / "decision.sig.json").unlink()


def signature_of_another_release(scene: Scene) -> None:
    shutil.copyfile(scene.other / "decision.sig.json", scene.evidence / "decision.sig.json")


def evidence_of_another_release(scene: Scene) -> None:
    for name in FILE_NAMES:
        shutil.copyfile(scene.other / name, scene.evidence / name)
    scene.expect(DecisionRecord.read(scene.other / "decision.json").digest)


def nothing(_: Scene) -> None:
    """The control: a decision that failed is refused for what it says."""


ATTACKS = [
    pytest.param(attack, told, id=attack.__name__)
    for attack, told in [
        (nothing, "was decided 'fail'"),
        (altered_record, "was changed"),
        (altered_model, "model files are not the ones"),
        (forged_verdict, "was changed"),
        (forged_verdict_and_tag, "is of another record"),
        (forged_verdict_tag_and_signed_digest, "did not sign this record"),
        (signed_by_another_key, "which is not trusted here"),
        (another_key_under_the_trusted_ones_name, "did not sign this record"),
        (no_signature, "decision.sig.json"),
        (signature_of_another_release, "is of another record"),
        (evidence_of_another_release, "model files are not the ones"),
    ]
]
ON_A_PASS = {"altered_record", "altered_model", "no_signature", "signature_of_another_release"}


@pytest.fixture
def verdict(request: pytest.FixtureRequest) -> str:
    """Of the release under attack: forging needs one that failed, the rest one that passed."""
    return "pass" if request.getfixturevalue("attack").__name__ in ON_A_PASS else "fail"


@pytest.mark.parametrize(("attack", "told"), ATTACKS)
def test_the_registrys_copy_is_refused(store: "Store", attack: Any, told: str, verdict: str) -> None:
    store.release(OTHER)
    version = store.release(FAILED, verdict=verdict)
    attack(
        Scene(
            evidence=store.home / "artifacts" / version.run_id / "artifacts" / "weighbridge",
            model=_logged_model(store, FAILED),
            other=store.home / "releases" / OTHER,
            expect=lambda digest: store.registry.tag_version(version.version, "decision_digest", digest),
        )
    )
    version = store.registry.by_version(version.version)
    with pytest.raises(UserError, match=told.replace(".", r"\.")):
        fetch_bundle(store.registry, version, store.home / "bundles")
    assert not list((store.home / "bundles").glob("small-*"))
    assert store.registry.by_alias(Alias.CHAMPION) is None


def _logged_model(store: "Store", release_id: str) -> Path:
    """Where the store keeps the files of a release's model."""
    (copy,) = (store.home / "releases" / release_id).rglob("MLmodel")
    model_id = yaml.safe_load(copy.read_text())["model_id"]
    return store.home / "artifacts" / "models" / str(model_id) / "artifacts"


@pytest.fixture
def attacked(store: "Store", attack: Any, verdict: str) -> Bundle:
    """A bundle on disk whose content was changed after it was fetched."""
    store.release(OTHER)
    bundle = fetch_bundle(store.registry, store.release(FIRST), store.home / "bundles")
    if verdict == "fail":
        content = json.loads((bundle.path / "decision.json").read_bytes())
        failed = DecisionRecord.of(content | {"verdict": "fail", "consequence": "stop"})
        signed = SignedRecord.sign(failed, _own())
        signed.write(bundle.path)
        _expect(bundle, failed.digest)
    attack(
        Scene(
            bundle.path,
            bundle.model_dir,
            store.home / "releases" / OTHER,
            lambda digest: _expect(bundle, digest),
        )
    )
    return bundle


def _own() -> SigningKey:
    from mlops.decision.keys import make_own_key

    return make_own_key()


def _expect(bundle: Bundle, digest: str) -> None:
    (bundle.path / "bundle.json").write_text(
        json.dumps({"version": bundle.version, "decision_digest": digest})
    )


@pytest.mark.parametrize(("attack", "told"), ATTACKS)
def test_a_bundle_is_refused_by_promotion_and_by_the_server(
    store: "Store",
    attacked: Bundle,
    told: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(UserError, match=told.replace(".", r"\.")):
        promote(store.registry, attacked)
    with pytest.raises(UserError, match=told.replace(".", r"\.")):
        fetch_bundle(store.registry, store.registry.by_version(attacked.version), store.home / "bundles")
    assert store.registry.by_alias(Alias.CHAMPION) is None
    monkeypatch.setattr("mlops.serving.logs.log_as_json", lambda: None)
    assert main([str(attacked.path), "--port", "0", "--log-dir", str(store.home / "log")]) == 3
    message = capsys.readouterr().err
    assert told in message
    assert message.startswith("error: ")
    assert "next: " in message


REAL = [attack for attack in ATTACKS if attack.id in {"forged_verdict_tag_and_signed_digest", "no_signature"}]


@pytest.mark.parametrize(("attack", "told"), REAL)
def test_a_real_server_does_not_start(store: "Store", attacked: Bundle, told: str) -> None:
    command = [
        sys.executable,
        "-m",
        "mlops.serving",
        attacked.path,
        "--port",
        "0",
        "--log-dir",
        store.home / "log",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, "Traceback" in done.stderr) == (3, False)
    assert told in done.stderr


def test_a_decision_that_belongs_to_another_version_does_not_promote_this_one(store: "Store") -> None:
    bundle = fetch_bundle(store.registry, store.release(FIRST), store.home / "bundles")
    other = store.release(OTHER)
    (bundle.path / "bundle.json").write_text(
        json.dumps({"version": other.version, "decision_digest": bundle.decision_digest})
    )
    with pytest.raises(UserError, match="was changed"):
        promote(store.registry, Bundle.open(bundle.path))


def test_a_reference_that_was_changed_would_blind_the_monitor(store: "Store") -> None:
    bundle = fetch_bundle(store.registry, store.release(FIRST), store.home / "bundles")
    bundle.reference.write_bytes(bundle.reference.read_bytes() + b"x")
    with pytest.raises(UserError, match=r"reference\.parquet is not the file"):
        Bundle.open(bundle.path)


@pytest.mark.parametrize(("verdict", "consequence"), [("inconclusive", "hold"), ("fail", "stop")])
def test_what_is_held_or_stopped_never_serves(store: "Store", verdict: str, consequence: str) -> None:
    version = store.release(FIRST, verdict=verdict, consequence=consequence)
    with pytest.raises(UserError, match=f"was decided '{verdict}'"):
        fetch_bundle(store.registry, version, store.home / "bundles")
    signed = SignedRecord.read(store.home / "releases" / FIRST)
    facts = {"digest": version.decision_digest, "model_digest": version.model_digest}
    if consequence == "hold":
        signed.require_registrable(**facts)
    else:
        with pytest.raises(UserError, match="was decided"):
            signed.require_registrable(**facts)


def test_a_key_that_is_trusted_by_name_lets_the_decision_of_another_machine_serve(
    store: "Store", tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = store.release(FIRST)
    signed = SignedRecord.read(store.home / "releases" / FIRST)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "another machine"))
    with pytest.raises(UserError, match="no key is trusted here") as refused:
        fetch_bundle(store.registry, version, store.home / "bundles")
    assert f"weighbridge keys trust {signed.signature.key}" in str(refused.value)
    assert not (tmp_path / "another machine").exists()
    monkeypatch.setenv("WEIGHBRIDGE_TRUSTED_KEYS", signed.signature.key)
    assert fetch_bundle(store.registry, version, store.home / "bundles").release_id == FIRST
