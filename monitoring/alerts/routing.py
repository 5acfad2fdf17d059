"""Who hears of which finding, and when again."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Protocol

from evaluation.errors import EnvironmentProblem
from evaluation.types import Verdict
from monitoring.alerts.message import compose, compose_resolved, key_of
from monitoring.alerts.state import AlertState, Open, load_state, save_state
from monitoring.checks.base import inconclusive
from monitoring.config import AlertConfig
from monitoring.record import WatchPass
from monitoring.types import Alert, Delivery, Finding, Severity

CHECK = "alerts"
# What has not been seen for so long belongs to a check or a column that is no longer watched.
_FORGET_AFTER = timedelta(days=30)


class Send(Protocol):
    """Brings an alert to an address; never raises."""

    def __call__(self, alert: Alert, to: str, *, timeout_s: float) -> Delivery:
        """Say what became of it."""
        ...


@dataclass(frozen=True)
class Plan:
    """What one destination is to hear in this pass, and what is open there."""

    destination: AlertConfig
    news: tuple[Finding, ...]
    gone: tuple[Finding, ...]
    open: tuple[Open, ...]


def tell(
    seen: WatchPass,
    alerts: Sequence[AlertConfig],
    *,
    state_path: Path,
    send: Send,
    report: Path | None = None,
) -> tuple[Finding, ...]:
    """Send what is new or has gone away to every destination, and remember who knows.

    A finding is worth telling when it did not pass and is as severe as the destination asks. It is told
    once, again after `repeat_after`, when it becomes more severe and when another version shows it; when it
    passes, its going away is told. An inconclusive or missing finding leaves things as they are.

    Returns a finding for every destination that could not be reached and for a state that could not be
    kept; such messages are tried again in the next pass.
    """
    troubles: list[Finding] = []
    try:
        state, problem = load_state(state_path)
    except OSError as error:
        state, problem = AlertState(), f"the record of alerts can't be read: {error.__class__.__name__}"
    if problem:
        troubles.append(_trouble("state", problem))
    kept = [each for each in state.open if each.model != seen.model]
    for number, destination in enumerate(alerts):
        known = [each for each in state.open if _belongs(each, seen.model, destination)]
        opened, failure = _carry_out(plan(seen, destination, known), seen, send, report)
        kept += opened
        if failure:
            troubles.append(_trouble(f"alerts.{number}", failure))
    try:
        save_state(state_path, AlertState(open=tuple(kept)))
    except EnvironmentProblem as error:
        problem = f"the record of alerts can't be written: {error.found}; alerts may come twice"
        troubles.append(_trouble("state", problem))
    return tuple(troubles)


def plan(seen: WatchPass, destination: AlertConfig, known: Sequence[Open]) -> Plan:
    """Decide what a destination hears, from what it knows."""
    threshold = Severity(destination.severity)
    wanted = [
        each
        for each in seen.findings
        if each.verdict is not Verdict.PASS and each.severity.rank >= threshold.rank
    ]
    news, still_open = [], []
    for finding in wanted:
        before = next((each for each in known if each.is_about(finding)), None)
        if _is_news(finding, before, seen, destination):
            news.append(finding)
        still_open.append(_opened(finding, before, seen, destination))
    passed = [each for each in seen.findings if each.verdict is Verdict.PASS]
    gone = [each for each in passed if any(before.is_about(each) for before in known)]
    settled = {key_of(each) for each in (*wanted, *gone)}
    rest = [
        before
        for before in known
        if (before.check, before.subject) not in settled and seen.at - before.seen_at < _FORGET_AFTER
    ]
    return Plan(destination, tuple(news), tuple(gone), (*still_open, *rest, *_of(known, gone)))


def _of(known: Sequence[Open], findings: Sequence[Finding]) -> list[Open]:
    return [before for before in known if any(before.is_about(finding) for finding in findings)]


def _is_news(finding: Finding, before: Open | None, seen: WatchPass, destination: AlertConfig) -> bool:
    return (
        before is None
        or before.told_at is None
        or before.version != seen.version
        or finding.severity.rank > before.severity.rank
        or seen.at - before.told_at >= destination.repeat_after
    )


def _opened(finding: Finding, before: Open | None, seen: WatchPass, destination: AlertConfig) -> Open:
    return Open(
        destination=_digest(destination),
        model=seen.model,
        version=seen.version,
        check=finding.check,
        subject=finding.subject,
        severity=finding.severity,
        since=before.since if before else seen.at,
        seen_at=seen.at,
        told_at=before.told_at if before else None,
    )


def _carry_out(
    planned: Plan, seen: WatchPass, send: Send, report: Path | None
) -> tuple[list[Open], str | None]:
    """Send a plan's messages; returns what is open there now and why a message did not get through."""
    since = {(each.check, each.subject): each.since for each in planned.open}
    failures: list[str] = []
    opened = list(planned.open)
    for findings, resolved in ((planned.news, False), (planned.gone, True)):
        if not findings:
            continue
        alert = (
            compose_resolved(seen, findings, since)
            if resolved
            else compose(seen, findings, since, report=report)
        )
        delivery = send(alert, planned.destination.to, timeout_s=planned.destination.timeout_s)
        opened = [
            told
            for each in opened
            if (told := _after(each, findings, delivery, resolved=resolved)) is not None
        ]
        if not delivery.ok:
            failures.append(f"'{alert.title}' was not delivered: {delivery.problem}")
    return opened, "; ".join(failures) + "; tried again in the next pass" if failures else None


def _after(each: Open, findings: Sequence[Finding], delivery: Delivery, *, resolved: bool) -> Open | None:
    """What is open after a delivery; what did not get through counts as never told and is tried again."""
    if not any(each.is_about(finding) for finding in findings):
        return each
    if resolved:
        return None if delivery.ok else each
    return each.model_copy(update={"told_at": delivery.at if delivery.ok else None})


def _belongs(each: Open, model: str, destination: AlertConfig) -> bool:
    return each.model == model and each.destination == _digest(destination)


def _digest(destination: AlertConfig) -> str:
    """Names a destination in the state file, where its address, maybe a secret, must not be."""
    return hashlib.sha256(f"{destination.severity} {destination.to}".encode()).hexdigest()[:16]


def _trouble(subject: str, problem: str) -> Finding:
    found = inconclusive(CHECK, subject, problem, severity=Severity.WARNING)
    return replace(found, message=problem)
