"""What a person reads."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path

from evaluation.types import Verdict
from monitoring.record import WatchPass
from monitoring.types import Alert, Finding, Severity

# A message that scrolls is not read; the rest is in findings.json.
_SHOWN = 8
_NEXT_STEPS = {
    "drift": "If the new data are right, train on them: weighbridge release",
    "latency": "See what answers, and how loaded it is: weighbridge status",
    "usage": "If what is asked has changed for good, raise the bound under monitor.usage; else: weighbridge rollback",
    "performance": "If the labels are right, go back: weighbridge rollback",
    "watch": "See the error at once: weighbridge monitor",
}
Key = tuple[str, str]


def key_of(finding: Finding) -> Key:
    """What makes findings of successive passes the same."""
    return finding.check, finding.subject


def compose(
    seen: WatchPass, findings: Sequence[Finding], since: Mapping[Key, datetime], *, report: Path | None = None
) -> Alert:
    """Tell what was seen, since when, how sure that is, and what to do; the most urgent finding comes first.

    `findings` are not empty and are those of the pass that someone should hear of; `since` has a time for
    each.
    """
    ranked = sorted(findings, key=lambda finding: -finding.severity.rank)
    lines = [_place(seen), ""]
    for finding in ranked[:_SHOWN]:
        lines += [
            f"- {finding.message}",
            f"  {_evidence(finding)} Seen since {_time(since[key_of(finding)])}.",
        ]
    if len(ranked) > _SHOWN:
        lines.append(f"- and {len(ranked) - _SHOWN} more, see findings.json of this pass")
    lines += ["", "What to do next:", *_next_steps(ranked, report)]
    return Alert(
        model=seen.model,
        version=seen.version,
        severity=ranked[0].severity,
        title=f"{seen.model} version {seen.version}: {_headline(ranked)}",
        body="\n".join(lines),
        findings=tuple(ranked),
        at=seen.at,
    )


def compose_resolved(seen: WatchPass, findings: Sequence[Finding], since: Mapping[Key, datetime]) -> Alert:
    """Tell that findings have gone away; `findings` are what the pass sees now."""
    lines = [_place(seen), ""]
    lines += [f"- {each.message} Seen from {_time(since[key_of(each)])} on." for each in findings[:_SHOWN]]
    if len(findings) > _SHOWN:
        lines.append(f"- and {len(findings) - _SHOWN} more")
    return Alert(
        model=seen.model,
        version=seen.version,
        severity=Severity.INFO,
        title=f"{seen.model} version {seen.version}: resolved: {_headline(findings)}",
        body="\n".join(lines),
        findings=tuple(findings),
        at=seen.at,
        resolved=True,
    )


def _place(seen: WatchPass) -> str:
    window = f": {seen.window}" if seen.window else ""
    return f"Model {seen.model}, version {seen.version}{window}."


def _headline(ranked: Sequence[Finding]) -> str:
    """The most urgent finding without its evidence, which is in the body.

    The messages of findings put their evidence in parentheses at the end.
    """
    first = ranked[0].message.partition(" (")[0]
    return first if len(ranked) == 1 else f"{first}, and {len(ranked) - 1} more"


def _evidence(finding: Finding) -> str:
    estimate = finding.estimate
    if estimate.low is None or estimate.high is None:
        return ""
    bound = "" if finding.bound is None else f", bound {finding.bound:g}"
    return f"Interval {estimate.low:.4g} to {estimate.high:.4g}{bound}, {estimate.n:,} records."


def _next_steps(findings: Sequence[Finding], report: Path | None) -> list[str]:
    steps = dict.fromkeys(_NEXT_STEPS[each.check] for each in findings if each.check in _NEXT_STEPS)
    look = [f"Look at the report: {report}"] if report else []
    rollback = "Let the previous version answer again: weighbridge rollback"
    failed = any(finding.verdict is Verdict.FAIL for finding in findings)
    last = [rollback] if failed and not any("rollback" in step for step in steps) else []
    return [f"- {step}" for step in (*look, *steps, *last)]


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"
