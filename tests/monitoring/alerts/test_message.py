"""What a person reads."""

from datetime import timedelta
from pathlib import Path

import pytest

from monitoring.alerts.message import compose, compose_resolved, key_of
from monitoring.types import Severity


def _since(seen, minutes=30):
    return {key_of(finding): seen.at - timedelta(minutes=minutes) for finding in seen.findings}


def test_an_alert_tells_what_since_when_how_sure_and_what_to_do(finding, watch_pass):
    seen = watch_pass(finding(), finding("p95", check="latency"), minutes=90)
    alert = compose(seen, seen.findings, _since(seen), report=Path("monitoring/report.html"))
    assert alert.title == "lending version 3: input.age was found to fail, and 1 more"
    assert alert.body == "\n".join(
        [
            f"Model lending, version 3: {seen.window}.",
            "",
            "- input.age was found to fail (distance 0.310)",
            "  Interval 0.25 to 0.33, bound 0.1, 2,000 records. Seen since 2026-11-21 13:00 UTC.",
            "- p95 was found to fail (distance 0.310)",
            "  Interval 0.25 to 0.33, bound 0.1, 2,000 records. Seen since 2026-11-21 13:00 UTC.",
            "",
            "What to do next:",
            "- Look at the report: monitoring/report.html",
            "- If the new data are right, train on them: weighbridge release",
            "- See what answers, and how loaded it is: weighbridge status",
            "- Let the previous version answer again: weighbridge rollback",
        ]
    )
    assert not alert.resolved


def test_the_most_urgent_finding_comes_first(finding, watch_pass):
    seen = watch_pass(finding(), finding("roc_auc", check="performance", severity=Severity.CRITICAL))
    alert = compose(seen, seen.findings, _since(seen))
    assert alert.severity is Severity.CRITICAL
    assert alert.title.startswith("lending version 3: roc_auc was found to fail")
    assert alert.findings[0].subject == "roc_auc"
    assert alert.body.count("weighbridge rollback") == 1


@pytest.mark.parametrize("resolved", [False, True])
def test_a_long_list_is_cut(finding, watch_pass, resolved):
    seen = watch_pass(*(finding(f"input.x{number}") for number in range(20)))
    make = compose_resolved if resolved else compose
    body = make(seen, seen.findings, _since(seen)).body
    assert "- and 12 more" in body
    assert "input.x7 " in body
    assert "input.x8 " not in body


def test_a_resolved_alert_tells_since_when_it_was(finding, watch_pass):
    seen = watch_pass(finding(), minutes=90)
    alert = compose_resolved(seen, seen.findings, _since(seen))
    assert alert.title == "lending version 3: resolved: input.age was found to fail"
    assert "Seen from 2026-11-21 13:00 UTC on." in alert.body
    assert alert.resolved
