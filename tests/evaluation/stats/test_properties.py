"""What must hold for any rows: symmetry, indifference to order and to shared errors, and narrowing with data."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from evaluation.metrics.base import Mean, Sample
from evaluation.metrics.builtin import METRICS
from evaluation.stats.estimate import Answer, Bound, Question, Settings, estimate

CLOSED = ("accuracy", "recall", "roc_auc", "brier", "mae")
SMOOTH = ("precision", "f1", "balanced_accuracy", "average_precision", "rmse", "r2")
RESAMPLED = ("expected_calibration_error",)
FEW = Settings(resamples=200, min_rows=10)
each_metric = pytest.mark.parametrize("name", [*CLOSED, *SMOOTH, *RESAMPLED])
# Number of rows, seed, and how often the two models differ.
drawn = given(st.integers(60, 200), st.integers(0, 10_000), st.sampled_from([0.0, 0.05, 0.4]))
often = settings(max_examples=25, deadline=None)


def pair(name: str, n: int, seed: int, differing: float) -> tuple[Sample, Sample]:
    """Two models on the same rows, with ties; neither class is rare."""
    random = np.random.default_rng(seed)
    if name in ("mae", "rmse", "r2"):
        target = random.normal(20.0, 5.0, n).round(1)
        label = target + random.normal(0.0, 2.0, n).round(1)
        other = np.where(random.random(n) < differing, label + random.normal(0.0, 1.0, n).round(1), label)
        return Sample(target, label), Sample(target, other)
    target = np.arange(n) % 2
    score = np.clip(0.3 * target + 0.7 * random.random(n), 0, 1).round(2)
    other = np.where(random.random(n) < differing, random.random(n).round(2), score)
    return tuple(Sample(target, (found > 0.5).astype(np.int64), found) for found in (score, other))


def ask(name: str, one: Sample, two: Sample | None, at: float = 0.01, **changes: object) -> Answer:
    question = Question(METRICS[name], one, two, Bound(at, keeps_above=True))
    return estimate([question], replace(FEW, **changes))[0]


def flat(answer: Answer) -> tuple[float, float]:
    """Limits as numbers; a model that can't be judged has the same problem either way."""
    found = answer.estimate
    return (found.low, found.high) if found.usable else (0.0, 0.0)


@each_metric
@often
@drawn
def test_changing_places_mirrors_limits_and_evidence(name: str, n: int, seed: int, differing: float) -> None:
    one, two = pair(name, n, seed, differing)
    there, back = ask(name, one, two, at=0.01), ask(name, two, one, at=-0.01)
    assert there.estimate.problem == back.estimate.problem
    low, high = flat(there)
    assert flat(back) == pytest.approx((-high, -low), abs=1e-9 if name in RESAMPLED else 1e-14)
    if there.estimate.usable:
        assert (there.p_pass, there.p_fail) == pytest.approx((back.p_fail, back.p_pass), rel=1e-6)


@pytest.mark.parametrize("name", [*CLOSED, *SMOOTH])
@often
@drawn
def test_the_order_of_rows_does_not_matter(name: str, n: int, seed: int, differing: float) -> None:
    one, two = pair(name, n, seed, differing)
    order = np.random.default_rng(seed).permutation(n)
    shuffled = ask(name, one.take(order), two.take(order))
    assert flat(shuffled) == pytest.approx(flat(ask(name, one, two)), abs=1e-12)
    assert flat(ask(name, one.take(order), None)) == pytest.approx(flat(ask(name, one, None)), abs=1e-12)


@each_metric
@pytest.mark.parametrize("compared", [False, True])
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10_000))
def test_four_times_the_rows_narrow_the_interval(name: str, compared: bool, seed: int) -> None:
    one, two = pair(name, 120, seed, 0.4)
    rows = np.tile(np.arange(120), 4)
    champions = (two, two.take(rows)) if compared else (None, None)
    few, many = ask(name, one, champions[0]), ask(name, one.take(rows), champions[1])
    low, high = flat(few)
    narrow = flat(many)
    assert narrow[1] - narrow[0] < 0.8 * (high - low)
    assert many.estimate.value == pytest.approx(few.estimate.value)


@often
@given(st.integers(60, 200), st.integers(0, 10_000), st.floats(-5, 5))
def test_an_error_that_both_models_share_changes_nothing(n: int, seed: int, shift: float) -> None:
    """Added to either model's value of every row, it leaves differences and their limits as they are."""
    one, two = pair("mae", n, seed, 0.4)
    shifted = replace(
        METRICS["mae"], design=Mean(lambda sample: np.abs(sample.target - sample.label) + shift)
    )
    plain = ask("mae", one, two)
    [moved] = estimate([Question(shifted, one, two)], FEW)
    assert flat(moved) == pytest.approx(flat(plain), abs=1e-9)


@each_metric
@pytest.mark.parametrize("compared", [False, True])
@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 10_000),
    level=st.floats(0.005, 0.499),
    place=st.floats(0, 1),
    keeps_above=st.booleans(),
)
def test_evidence_agrees_with_the_limits_at_every_level(
    name: str, *, compared: bool, seed: int, level: float, place: float, keeps_above: bool
) -> None:
    """Whatever the bound, a limit keeps it at a level if and only if the evidence is at most that level."""
    one, two = pair(name, 120, seed, 0.4)
    two = two if compared else None
    at = flat(ask(name, one, two))
    bound = Bound(at[0] + place * (at[1] - at[0]), keeps_above)
    question = Question(METRICS[name], one, two, bound)
    [answer] = estimate([question], replace(FEW, confidence=1 - level))
    found = answer.estimate
    assume(found.usable)
    above, below = found.low > bound.at, found.high < bound.at
    passes, fails = (above, below) if keeps_above else (below, above)
    for p, decided in ((answer.p_pass, passes), (answer.p_fail, fails)):
        assert (p <= level) is decided or p == pytest.approx(level, rel=1e-6)


def test_without_a_bound_there_is_no_evidence() -> None:
    one, two = pair("accuracy", 100, 1, 0.4)
    [answer] = estimate([Question(METRICS["accuracy"], one, two)], FEW)
    assert (answer.p_pass, answer.p_fail) == (None, None)


def test_what_can_not_be_judged_has_no_evidence() -> None:
    one, two = pair("f1", 100, 1, 0.0)
    answer = ask("f1", one, two)
    assert not answer.estimate.usable
    assert (answer.p_pass, answer.p_fail) == (None, None)


@pytest.mark.parametrize("name", RESAMPLED)
def test_a_level_beyond_the_resamples_has_no_limits_and_says_so(name: str) -> None:
    one, two = pair(name, 200, 1, 0.4)
    found = ask(name, one, two, confidence=0.9999).estimate
    assert (found.low, found.high) == (None, None)
    assert found.problem == "200 resamples can't show an error of 0.0001; raise gate.resamples"


@pytest.mark.parametrize("name", [*CLOSED, *SMOOTH, *RESAMPLED])
def test_every_row_a_unit_of_its_own_is_no_unit(name: str) -> None:
    one, two = pair(name, 150, 3, 0.4)
    units = np.random.default_rng(1).permutation(150)
    in_units = [replace(sample, units=units) for sample in (one, two)]
    assert flat(ask(name, *in_units)) == pytest.approx(flat(ask(name, one, two)), abs=1e-12)


@pytest.mark.parametrize("name", [*CLOSED, *SMOOTH, *RESAMPLED])
@pytest.mark.parametrize("compared", [False, True])
def test_copies_of_a_row_are_no_more_evidence(name: str, compared: bool) -> None:
    """Five equal rows a unit say no more than one: the same limits, up to the formula and the draws."""
    one, two = pair(name, 200, 3, 0.4)
    rows = np.repeat(np.arange(200), 5)
    copies = [replace(sample.take(rows), units=rows) for sample in (one, two)]
    if compared:
        found, plain = ask(name, *copies, resamples=2000), ask(name, one, two, resamples=2000)
    else:
        found, plain = ask(name, copies[0], None, resamples=2000), ask(name, one, None, resamples=2000)
    assert found.estimate.n == 200
    width = plain.estimate.high - plain.estimate.low
    assert flat(found) == pytest.approx(flat(plain), abs=0.12 * width)


def test_guards_count_units() -> None:
    one, two = pair("f1", 400, 3, 0.4)
    rows = np.arange(400) % 8
    few = ask("f1", replace(one, units=rows), replace(two, units=rows))
    assert few.estimate.problem == "8 units, at least 10 are needed"
    blocks = np.arange(400) // 8
    label = two.label.copy()
    label[:40] = 1 - label[:40]
    same = ask("f1", replace(two, units=blocks), replace(two, label=label, units=blocks))
    assert "differ on 5 of the 50 units in what this metric counts" in same.estimate.problem
