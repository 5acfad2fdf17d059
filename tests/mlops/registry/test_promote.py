"""Nothing becomes champion without a record that passed and files that were weighed; on a real SQLite store."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.packaging.bundle import Bundle
from mlops.registry.client import Alias
from mlops.registry.promote import fetch_bundle, promote, swap_back

if TYPE_CHECKING:
    from tests.mlops.conftest import Store


def test_a_passing_version_becomes_champion_and_the_old_one_previous(store: "Store") -> None:
    first = fetch_bundle(store.registry, store.release("20260101-000000-00000001"), store.home / "bundles")
    promote(store.registry, first)
    second = fetch_bundle(store.registry, store.release("20260101-000000-00000002"), store.home / "bundles")
    store.registry.set_alias(Alias.CHALLENGER, second.version)
    promote(store.registry, second)
    promote(store.registry, second)
    aliases = {alias: store.registry.by_alias(alias) for alias in Alias}
    assert aliases[Alias.CHAMPION].version == second.version
    assert aliases[Alias.PREVIOUS].version == first.version
    assert aliases[Alias.CHALLENGER] is None
    assert [found.version for found in swap_back(store.registry)] == [first.version, second.version]


@pytest.mark.parametrize("verdict", ["fail", "inconclusive"])
def test_another_verdict_is_refused(store: "Store", verdict: str) -> None:
    version = store.release("20260101-000000-00000001", verdict=verdict)
    with pytest.raises(UserError, match=f"was decided '{verdict}'"):
        fetch_bundle(store.registry, version, store.home / "bundles")
    assert store.registry.by_alias(Alias.CHAMPION) is None


def test_a_record_that_says_something_else_than_the_version_is_refused(store: "Store") -> None:
    version = store.release("20260101-000000-00000001", tags={"decision_digest": "0" * 64})
    with pytest.raises(UserError, match="was changed"):
        fetch_bundle(store.registry, version, store.home / "bundles")


def test_a_version_that_somebody_else_registered_is_refused(store: "Store") -> None:
    run_id, uri = store.train("by hand")
    version = store.registry.register(source=uri, run_id=run_id, description="", tags={})
    with pytest.raises(UserError, match="has no decision record"):
        fetch_bundle(store.registry, version, store.home / "bundles")


@pytest.mark.parametrize("victim", ["model/model.skops", "model/MLmodel", "decision.json"])
def test_one_changed_byte_in_a_bundle_is_refused(store: "Store", victim: str) -> None:
    bundle = fetch_bundle(store.registry, store.release("20260101-000000-00000001"), store.home / "bundles")
    path = bundle.path / victim
    content = bytearray(path.read_bytes())
    place = content.index(b"pass") if victim == "decision.json" else len(content) // 2
    content[place] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(UserError):
        Bundle.open(bundle.path)
    with pytest.raises(UserError):
        promote(store.registry, bundle)
    assert store.registry.by_alias(Alias.CHAMPION) is None


def test_a_forged_verdict_is_refused(store: "Store") -> None:
    version = store.release("20260101-000000-00000001", verdict="fail")
    artifacts = next((store.home / "artifacts").rglob("weighbridge/decision.json"))
    content = json.loads(artifacts.read_bytes()) | {"verdict": "pass"}
    artifacts.write_text(json.dumps(content))
    with pytest.raises(UserError, match="was changed"):
        fetch_bundle(store.registry, version, store.home / "bundles")


def test_a_bundle_on_disk_is_used_and_a_lost_one_fetched_again(store: "Store") -> None:
    version = store.release("20260101-000000-00000001")
    first = fetch_bundle(store.registry, version, store.home / "bundles")
    shutil.rmtree(first.path)
    again = fetch_bundle(store.registry, version, store.home / "bundles")
    assert again == first
    assert sorted(path.name for path in first.path.parent.iterdir()) == [first.path.name]


def test_a_locked_store_is_named_as_such(store: "Store", monkeypatch: pytest.MonkeyPatch) -> None:
    store.release("20260101-000000-00000001")
    holder = sqlite3.connect(store.home / "mlflow.db", isolation_level=None)
    holder.execute("PRAGMA locking_mode = EXCLUSIVE")
    holder.execute("BEGIN EXCLUSIVE")
    try:
        with pytest.raises(EnvironmentProblem, match="is locked"):
            store.registry.set_alias(Alias.CHAMPION, "1")
    finally:
        holder.execute("ROLLBACK")
        holder.close()


def test_an_unknown_version_names_those_that_exist(store: "Store") -> None:
    store.release("20260101-000000-00000001")
    with pytest.raises(UserError, match="expected: one of: 1"):
        store.registry.by_version("7")


def test_no_previous_version_to_go_back_to(store: "Store") -> None:
    with pytest.raises(UserError, match="has no previous champion"):
        swap_back(store.registry)


def test_evidence_lies_with_the_run(store: "Store") -> None:
    version = store.release("20260101-000000-00000001")
    found = store.registry.download_evidence(version, "decision.json", Path(store.home / "elsewhere"))
    assert json.loads(found.read_bytes())["kind"] == "decision"
