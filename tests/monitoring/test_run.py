"""A whole pass over a real log: findings, alert, report, and what happens when a part of it breaks."""

import subprocess
import sys
import textwrap
from datetime import timedelta

import pytest

from evaluation.errors import EnvironmentProblem
from evaluation.types import Task, Verdict
from monitoring import run
from monitoring.config import AlertConfig, MonitorConfig
from monitoring.record import read_pass
from monitoring.run import monitor_once, record_failure
from monitoring.store.base import LabelRecord, RequestRecord
from monitoring.store.delta import DeltaRequestLog
from monitoring.types import Delivery

CONFIG = {"latency": {"p95_ms": 1000}, "performance": [{"metric": "roc_auc", "at_least": 0.7}]}


class Desk:
    """Somebody who reads alerts."""

    def __init__(self):
        self.heard = []
        self.reachable = True

    def __call__(self, alert, to, *, timeout_s):
        if self.reachable:
            self.heard.append(alert)
        return Delivery(ok=self.reachable, at=alert.at, problem=None if self.reachable else "no answer")

    def titles(self):
        titles, self.heard = [alert.title for alert in self.heard], []
        return titles


@pytest.fixture
def desk():
    return Desk()


@pytest.fixture
def serve(tmp_path):
    """Put a frame's rows into the log, as a server would, and their labels."""
    log = DeltaRequestLog(tmp_path / "log")

    def put(frame):
        features = [name for name in frame.columns if name.startswith("input.")]
        log.append(
            [
                RequestRecord(
                    id=row["id"],
                    at=row["at"],
                    model="lending",
                    version="3",
                    release_id=row["release_id"],
                    latency_ms=row["latency_ms"],
                    label=row["prediction"],
                    score=row["score"],
                    inputs={name.removeprefix("input."): row[name] for name in features},
                )
                for row in frame.iter_rows(named=True)
            ]
        )
        log.append_labels(
            [LabelRecord(row["id"], row["at"], row["target"]) for row in frame.iter_rows(named=True)]
        )
        return log

    return put


@pytest.fixture
def look(tmp_path, make_frame, desk, now):
    """Do one pass, some minutes after noon."""
    reference = make_frame(6000, seed=1)

    def run(log, *, minutes=0, **config):
        return monitor_once(
            log=log,
            reference=reference,
            model="lending",
            version="3",
            task=Task.BINARY,
            config=MonitorConfig.model_validate(CONFIG | {"labels": {"arrive_within": "0s"}} | config),
            alerts=[AlertConfig(to="json://desk")],
            home=tmp_path,
            clock=lambda: now + timedelta(minutes=minutes),
            send=desk,
        )

    run.desk, run.home = desk, tmp_path
    return run


def _passes(tmp_path):
    return sorted(path.parent for path in (tmp_path / "monitoring").glob("*/findings.json"))


def test_a_quiet_month_passes_and_nobody_is_told(serve, look, make_frame, desk, tmp_path):
    seen = look(serve(make_frame(2000, seed=2)))
    assert {finding.verdict for finding in seen.findings} == {Verdict.PASS}, seen.findings
    assert {finding.check for finding in seen.findings} == {"traffic", "drift", "latency", "performance"}
    assert desk.titles() == []
    [folder] = _passes(tmp_path)
    assert folder.name == "20261121-120000-000000"
    assert read_pass(folder / "findings.json") == seen
    assert (folder / "report.html").exists()
    assert (tmp_path / "monitoring" / "workspace").is_dir()


def test_drift_is_told_once_and_told_to_be_over(serve, look, make_frame, desk, tmp_path):
    log = serve(make_frame(2000, seed=2, age_shift=1))
    seen = look(log)
    assert seen.verdict is Verdict.FAIL
    [alert] = desk.heard
    assert alert.title.startswith("lending version 3: input 'age' has moved by at least 0.")
    assert f"Look at the report: {_passes(tmp_path)[0] / 'report.html'}" in alert.body
    assert "weighbridge rollback" in alert.body
    desk.titles()
    look(log, minutes=5)
    assert desk.titles() == []
    back = make_frame(2000, seed=4)
    serve(back.with_columns(at=back["at"] + timedelta(days=3)))
    look(log, minutes=10)
    [title] = desk.titles()
    assert title.startswith("lending version 3: resolved: input 'age' has not moved by more than 0.1")


@pytest.mark.parametrize("rows", [0, 150])
def test_too_few_records_tell_nothing_and_draw_nothing(serve, look, make_frame, rows):
    seen = look(serve(make_frame(rows, seed=2, age_shift=5)))
    assert {finding.verdict for finding in seen.findings} == {Verdict.INCONCLUSIVE}
    assert look.desk.titles() == []
    assert not list(look.home.glob("monitoring/*/report.html"))


def test_a_message_that_does_not_arrive_is_part_of_the_pass(serve, look, make_frame, desk, tmp_path):
    desk.reachable = False
    seen = look(serve(make_frame(2000, seed=2, age_shift=1)))
    trouble = next(finding for finding in seen.findings if finding.check == "alerts")
    assert "was not delivered: no answer" in trouble.message
    assert read_pass(_passes(tmp_path)[0] / "findings.json") == seen


def test_a_report_that_fails_is_a_finding_and_people_are_told_all_the_same(
    serve, look, make_frame, desk, tmp_path
):
    (tmp_path / "monitoring").mkdir()
    (tmp_path / "monitoring" / "workspace").write_text("in the way")
    seen = look(serve(make_frame(2000, seed=2, age_shift=1)))
    broken = next(finding for finding in seen.findings if finding.check == "report")
    assert broken.verdict is Verdict.INCONCLUSIVE
    assert len(desk.titles()) == 1


def test_a_log_that_cannot_be_read_raises_and_the_failure_is_told_until_it_is_over(
    serve, look, make_frame, now, desk
):
    tmp_path = look.home
    log = serve(make_frame(2000, seed=2))
    commit = max((tmp_path / "log" / "requests" / "_delta_log").glob("*.json"))
    content = commit.read_bytes()
    commit.write_text("torn")
    with pytest.raises(EnvironmentProblem) as caught:
        look(log)
    for minutes in (0, 5):
        seen = record_failure(
            caught.value,
            model="lending",
            alerts=[AlertConfig(to="json://desk")],
            home=tmp_path,
            clock=lambda at=minutes: now + timedelta(minutes=at),
            send=desk,
        )
        assert seen.verdict is Verdict.INCONCLUSIVE
    [title] = desk.titles()
    assert title.startswith("lending version unknown: the monitor could not look: ")
    assert [read_pass(folder / "findings.json").version for folder in _passes(tmp_path)] == ["unknown"] * 2
    commit.write_bytes(content)
    look(log, minutes=10)
    assert desk.titles() == ["lending version 3: resolved: the monitor looks again"]


def test_a_failure_that_cannot_be_written_either_is_told_and_does_not_raise(desk, now, tmp_path):
    (tmp_path / "monitoring").write_text("in the way")
    seen = record_failure(
        OSError("no space"),
        model="lending",
        alerts=[AlertConfig(to="json://desk")],
        home=tmp_path,
        clock=lambda: now,
        send=desk,
    )
    assert desk.titles() == ["lending version unknown: the monitor could not look: OSError: no space"]
    assert "findings" in [finding.check for finding in seen.findings]


def test_findings_that_cannot_be_written_are_told_to_people_first(serve, look, make_frame, desk, monkeypatch):
    def full(*_):
        raise EnvironmentProblem("no space left on device")

    log = serve(make_frame(2000, seed=2, age_shift=20.0))
    monkeypatch.setattr(run, "write_pass", full)
    with pytest.raises(EnvironmentProblem, match="no space left"):
        look(log)
    assert len(desk.titles()) == 1


def test_findings_that_cannot_be_written_say_where(serve, look, make_frame, tmp_path):
    (tmp_path / "monitoring").write_text("in the way")
    with pytest.raises(EnvironmentProblem, match="monitoring can't be written to"):
        look(serve(make_frame(300, seed=2)))


def test_a_second_pass_at_the_same_time_is_refused(serve, look, make_frame, tmp_path, monkeypatch):
    monkeypatch.setattr("monitoring.run._LOCKED_AT_MOST_S", 0.1)
    (tmp_path / "monitoring").mkdir()
    program = textwrap.dedent(
        f"""
        from filelock import FileLock
        with FileLock({str(tmp_path / "monitoring" / ".lock")!r}):
            print("mine", flush=True)
            input()
        """
    )
    other = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert other.stdout.readline() == "mine\n"
        with pytest.raises(EnvironmentProblem, match="another pass has been at work"):
            look(serve(make_frame(300, seed=2)))
    finally:
        other.communicate("\n", timeout=30)


def test_the_monitor_is_imported_without_its_heavy_libraries():
    heavy = {"apprise", "deltalake", "evidently", "pandas", "scipy", "sklearn"}
    program = f"import sys, monitoring.run; print(sorted({heavy} & set(sys.modules)))"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
