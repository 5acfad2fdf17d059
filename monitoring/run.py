"""One pass of the monitor, from the log to the alert."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import polars as pl
from filelock import FileLock, Timeout

from evaluation.errors import EnvironmentProblem, WeighbridgeError
from evaluation.types import Estimate, Task, Verdict
from monitoring.alerts.routing import Send, tell
from monitoring.alerts.send import deliver
from monitoring.checks import log as log_check
from monitoring.checks import traffic
from monitoring.checks.base import CONFIDENCE, Check, WatchContext, guarded, inconclusive
from monitoring.checks.builtin import CHECKS
from monitoring.config import AlertConfig, MonitorConfig
from monitoring.record import WatchPass, WindowSummary, write_pass
from monitoring.report import HTML_NAME, WORKSPACE_NAME, write_report
from monitoring.store.base import RequestLog
from monitoring.store.writers import read_states
from monitoring.types import Finding, Severity
from monitoring.windows import Clock, read_windows, utc_now

FOLDER = "monitoring"
STATE_NAME = "alerts.json"
# A pass takes seconds, a slow receiver of alerts a minute; beyond that something hangs.
_LOCKED_AT_MOST_S = 120
# What these say holds however few records there are; a full disk even leaves none.
_OF_NO_WINDOW = (traffic.NAME, log_check.NAME)


def watch(context: WatchContext, checks: Sequence[Check] = CHECKS) -> WatchPass:
    """Let every check look at one window; what a check raises is a finding, and the others go on.

    With fewer than `min_records` records every finding about them is inconclusive, whatever its check makes of
    them.
    """
    findings: list[Finding] = []
    for check in checks:
        findings += guarded(check.name, partial(check.look, context))
    if context.current.height < context.config.min_records:
        findings = [each if each.check in _OF_NO_WINDOW else _on_too_few(each, context) for each in findings]
    window = WindowSummary.of(context.windows)
    return WatchPass(context.now, context.model, context.version, window, tuple(findings))


def monitor_once(  # noqa: PLR0913 every part is handed in by the composition root
    *,
    log: RequestLog,
    reference: pl.DataFrame,
    model: str,
    version: str,
    task: Task,
    config: MonitorConfig,
    alerts: Sequence[AlertConfig],
    home: Path,
    log_dir: Path | None = None,
    clock: Clock = utc_now,
    send: Send = deliver,
) -> WatchPass:
    """Do a whole pass: look, keep the findings, tell people, and draw the drift report.

    log_dir: where the server processes tell how their request logs are doing.
    Everything lands in home/monitoring: `<time>/findings.json` and `<time>/report.html` of the pass,
    Evidently's workspace, and who was told what. An alert that was not delivered and a report that failed
    are findings of the pass; with too few records there is no report.

    Raises EnvironmentProblem where the log can't be read, the findings can't be written, or another pass is
    at work here.
    """
    folder = home / FOLDER
    with _only_one(folder):
        windows = read_windows(log, model=model, version=version, reference=reference, config=config)
        now = clock()
        context = WatchContext(
            windows=windows,
            config=config,
            task=task,
            model=model,
            version=version,
            now=now,
            writers=read_states(log_dir) if log_dir else (),
        )
        seen = watch(context)
        # People first: the report takes seconds, and may fail.
        complete = replace(seen, findings=(*seen.findings, _COMPLETED))
        try:
            kept = _keep(seen, folder)
        except EnvironmentProblem:
            # The same full disk that keeps servers from writing down what they answer; people hear of it all the same.
            tell(complete, alerts, state_path=folder / STATE_NAME, send=send)
            raise
        drawn = kept / HTML_NAME if windows.current.height >= config.min_records else None
        troubles = tell(complete, alerts, state_path=folder / STATE_NAME, send=send, report=drawn)
        if drawn:
            troubles += guarded("report", partial(_draw, context, seen, folder, kept))
        seen = replace(seen, findings=(*seen.findings, *troubles))
        _keep(seen, folder)
    return seen


def record_failure(  # noqa: PLR0913 every part is handed in by the composition root
    error: Exception,
    *,
    model: str,
    alerts: Sequence[AlertConfig],
    home: Path,
    clock: Clock = utc_now,
    send: Send = deliver,
) -> WatchPass:
    """Tell and keep that a pass of `--watch` could not be done; the next completed pass tells that it is
    over.

    What can't be written is a finding too, not raised: the watch goes on.
    """
    problem = (
        error.found if isinstance(error, WeighbridgeError) else f"{error.__class__.__name__}: {error}"[:300]
    )
    finding = replace(
        inconclusive(_COMPLETED.check, _COMPLETED.subject, problem, severity=Severity.WARNING),
        message=f"the monitor could not look: {problem}",
    )
    seen = WatchPass(clock(), model, "unknown", None, (finding,))
    folder = home / FOLDER
    seen = replace(seen, findings=(finding, *tell(seen, alerts, state_path=folder / STATE_NAME, send=send)))
    kept = guarded("findings", partial(_keep_only, seen, folder))
    return replace(seen, findings=(*seen.findings, *kept))


# What settles an earlier failure to look.
_COMPLETED = Finding(
    check="watch",
    subject="pass",
    verdict=Verdict.PASS,
    severity=Severity.INFO,
    message="the monitor looks again",
    estimate=Estimate.missing("no quantity", n=0, confidence=CONFIDENCE),
)


def _on_too_few(finding: Finding, context: WatchContext) -> Finding:
    problem = f"{context.current.height} records are too few, {context.config.min_records} are needed"
    return replace(
        finding,
        verdict=Verdict.INCONCLUSIVE,
        severity=Severity.INFO,
        message=f"{finding.subject} can't be judged: {problem}",
        estimate=replace(finding.estimate, problem=problem),
    )


def _draw(context: WatchContext, seen: WatchPass, folder: Path, kept: Path) -> tuple[Finding, ...]:
    write_report(context, seen, folder=kept, workspace=folder / WORKSPACE_NAME)
    return ()


def _keep_only(seen: WatchPass, folder: Path) -> tuple[Finding, ...]:
    _keep(seen, folder)
    return ()


def _keep(seen: WatchPass, folder: Path) -> Path:
    """Write the findings into the folder of their pass; names of passes sort by time."""
    kept = folder / f"{seen.at:%Y%m%d-%H%M%S-%f}"
    write_pass(seen, kept)
    return kept


@contextmanager
def _only_one(folder: Path) -> Iterator[None]:
    """Alerts and the workspace are one pass's at a time."""
    lock = FileLock(folder / ".lock")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=_LOCKED_AT_MOST_S)
    except Timeout:
        raise EnvironmentProblem(
            f"another pass has been at work in {folder} for {_LOCKED_AT_MOST_S} s",
            expected="one `weighbridge monitor` a project",
            next_step="see which process it is: weighbridge status",
        ) from None
    except OSError as error:
        raise _unusable(folder, error) from error
    try:
        yield
    finally:
        lock.release()


def _unusable(folder: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{folder} can't be written to: {error.strerror or error.__class__.__name__}",
        expected="a folder with space that this user may write",
        next_step="make room, then: weighbridge monitor",
    )
