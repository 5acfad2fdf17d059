"""What training saw goes with the model, as it was signed."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from evaluation.errors import UserError
from mlops.decision.canonical import digest_file
from mlops.decision.keys import make_own_key
from mlops.decision.record import DecisionRecord
from mlops.decision.signed import SignedRecord
from mlops.packaging.bundle import Bundle, model_digest
from mlops.packaging.ranges import Ranges
from mlops.registry.promote import fetch_bundle

if TYPE_CHECKING:
    from tests.mlops.conftest import Store

EXAMPLE = Path(__file__).parents[3] / "docs" / "decision-record.example.json"
SEEN = Ranges.of([pl.Series("age", [18, 90])])


@pytest.fixture
def make(tmp_path):
    """Make a bundle of a model of one file, with ranges that the record names or does not."""

    def bundle(*, recorded: bool = True) -> Bundle:
        (tmp_path / "model").mkdir()
        (tmp_path / "model" / "MLmodel").write_text("a model")
        pl.DataFrame({"input.age": [30, 40], "prediction": [0, 1]}).write_parquet(
            tmp_path / "reference.parquet"
        )
        (tmp_path / "ranges.json").write_bytes(SEEN.to_json())
        content = json.loads(EXAMPLE.read_text())
        content["training"]["model_digest"] = model_digest(tmp_path / "model")
        names = ["reference.parquet", *(["ranges.json"] if recorded else [])]
        content["evidence"] = {name: digest_file(tmp_path / name) for name in names}
        return Bundle.make(
            tmp_path / "bundle",
            model_dir=tmp_path / "model",
            signed=SignedRecord.sign(DecisionRecord.of(content), make_own_key()),
            reference=tmp_path / "reference.parquet",
            ranges=tmp_path / "ranges.json",
            version="1",
        )

    return bundle


def test_ranges_are_read_from_a_bundle_that_has_them(make):
    bundle = make()
    assert Ranges.read(bundle.ranges) == Ranges.read(Bundle.open(bundle.path).ranges) == SEEN


def test_ranges_that_nobody_signed_are_refused(make):
    with pytest.raises(UserError, match=r"ranges\.json is not the file") as error:
        make(recorded=False)
    assert error.value.expected == "digest of no file"


def test_ranges_that_are_gone_or_changed_are_refused(make):
    path = make().path
    content = (path / "ranges.json").read_bytes()
    (path / "ranges.json").write_bytes(content.replace(b"90", b"99"))
    with pytest.raises(UserError, match=r"ranges\.json is not the file"):
        Bundle.open(path)
    (path / "ranges.json").unlink()
    with pytest.raises(UserError, match=r"ranges\.json is not the file"):
        Bundle.open(path)


def test_ranges_come_from_the_registry(store: "Store") -> None:
    bundle = fetch_bundle(store.registry, store.release("20260101-000000-00000001"), store.home / "bundles")
    assert Ranges.read(bundle.ranges).fields["a"].high == 0.1
