"""`weighbridge plan` before the first release, after it, and when nothing is left of a holdout's error."""

import json
from typing import TYPE_CHECKING

import pytest

from evaluation.errors import ExitCode
from mlops.release.ledger import entries

if TYPE_CHECKING:
    from tests.e2e.conftest import UserProject

pytestmark = pytest.mark.e2e


def test_a_plan_takes_what_earlier_releases_left(project: "UserProject") -> None:
    ran = project("plan")
    assert ran.code == ExitCode.PASS, ran.output
    for part in (
        "1,000 rows",
        "no earlier release",
        "roc_auc.vs_champion",
        "1st challenger on this holdout, of 10",
    ):
        assert part in " ".join(ran.output.split())

    for step in ("validate", "train", "evaluate"):
        assert project(step).code == ExitCode.PASS
    project.edit("train.py", "strength=1.0", "strength=0.2")
    told = json.loads(project("plan", "--json", "--runs", "40").output)
    assert told["pilot"].endswith("one model")
    assert [check["basis"] for check in told["checks"]] == ["single", "assumed", "single"]
    assert told["allowance"]["candidate"] == 2
    assert told["chance"] > 0.9
    assert told["runs"] == 40
    assert len(entries(project.open().registry)) == 1

    project.edit("weighbridge.yaml", "resamples: 400", "resamples: 400\n  confidence: 0.999")
    ran = project("plan", "--runs", "40")
    assert ran.code == ExitCode.PASS
    assert "No release can pass now: this holdout has judged 1 challenger " in " ".join(ran.output.split())
