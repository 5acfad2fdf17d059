"""The best candidate is left out no more often than is said, and what leaves one out is the paired difference."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.choice.best import Candidate, Choice, Place, Standing, choose, require_choosable
from evaluation.errors import UserError
from evaluation.metrics.base import Sample
from evaluation.metrics.builtin import find_metric
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.text.declare import mean_of
from evaluation.types import Direction, Estimate, Task


def quality(rows):
    """How good a text is."""
    return rows.fact("quality")


QUALITY = mean_of(quality, range=(-100.0, 100.0))
ERRORS = mean_of(quality, range=(-100.0, 100.0), higher_is_better=False)
MAE = find_metric("mae")


def scored(values, units=None):
    """Texts with these values, (n,)."""
    texts = np.array([str(value) for value in values], dtype=object)
    return Sample(texts, texts, row_scores={"quality": np.asarray(values, dtype=np.float64)}, units=units)


def several(table, units=None):
    """Candidates a, b, ... with a column of values each."""
    return [Candidate("abcdefgh"[index], scored(column, units)) for index, column in enumerate(table.T)]


def drawn(random, n, means, spread=0.5):
    """Values of the same n cases, which are easy or hard for all."""
    return random.normal(size=(n, 1)) + np.asarray(means) + spread * random.normal(size=(n, len(means)))


@pytest.mark.parametrize(
    ("means", "shown_at_least"), [((0, 0, 0, 0), None), ((0.3, 0, 0, 0), 0.8)], ids=["equal", "one better"]
)
def test_the_best_is_left_out_no_more_often_than_is_said(means, shown_at_least):
    """Of 400 times at 5 %, 20 are expected at most, and 33 are passed once in 600 such tests."""
    random = np.random.default_rng(8)
    choices = [choose(several(drawn(random, 120, means)), QUALITY, Settings()) for _ in range(400)]
    left_out = sum(choice.best != "a" and "a" not in choice.open for choice in choices)
    assert left_out <= 33
    if shown_at_least is None:
        assert sum(choice.best is not None for choice in choices) <= 33
    else:
        assert np.mean([choice.best == "a" for choice in choices]) >= shown_at_least


tables = st.integers(0, 2**32 - 1).map(
    lambda seed: drawn(np.random.default_rng(seed), 60, np.random.default_rng(seed).normal(0, 0.15, 4))
)


@given(tables, st.permutations(range(4)))
def test_the_order_of_the_candidates_makes_no_difference(table, order):
    found = choose(several(table), QUALITY, Settings())
    shuffled = [several(table)[index] for index in order]
    turned = choose(shuffled, QUALITY, Settings())
    places = {one.name: one.place for one in found.standings}
    assert {one.name: one.place for one in turned.standings} == places


@given(tables)
def test_one_is_beaten_where_a_limit_of_its_paired_difference_says_so(table):
    candidates = several(table)
    level = 0.05 / 3
    found = choose(candidates, QUALITY, Settings())
    assert found.level == pytest.approx(level)
    for one, standing in ((one, standing) for one in candidates for standing in found.standings):
        if one.name != standing.name:
            continue
        highs = [
            estimate([Question(QUALITY, one.sample, other.sample)], Settings(confidence=1 - level))[
                0
            ].estimate.high
            for other in candidates
            if other is not one
        ]
        assert (standing.place is Place.BEATEN) == (min(highs) < 0)
    assert found.standings[0].place in {Place.BEST, Place.OPEN}
    assert (found.best is not None) == (not found.open)


@given(tables)
def test_a_metric_that_is_better_low_tells_the_same_of_what_is_turned(table):
    up, down = choose(several(table), QUALITY, Settings()), choose(several(-table), ERRORS, Settings())
    assert [(one.name, one.place, one.against) for one in up.standings] == [
        (one.name, one.place, one.against) for one in down.standings
    ]
    assert up.needed == down.needed


def test_answers_to_one_case_are_one_unit():
    table = drawn(np.random.default_rng(3), 60, (0.1, 0.0))
    again = np.repeat(table, 10, axis=0)
    once = choose(several(table), QUALITY, Settings())
    clustered = choose(several(again, np.repeat(np.arange(60), 10)), QUALITY, Settings(unit="case"))
    assert once.open == clustered.open == ("a", "b")
    assert clustered.standings[1].difference.n == 60
    assert choose(several(again), QUALITY, Settings()).best == "a"


def test_how_many_cases_would_tell_the_leader_from_the_others():
    table = drawn(np.random.default_rng(3), 60, (0.1, 0.0, 0.05))
    found = choose(several(table), QUALITY, Settings())
    assert found.open[0] == "a"
    [leader, *others] = found.standings
    assert leader.needed is None
    assert found.needed == max(one.needed for one in others)
    seen = {one.name: one.estimate.value for one in found.standings}
    random = np.random.default_rng(4)
    told = [
        choose(several(drawn(random, found.needed, [seen[name] for name in "abc"])), QUALITY, Settings()).best
        == "a"
        for _ in range(60)
    ]
    # Four times in five for the nearest one, a little less for all.
    assert 0.6 <= np.mean(told) <= 0.95


def test_two_of_one_mind_are_never_told_apart():
    same, other = np.random.default_rng(0).normal(size=(2, 80))
    found = choose(several(np.column_stack([same, same, other - 5])), QUALITY, Settings())
    assert found.open == ("a", "b")
    assert found.needed is None
    assert [one.place for one in found.standings] == [Place.OPEN, Place.OPEN, Place.BEATEN]


@pytest.mark.parametrize(
    "candidate",
    [
        Candidate("c", None, "no endpoint answers"),
        Candidate("c", scored([5.0] * 80), "no answer for 1 of 80 rows"),
        Candidate("c", scored([np.nan, *[5.0] * 79])),
    ],
    ids=["never asked", "a case without answer", "NaN"],
)
def test_one_that_cannot_be_compared_says_why_and_beats_nobody(candidate):
    table = drawn(np.random.default_rng(0), 80, (1.0, 0.0))
    found = choose([*several(table), candidate], QUALITY, Settings())
    assert found.best == "a"
    last = found.standings[-1]
    assert (last.name, last.place, last.estimate.value) == ("c", Place.NOT_COMPARED, None)
    assert last.estimate.problem
    assert found.level == 0.05 / 2


def test_too_few_cases_tell_nobody_apart():
    table = drawn(np.random.default_rng(0), 29, (9.0, 0.0))
    found = choose(several(table), QUALITY, Settings(min_rows=30))
    assert found.open == ("a", "b")
    assert "at least 30" in found.standings[0].estimate.problem


@pytest.mark.parametrize("alone", [[], [Candidate("a", scored([1.0, 2.0] * 40))]])
def test_one_alone_is_best_of_nothing(alone):
    found = choose([*alone, Candidate("b", None, "gone")], QUALITY, Settings())
    assert found.best is None


def test_models_of_tables_are_told_apart_by_their_metrics():
    random = np.random.default_rng(5)
    truth = random.normal(size=200)
    near, far = (Sample(truth, truth + spread * random.normal(size=200)) for spread in (0.5, 1.0))
    found = choose([Candidate("far", far), Candidate("near", near)], MAE, Settings())
    assert (found.best, found.direction) == ("near", Direction.LOWER_IS_BETTER)
    assert found.standings[1].difference.low > 0


@pytest.mark.parametrize(
    ("metric", "says"),
    [
        (MAE, "is not a metric of task binary"),
        (find_metric("latency_p95_ms"), "needs latency"),
        (find_metric("equalized_odds_difference"), "needs"),
        (replace(find_metric("accuracy"), ranked=False), "has no better side"),
    ],
)
def test_a_metric_that_cannot_decide_is_refused(metric, says):
    with pytest.raises(UserError, match=says):
        require_choosable(metric, Task.BINARY)


def test_a_metric_that_asks_a_judge_may_decide():
    require_choosable(find_metric("ragas_faithfulness"), Task.RAG)


def test_nobody_is_needed_where_one_is_out_of_reach():
    estimate_ = Estimate(0.5, 0.4, 0.6, 50, 0.95, "x")
    standings = (
        Standing("a", Place.OPEN, estimate_),
        Standing("b", Place.OPEN, estimate_, "a", estimate_, 400),
        Standing("c", Place.OPEN, estimate_, "a", estimate_, None),
    )
    assert Choice("m", Direction.HIGHER_IS_BETTER, 0.05, 0.025, standings).needed is None
