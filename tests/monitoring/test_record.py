"""findings.json goes out and comes back whole."""

import json
from dataclasses import replace

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.types import Estimate, Verdict
from monitoring.record import (
    WatchPass,
    WindowSummary,
    read_pass,
    watch_pass_from_json,
    watch_pass_to_json,
    write_pass,
)
from monitoring.run import watch
from monitoring.types import Finding, Severity


@pytest.fixture
def seen(make_context) -> WatchPass:
    return watch(make_context(latency={"p95_ms": 50}, performance=[{"metric": "roc_auc", "at_least": 0.7}]))


def test_a_pass_comes_back_as_it_was(seen, tmp_path):
    path = write_pass(seen, tmp_path / "20261121-120000")
    assert path.name == "findings.json"
    assert read_pass(path) == seen
    assert [entry.name for entry in path.parent.iterdir()] == ["findings.json"]


def test_a_pass_without_a_window_comes_back(now, tmp_path):
    finding = Finding(
        "watch",
        "pass",
        Verdict.INCONCLUSIVE,
        Severity.WARNING,
        "?",
        Estimate.missing("?", n=0, confidence=0.95),
    )
    seen = WatchPass(now, "lending", "unknown", None, (finding,))
    assert read_pass(write_pass(seen, tmp_path)) == seen


def test_the_file_names_its_kind_version_and_verdict(seen):
    content = watch_pass_to_json(seen)
    assert (content["schema_version"], content["kind"], content["verdict"]) == (
        1,
        "watch",
        seen.verdict.value,
    )
    assert set(content) == {
        "schema_version",
        "kind",
        "verdict",
        "at",
        "model",
        "version",
        "window",
        "findings",
    }
    assert content["at"] == "2026-11-21T12:00:00+00:00"


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_nan_is_never_written(seen, tmp_path, value):
    bad = replace(seen.findings[0], detail={"share": value})
    with pytest.raises(ValueError, match="JSON"):
        watch_pass_to_json(replace(seen, findings=(bad,)))
    with pytest.raises(ValueError, match="JSON"):
        write_pass(replace(seen, findings=(bad,)), tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda content: [], "no findings of a watch pass"),
        (lambda content: content | {"kind": "decision"}, "no findings of a watch pass"),
        (lambda content: content | {"schema_version": 2}, "no findings of a watch pass"),
        (lambda content: content | {"at": "yesterday"}, "findings with a wrong at"),
        (lambda content: content | {"findings": [{}]}, "findings with a wrong findings.0"),
    ],
)
def test_anything_else_is_refused(seen, change, problem):
    with pytest.raises(UserError, match=problem):
        watch_pass_from_json(change(watch_pass_to_json(seen)))


def test_a_torn_file_is_refused(seen, tmp_path):
    path = write_pass(seen, tmp_path)
    path.write_text(path.read_text()[:100])
    with pytest.raises(UserError, match="no findings"):
        read_pass(path)


def test_a_failed_write_leaves_the_file_as_it_was(seen, tmp_path, monkeypatch):
    path = write_pass(seen, tmp_path)
    before = path.read_bytes()

    def full(_fd):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("evaluation.files.os.fsync", full)
    with pytest.raises(EnvironmentProblem, match="No space"):
        write_pass(replace(seen, findings=()), tmp_path)
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["findings.json"]


def test_the_verdict_follows_the_findings(seen):
    finding = seen.findings[0]
    for verdicts, expected in (
        ([], Verdict.INCONCLUSIVE),
        ([Verdict.PASS], Verdict.PASS),
        ([Verdict.PASS, Verdict.INCONCLUSIVE], Verdict.INCONCLUSIVE),
        ([Verdict.FAIL, Verdict.INCONCLUSIVE], Verdict.FAIL),
    ):
        findings = tuple(replace(finding, verdict=verdict) for verdict in verdicts)
        assert replace(seen, findings=findings).verdict is expected


def test_a_window_is_one_line(make_context):
    summary = WindowSummary.of(make_context().windows)
    assert (
        str(summary)
        == "2,000 records, 2026-11-20 02:40 to 2026-11-21 11:59 UTC, against 6,000 of the reference"
    )
    assert json.loads(json.dumps(summary.records)) == 2000
