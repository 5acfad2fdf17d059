"""Decision records: canonical, whole, and refused when anything was touched."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import UserError
from evaluation.types import Consequence
from mlops.decision.canonical import canonical_json, digest_file
from mlops.decision.record import DecisionRecord

Content = Callable[..., dict[str, Any]]


def test_the_digest_is_that_of_the_content_and_of_the_file(tmp_path: Path, content: Content) -> None:
    record = DecisionRecord.of(content())
    record.write(tmp_path / "decision.json")
    assert DecisionRecord.of(dict(reversed(content().items()))).digest == record.digest
    assert DecisionRecord.read(tmp_path / "decision.json") == record
    assert digest_file(tmp_path / "decision.json") == record.digest


@pytest.mark.parametrize(
    "edited",
    [
        lambda text: text + b"\n",
        lambda text: text.replace(b'"kind":', b'"kind": '),
        lambda text: text.replace(b'"verdict":"pass"}', b'"verdict":"fail","verdict":"pass"}'),
        lambda text: text.replace(b"0.95", b"0.950"),
    ],
)
def test_a_file_that_reads_the_same_but_is_written_otherwise_is_refused(
    tmp_path: Path, content: Content, edited: Callable[[bytes], bytes]
) -> None:
    written = canonical_json(content())
    assert edited(written) != written
    (tmp_path / "decision.json").write_bytes(edited(written))
    with pytest.raises(UserError, match="was changed: it is not as Weighbridge writes it"):
        DecisionRecord.read(tmp_path / "decision.json")


@pytest.mark.parametrize(
    ("verdict", "consequence", "told"),
    [
        ("fail", "stop", "was decided 'fail'\n"),
        ("inconclusive", "stop", "was decided 'inconclusive'\n"),
        ("inconclusive", "hold", "was decided 'inconclusive' and is held\n"),
    ],
)
def test_who_may_serve_is_the_consequence(
    content: Content, verdict: str, consequence: str, told: str
) -> None:
    record = DecisionRecord.of(content(verdict=verdict, consequence=consequence))
    with pytest.raises(UserError, match=told):
        record.require_consequence(Consequence.PROMOTE)
    record.require_consequence(Consequence(consequence))


def test_an_open_verdict_that_is_let_through_with_a_warning_may_serve(content: Content) -> None:
    record = DecisionRecord.of(content(verdict="inconclusive", consequence="promote"))
    record.require_consequence(Consequence.PROMOTE)


def test_what_is_not_as_it_was_is_refused(tmp_path: Path, content: Content) -> None:
    (tmp_path / "reference.parquet").write_bytes(b"rows")
    digest = digest_file(tmp_path / "reference.parquet")
    record = DecisionRecord.of(content(evidence={"reference.parquet": digest}))
    record.require_digest(record.digest)
    record.require_model(record.content["training"]["model_digest"])
    record.require_evidence(tmp_path / "reference.parquet")
    with pytest.raises(UserError, match="was changed"):
        record.require_digest("0" * 64)
    with pytest.raises(UserError, match="not the ones that release"):
        record.require_model("0" * 64)
    (tmp_path / "reference.parquet").write_bytes(b"rowS")
    for name in ("reference.parquet", "other.parquet"):
        with pytest.raises(UserError, match=f"{name} is not the file that release"):
            record.require_evidence(tmp_path / name)


def test_a_release_without_a_model_goes_with_no_model_at_all(content: Content) -> None:
    record = DecisionRecord.of(content(training=None))
    with pytest.raises(UserError, match="expected: digest of no model"):
        record.require_model("0" * 64)


@pytest.mark.parametrize("text", ["", "{}", "[]", "null", "\udc80", "[" * 200_000, '{"kind":NaN}'])
def test_other_files_are_not_records(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.json").write_text(text, errors="surrogateescape")
    with pytest.raises(UserError, match=r"d\.json is not a decision record"):
        DecisionRecord.read(tmp_path / "d.json")


def test_no_record_at_all(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no decision record"):
        DecisionRecord.read(tmp_path / "d.json")


def test_nan_is_never_written(content: Content) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        DecisionRecord.of(content(advice={"share": float("nan")}))


def test_the_example_is_canonical_content(content: Content) -> None:
    assert json.loads(canonical_json(content())) == content()
