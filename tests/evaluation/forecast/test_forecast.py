"""Forecasts against closed forms, and against what releases then do."""

import json
import math
from collections.abc import Callable
from dataclasses import asdict, replace

import numpy as np
import pytest
from scipy.stats import rankdata

from evaluation.answers import Answers
from evaluation.config import GateConfig
from evaluation.errors import UserError
from evaluation.forecast import plan
from evaluation.forecast.assumed import hanley_mcneil
from evaluation.forecast.pilot import identical_release
from evaluation.forecast.plan import Basis, GateForecast, forecast
from evaluation.forecast.simulate import Judge
from evaluation.metrics.builtin import METRICS
from evaluation.types import Allowance, Task, Tier, Verdict

MakePilot = Callable[..., Answers]
ACCURACY = {"metric": "accuracy", "no_worse_than_champion_by": 0.01}
WHOLE = Allowance.whole(0.05)


def gate(*checks: dict[str, object], **more: object) -> GateConfig:
    return GateConfig.model_validate({"resamples": 200, "checks": checks, **more})


def ask(
    policy: GateConfig, holdout: Answers, pilot: Answers | None, allowance: Allowance = WHOLE, **more: object
) -> GateForecast:
    return forecast(
        task=Task.BINARY,
        gate=policy,
        frame=holdout.frame,
        target=holdout.target,
        pilot=pilot,
        allowance=allowance,
        **{"runs": 60, **more},
    )


@pytest.mark.parametrize(("n", "passes"), [(500, 0.195), (2000, 0.475), (10_000, 0.971)])
def test_paired_accuracy_is_the_closed_form(pilot: MakePilot, n: int, passes: float) -> None:
    """8 % discordance, tolerance 1 point: 4,946 rows for 80 % (z.95 + z.80)^2 psi / t^2; and what passes at n rows."""
    holdout = pilot(n)
    told = ask(gate(ACCURACY), holdout, pilot(20_000, seed=3), runs=200)
    (check,) = told.checks
    assert check.basis is Basis.PAIR
    assert check.value == pytest.approx(0, abs=1e-12)
    assert check.needed == pytest.approx(4946, rel=0.12)
    assert check.resolvable == pytest.approx(2.486 * math.sqrt(0.08 / n), rel=0.12)
    assert check.chance == pytest.approx(passes, abs=3 * math.sqrt(passes * (1 - passes) / 200) + 0.01)
    assert told.chance == check.chance
    assert (check.n, check.unit, told.runs) == (n, "row", 200)


def test_the_same_assumed_without_answers(pilot: MakePilot) -> None:
    (check,) = ask(gate(ACCURACY), pilot(2000), None).checks
    assert check.basis is Basis.ASSUMED
    assert check.needed == pytest.approx(4946, abs=1)
    assert check.chance == pytest.approx(0.475, abs=0.001)
    assert "differ on 8% of the 2,000 rows" in str(check.note)
    assert ask(gate(ACCURACY), pilot(2000), None).chance is None


NEEDED = {
    "a fixed bound": ({"metric": "accuracy", "at_least": 0.83}, 0.05),
    "closed form": ({"metric": "roc_auc", "no_worse_than_champion_by": 0.008}, 0.05),
    "resampled": ({"metric": "f1", "no_worse_than_champion_by": 0.015}, 0.05),
    "groups": ({"metric": "demographic_parity_difference", "groups": ["sex"], "at_most": 0.12}, 0.05),
    "far fewer, in slices": (
        {"metric": "recall", "slices": ["sex"], "no_worse_than_champion_by": 0.08},
        0.005,
    ),
}


@pytest.mark.parametrize(("check", "level"), NEEDED.values(), ids=NEEDED.keys())
def test_rows_that_are_needed_are_enough(pilot: MakePilot, check: dict[str, object], level: float) -> None:
    """On as many rows as were told, about 80 % of releases pass; the number itself is off by some 10 %."""
    policy, allowance, runs = gate(check), Allowance(0.05, level), 100
    given, random = pilot(3000, seed=4), np.random.Generator(np.random.PCG64(20261121))
    told = ask(policy, given, given, allowance, runs=100).checks[0]
    assert told.needed is not None
    judge, rows = Judge(Task.BINARY, policy, allowance, METRICS), math.ceil(3000 * told.needed / told.n)
    outcomes = [judge.decide(identical_release(given, rows, None, random)) for _ in range(runs)]
    passed = sum(outcome.checks[0].verdict is Verdict.PASS for outcome in outcomes) / runs
    assert passed == pytest.approx(0.8, abs=3 * math.sqrt(0.16 / runs) + 0.05)


def test_what_was_told_is_what_happens(pilot: MakePilot) -> None:
    """Every check and the gate as a whole, on slices, groups and requests, at a share of the error."""
    policy = gate(
        {"metric": "accuracy", "at_least": 0.8, "no_worse_than_champion_by": 0.03},
        {
            "metric": "recall",
            "slices": ["sex", {"column": "age", "bins": 3}],
            "no_worse_than_champion_by": 0.07,
        },
        {"metric": "equalized_odds_difference", "groups": ["sex"], "at_most": 0.16},
        {"metric": "latency_p95_ms", "at_most": 17},
    )
    allowance = Allowance(0.05, 0.01, candidates=5)
    given, runs = pilot(1000, timed=True), 60
    told = ask(policy, given, given, allowance, runs=runs)
    random = np.random.Generator(np.random.PCG64(20261121))
    judge = Judge(Task.BINARY, plan.with_edges(policy, given.frame), allowance, METRICS)
    outcomes = [judge.decide(identical_release(given, 1200, None, random)) for _ in range(runs)]
    seen = {check.id: [0, 0] for check in told.checks}
    for outcome in outcomes:
        for check in outcome.checks:
            seen[check.id][0] += check.verdict is Verdict.PASS
            seen[check.id][1] += 1
    for check in told.checks:
        assert check.chance is not None
        passed = seen[check.id][0] / seen[check.id][1]
        assert abs(check.chance - passed) <= 3 * tolerance(check.chance, passed, runs), check.id
    whole = sum(outcome.verdict is Verdict.PASS for outcome in outcomes) / runs
    assert abs(told.chance - whole) <= 3 * tolerance(told.chance, whole, runs)
    assert 0.02 < told.chance < 0.98
    assert told.chance <= min(check.chance for check in told.checks)


def tolerance(one: float, other: float, runs: int) -> float:
    """Standard error of the difference of two shares of runs."""
    share = ((one + other) * runs + 2) / (2 * runs + 4)
    return math.sqrt(2 * share * (1 - share) / runs)


def test_a_slice_is_told_by_its_own_rows(pilot: MakePilot) -> None:
    """A holdout with few women, a pilot with as many as men: what is known of them is scaled to the rows at hand."""
    given = pilot(4000)
    holdout = pilot(4000, seed=2)
    few = (holdout.frame["sex"] == "m").to_numpy() | (np.arange(4000) < 800)
    holdout = replace(holdout, target=holdout.target[few], frame=holdout.frame.filter(few))
    told = ask(gate({**ACCURACY, "slices": ["sex"]}), holdout, given)
    for check in told.checks:
        assert check.resolvable == pytest.approx(2.486 * math.sqrt(0.08 / check.n), rel=0.2)
        assert check.needed == pytest.approx(4946, rel=0.3)
    assert told.checks[0].n < told.checks[1].n / 3


def test_units_are_what_is_counted(pilot: MakePilot) -> None:
    given = pilot(900)
    told = ask(gate({"metric": "accuracy", "at_least": 0.8}, unit="customer"), given, given)
    customers = given.frame["customer"].n_unique()
    assert (told.units, told.checks[0].n, told.checks[0].unit) == (customers, customers, "customer")
    assert told.checks[0].needed > 0


def test_one_model_tells_fixed_bounds_only(pilot: MakePilot) -> None:
    given = replace(pilot(1000), champion=None)
    policy = gate(
        {"metric": "accuracy", "at_least": 0.8, "no_worse_than_champion_by": 0.01},
        {"metric": "f1", "no_worse_than_champion_by": 0.1},
    )
    told = ask(policy, given, given)
    assert [check.basis for check in told.checks] == [Basis.SINGLE, Basis.ASSUMED, Basis.NONE]
    assert told.notes == (
        "accuracy against the champion is not told by the pilot: left out of the chance for the gate.",
        "f1 against the champion is not told by the pilot: left out of the chance for the gate.",
    )
    assert told.chance == told.checks[0].chance
    assert told.checks[2].note == "nothing to take the spread from: evaluate a release first"


def test_a_pilot_that_was_not_timed_says_nothing_of_latency(pilot: MakePilot) -> None:
    given = pilot(600)
    told = ask(
        gate({"metric": "latency_p95_ms", "at_most": 50}, {"metric": "accuracy", "at_least": 0.7}),
        given,
        given,
    )
    assert [check.basis for check in told.checks] == [Basis.NONE, Basis.PAIR]
    assert (told.checks[0].n, told.checks[0].unit, told.checks[0].chance) == (400, "request", None)
    assert "was not timed by the pilot" in told.notes[0]
    assert told.chance == told.checks[1].chance > 0.9
    alone = ask(gate({"metric": "latency_p95_ms", "at_most": 50}), given, given)
    assert (alone.chance, alone.runs) == (None, 0)


def test_a_bound_that_the_pilot_breaks_has_no_rows_that_pass(pilot: MakePilot) -> None:
    given = pilot(800)
    (check,) = ask(gate({"metric": "accuracy", "at_least": 0.95}), given, given).checks
    assert (check.needed, check.chance) == (None, 0.0)
    assert check.note == "a model as good as the pilot's breaks the bound"


def test_too_few_rows_for_any_interval_are_told_with_the_reason(pilot: MakePilot) -> None:
    given = pilot(2000)
    (check,) = ask(gate(ACCURACY, min_rows=100), pilot(60), given).checks
    assert (check.chance, check.needed, check.resolvable) == (0.0, None, None)
    assert "at least 100 are needed" in str(check.note)


def test_a_supporting_check_does_not_hold_the_gate_back(pilot: MakePilot) -> None:
    given = pilot(800)
    policy = gate({"metric": "accuracy", "at_least": 0.7}, {**ACCURACY, "tier": "supporting"})
    told = ask(policy, given, given)
    assert [check.tier for check in told.checks] == [Tier.CRITICAL, Tier.SUPPORTING]
    assert told.checks[1].chance < 0.5
    assert told.chance > 0.9


def test_nothing_left_of_the_error_is_a_chance_of_nothing(pilot: MakePilot) -> None:
    given = pilot(800)
    told = ask(gate(ACCURACY), given, given, replace(WHOLE, problem="bring fresh rows"))
    assert told.chance == 0.0
    assert told.notes[0] == "No release can pass now: bring fresh rows."
    assert told.checks[0].needed is not None


def test_a_huge_holdout_is_not_drawn_whole(pilot: MakePilot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan, "MOST_UNITS", 500)
    monkeypatch.setattr(plan, "_WORK", 25_000)
    shares: list[float] = []
    told = ask(gate(ACCURACY), pilot(2000), pilot(2000), runs=200, progress=shares.append)
    assert "500 of 2,000" in told.notes[0]
    assert told.runs == 50
    assert len(shares) > 50
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert told.checks[0].resolvable == pytest.approx(2.486 * math.sqrt(0.08 / 2000), rel=0.15)
    assert told.checks[0].needed == pytest.approx(4946, rel=0.3)


def test_a_forecast_is_json(pilot: MakePilot) -> None:
    given = pilot(400)
    told = json.loads(json.dumps(asdict(ask(gate(ACCURACY), given, given)), allow_nan=False))
    assert told["checks"][0]["basis"] == "pair"
    assert told["error"] > 0


def test_a_wrong_policy_is_the_users_error(pilot: MakePilot) -> None:
    with pytest.raises(UserError, match="column 'height'"):
        ask(gate({"metric": "recall", "slices": ["height"], "at_least": 0.5}), pilot(100), None)


@pytest.mark.parametrize(("ratio", "positives", "negatives"), [(2.0, 40, 60), (6.0, 100, 30)])
def test_hanley_and_mcneil_is_exact_for_exponential_scores(
    ratio: float, positives: int, negatives: int
) -> None:
    """Their formula is that of exponential scores, whose AUC is ratio / (1 + ratio)."""
    random = np.random.Generator(np.random.PCG64(20261121))
    target = np.repeat([1, 0], [positives, negatives])
    scores = random.exponential(np.where(target == 1, ratio, 1.0), size=(5000, len(target)))
    above = rankdata(scores, axis=1)[:, target == 1].sum(axis=1) - positives * (positives + 1) / 2
    seen = np.std(above / (positives * negatives))
    assert hanley_mcneil(ratio / (1 + ratio), positives, negatives) == pytest.approx(seen, rel=0.04)
