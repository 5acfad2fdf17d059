"""One pass of the monitor over what this project serves."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from evaluation.errors import UserError
from evaluation.types import Verdict
from mlops.config import FILE_NAME, resolved_alerts
from mlops.packaging.bundle import Bundle
from mlops.project import Project
from mlops.registry.client import Alias
from mlops.registry.promote import fetch_bundle
from monitoring.record import WatchPass
from monitoring.run import monitor_once, record_failure
from monitoring.types import Finding
from monitoring.windows import read_reference

if TYPE_CHECKING:
    from rich.console import RenderableType


def open_watch(
    project: Project, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
) -> Callable[[], WatchPass]:
    """Give the function that looks once at the champion of now; every call asks the registry who that is."""

    def look() -> WatchPass:
        bundle = _champion(project)
        return monitor_once(
            log=project.request_log,
            reference=read_reference(bundle.reference),
            model=bundle.model,
            version=bundle.version,
            task=bundle.task,
            config=project.policy.monitor,
            alerts=resolved_alerts(project.policy, project.folder / FILE_NAME),
            home=project.home,
            log_dir=project.log_dir,
            clock=clock,
        )

    return look


def could_not_look(project: Project) -> Callable[[Exception], WatchPass]:
    """Give the function that records and tells that a pass of `--watch` could not be done."""

    def failed(error: Exception) -> WatchPass:
        alerts = resolved_alerts(project.policy, project.folder / FILE_NAME)
        return record_failure(error, model=project.policy.model, alerts=alerts, home=project.home)

    return failed


def _champion(project: Project) -> Bundle:
    version = project.registry.by_alias(Alias.CHAMPION)
    if version is None:
        raise UserError(
            f"'{project.policy.model}' has no champion to watch",
            expected="a release that passed and was deployed",
            next_step="weighbridge release",
        )
    return fetch_bundle(project.registry, version, project.home / "bundles")


def show(seen: WatchPass) -> "RenderableType":
    """A pass as a table for people; of many findings that say the same, the one that went furthest."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    colours = {Verdict.PASS: "green", Verdict.FAIL: "bold red", Verdict.INCONCLUSIVE: "yellow"}
    table = Table("check", "subject", "verdict", "what was seen", box=None)
    for group in _alike(seen.findings):
        first = max(group, key=lambda finding: finding.estimate.value or 0.0)
        subject, message = first.subject, first.message
        if len(group) > 1:
            subject, message = f"{len(group)} subjects", f"furthest {first.subject}: {first.message}"
        table.add_row(first.check, subject, Text(first.verdict.value, colours[first.verdict]), message)
    window = "no window could be read" if seen.window is None else str(seen.window)
    return Group(f"version {seen.version} of {seen.model}: {window}", "", table)


def _alike(findings: Sequence[Finding]) -> list[list[Finding]]:
    """Findings that ask for nothing are taken together by check and verdict, from four on; a failure stands alone."""
    groups: dict[tuple[str, Verdict], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((finding.check, finding.verdict), []).append(finding)
    alone = (Verdict.FAIL,)
    return [
        part
        for (_, verdict), group in groups.items()
        for part in ([group] if len(group) > 3 and verdict not in alone else [[each] for each in group])
    ]
