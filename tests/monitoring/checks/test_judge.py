"""An interval against a bound, as a table."""

import pytest

from evaluation.types import Estimate, Verdict
from monitoring.checks.base import judge

PASS, FAIL, INCONCLUSIVE = Verdict.PASS, Verdict.FAIL, Verdict.INCONCLUSIVE


@pytest.mark.parametrize(
    ("bound", "verdict"),
    [
        ({"at_most": 0.2}, PASS),
        ({"at_most": 0.19}, INCONCLUSIVE),
        ({"at_most": 0.1}, INCONCLUSIVE),
        ({"at_most": 0.09}, FAIL),
        ({"at_least": 0.1}, PASS),
        ({"at_least": 0.11}, INCONCLUSIVE),
        ({"at_least": 0.2}, INCONCLUSIVE),
        ({"at_least": 0.21}, FAIL),
        ({}, INCONCLUSIVE),
    ],
)
def test_the_whole_interval_is_compared(bound, verdict):
    assert judge(Estimate(0.15, 0.1, 0.2, 100, 0.95, "any"), **bound) is verdict


@pytest.mark.parametrize(
    "estimate",
    [
        Estimate(0.15, 0.1, 0.2, 100, 0.95, "any", problem="the interval has no width"),
        Estimate(0.15, None, 0.2, 100, 0.95, "any"),
        Estimate(0.15, 0.1, None, 100, 0.95, "any"),
        Estimate(None, 0.1, 0.2, 100, 0.95, "any"),
        Estimate.missing("no rows", n=0, confidence=0.95),
    ],
)
@pytest.mark.parametrize("bound", [{"at_most": 1.0}, {"at_most": 0.0}, {"at_least": 0.0}, {"at_least": 1.0}])
def test_what_is_not_usable_is_never_judged(estimate, bound):
    assert judge(estimate, **bound) is INCONCLUSIVE
