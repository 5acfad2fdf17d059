"""`weighbridge history` and `weighbridge keys`, as they are typed."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from mlops.cli.main import main
from mlops.decision.keys import SIGNING_KEY, own_key
from mlops.decision.trust import TRUSTED_KEYS
from mlops.registry.promote import fetch_bundle, promote

if TYPE_CHECKING:
    from tests.mlops.conftest import Store

POLICY = """
model: small
data: {train: train.parquet, evaluate: holdout.parquet, target: late}
train: train:train
gate: {checks: [{metric: accuracy, at_least: 0.6}]}
"""
KEY = "A6EHv/POEL4dcN0Y50vAmWfk1jCbpQ1fHdyGZBJVMbg="
Weighbridge = Callable[..., tuple[int, str, str]]


@pytest.fixture
def weighbridge(capsys: pytest.CaptureFixture[str]) -> Weighbridge:
    """Run a command; gives its exit code and what it printed on both streams."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as left:
            main(arguments)
        return (int(left.value.code or 0), *capsys.readouterr())

    return run


@pytest.fixture
def history(
    store: "Store", weighbridge: Weighbridge, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Weighbridge:
    """The command on a project whose home is the store's."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.setenv("WEIGHBRIDGE_HOME", str(store.home))
    (tmp_path / "project").mkdir()
    (tmp_path / "project" / "weighbridge.yaml").write_text(POLICY)
    return lambda *options: weighbridge("--project", str(tmp_path / "project"), "history", *options)


def serve(store: "Store", release_id: str, since: datetime) -> str:
    version = store.release(release_id)
    promote(
        store.registry, fetch_bundle(store.registry, version, store.home / "bundles"), clock=lambda: since
    )
    return str(version.decision_digest)


def test_the_history_of_a_project(store: "Store", history: Weighbridge) -> None:
    assert history()[:2] == (0, "nothing served as 'small' yet; next: weighbridge release\n")
    first = serve(store, "20260501-120001-00000001", datetime(2026, 5, 1, tzinfo=UTC))
    second = serve(store, "20260501-120002-00000002", datetime(2026, 5, 3, 12, tzinfo=UTC))
    code, out, _ = history()
    assert code == 0
    rows = [line.split() for line in out.splitlines() if "pass" in line]
    assert rows[0][:3] == ["2026-05-03", "12:00:00", "serves"]
    assert rows[1][:5] == ["2026-05-01", "00:00:00", "2026-05-03", "12:00:00", "1"]
    code, out, _ = history("--on", "2026-05-02")
    assert f"version 1 by decision {first}" in out
    assert f"signed by key {own_key().public.id}\n" in out
    assert second not in out
    found = json.loads(history("--json", "--on", "2026-05-03")[1])
    assert [item["decision"]["digest"] for item in found["served"]] == [second, first]
    code, out, _ = history("--on", "2026-04-30")
    assert code == 0
    assert out.strip() == (
        "nothing served as 'small' on 2026-04-30 (UTC); the first began at 2026-05-01 00:00:00 UTC"
    )
    for moment, told in (("soon", "neither a day nor a time"), ("2999-01-01", "is still to come")):
        code, _, message = history("--on", moment)
        assert (code, told in message) == (3, True)


@pytest.fixture
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path / "config" / "weighbridge"


def test_keys_are_shown_made_and_trusted(own_folder: Path, weighbridge: Weighbridge) -> None:
    code, out, _ = weighbridge("keys")
    assert (code, own_folder.exists()) == (0, False)
    assert f"the first decision makes one in {own_folder}" in out
    assert "nobody's signature counts here; next: weighbridge keys trust KEY" in out
    code, made, _ = weighbridge("keys", "trust", KEY)
    assert (code, own_folder.exists()) == (0, True)
    assert str(own_folder / "trusted_keys") in made
    code, public, _ = weighbridge("keys", "make")
    assert (code, public) == (0, f"{own_key().public.text}\n")
    assert weighbridge("keys", "make")[1] == public
    code, out, _ = weighbridge("keys")
    assert code == 0
    for part in (public.strip(), own_key().public.id, str(own_folder / "signing_key"), KEY):
        assert part in out
    secret = (own_folder / "signing_key").read_text().splitlines()[1]
    assert secret not in out + public + made


def test_a_key_in_the_variable_is_named_and_not_shown(
    own_folder: Path, weighbridge: Weighbridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SIGNING_KEY, KEY)
    _, out, _ = weighbridge("keys")
    assert SIGNING_KEY in out
    assert KEY not in out
    monkeypatch.setenv(TRUSTED_KEYS, own_key().public.text)
    _, out, _ = weighbridge("keys", "trust", KEY)
    assert f"once {TRUSTED_KEYS} is unset" in out.replace("\n", " ")
    code, _, message = weighbridge("keys", "trust", "nonsense")
    assert (code, "is no public key" in message) == (3, True)


def test_no_key_is_made_inside_of_a_project(
    own_folder: Path, weighbridge: Weighbridge, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, _, message = weighbridge("keys", "make")
    assert (code, "set XDG_CONFIG_HOME to another folder" in message) == (3, True)
