"""The text that people read beside a version in MLflow."""

from evaluation.types import CheckKind
from mlops.decision.record import DecisionRecord


def describe(record: DecisionRecord, evidence: str) -> str:
    """Markdown for a version's description: verdict, checks with interval and bound, and where the record is."""
    release = record.content["release"]
    commit = (release["commit"] or "none")[:12]
    lines = [
        f"{record.verdict.value.upper()} by the gate of release `{release['id']}`, commit `{commit}`.",
        "",
        f"[Decision record and report]({evidence}), digest `{record.digest}`",
        "",
        "| check | interval | bound | verdict |",
        "|---|---|---|---|",
    ]
    for check in record.content["checks"]:
        estimate = check["estimate"]
        interval = "none" if estimate["low"] is None else f"{estimate['low']:.4g} to {estimate['high']:.4g}"
        against = " vs champion" if check["kind"] == CheckKind.CHAMPION else ""
        lines.append(
            f"| {check['metric']}{against} {_where(check)} | {interval} "
            f"| {check['comparison'].replace('_', ' ')} {check['bound']:g} | {check['verdict']} |"
        )
    return "\n".join(lines)


def _where(check: dict[str, object]) -> str:
    rows, groups = check["rows"], check["groups"]
    if isinstance(rows, dict) and rows:
        return "for " + ", ".join(f"{key} {value}".replace("|", "/") for key, value in rows.items())
    if isinstance(groups, list) and groups:
        return "by " + ", ".join(str(name) for name in groups)
    return ""
