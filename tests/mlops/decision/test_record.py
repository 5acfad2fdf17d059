"""Decision records: canonical, whole, and refused when anything was touched."""

import json
from pathlib import Path

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.decision.record import DecisionRecord, write_whole


def content(**changes: object) -> dict[str, object]:
    return {
        "schema_version": 1,
        "kind": "decision",
        "verdict": "pass",
        "release": {"id": "20260101-000000-00000000"},
        "training": {"model_digest": "m" * 64},
    } | changes


def test_the_digest_is_that_of_the_content_whatever_the_order_of_keys(tmp_path: Path) -> None:
    record = DecisionRecord.of(content())
    (tmp_path / "d.json").write_text(json.dumps(dict(reversed(content().items())), indent=4))
    assert DecisionRecord.read(tmp_path / "d.json").digest == record.digest


@pytest.mark.parametrize(
    ("changes", "digest", "model_digest", "message"),
    [
        ({"verdict": "fail"}, None, None, "was decided 'fail'"),
        ({"verdict": "inconclusive"}, None, None, "was decided 'inconclusive'"),
        ({}, "0" * 64, None, "was changed"),
        ({}, None, "0" * 64, "not the ones that release"),
        ({"training": None}, None, "0" * 64, "not the ones that release"),
    ],
)
def test_what_does_not_hold_is_refused(
    changes: dict[str, object], digest: str | None, model_digest: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message):
        DecisionRecord.of(content(**changes)).require_pass(digest=digest, model_digest=model_digest)


def test_one_that_holds_is_let_through() -> None:
    record = DecisionRecord.of(content())
    record.require_pass(digest=record.digest, model_digest="m" * 64)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "{}",
        "[]",
        "null",
        '{"kind":"decision","schema_version":1,"verdict":"yes","release":{"id":"x"},"training":null}',
    ],
)
def test_other_files_are_not_records(tmp_path: Path, text: str) -> None:
    (tmp_path / "d.json").write_text(text)
    with pytest.raises(UserError, match="not a decision record"):
        DecisionRecord.read(tmp_path / "d.json")


def test_nan_is_never_written(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Out of range float"):
        DecisionRecord.of(content(score=float("nan")))


def test_a_full_disk_leaves_the_earlier_record_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "decision.json"
    write_whole(path, b"first")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("mlops.decision.record.os.fsync", full)
    with pytest.raises(EnvironmentProblem, match="No space left on device"):
        write_whole(path, b"second")
    assert path.read_bytes() == b"first"
    assert [item.name for item in tmp_path.iterdir()] == ["decision.json"]
