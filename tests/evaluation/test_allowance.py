"""Who may spend how much: shares, looks, test sets, told as stories of weighings one after the other."""

from dataclasses import dataclass, field, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm

from evaluation.allowance import Weighing, allowance, share_left
from evaluation.row_sketch import SIZE, RowSketch
from evaluation.stats.sequential import level_of_look
from evaluation.types import Allowance

HASHES = np.random.Generator(np.random.PCG64(20261121)).integers(0, 2**64, 40_000, dtype=np.uint64)


def rows(start: int, stop: int) -> RowSketch:
    """The sketch of rows start .. stop of one endless table."""
    return RowSketch(tuple(np.sort(HASHES[start:stop])[:SIZE].tolist()))


@dataclass
class Holdout:
    """A history that every question is entered into, as the ledger does."""

    candidates: int = 10
    planned_rows: int | None = None
    alpha: float = 0.05
    history: list[Weighing] = field(default_factory=list)

    def ask(self, candidate: str, start: int = 0, stop: int = 1000) -> Allowance:
        this = Weighing(candidate, stop - start, rows(start, stop))
        found = allowance(self.alpha, self.candidates, self.planned_rows, self.history, this)
        share = share_left(self.alpha, self.candidates, self.history, this)
        self.history.append(this.given(found, share))
        return found


def test_the_first_challenger_gets_its_share() -> None:
    found = Holdout().ask("a")
    assert found == Allowance(0.05, 0.005, candidate=1, candidates=10, looks=(1000,))


def test_one_planned_challenger_gets_everything() -> None:
    assert Holdout(candidates=1).ask("a").level == 0.05


def test_ten_may_be_judged_and_the_eleventh_may_not() -> None:
    holdout = Holdout()
    found = [holdout.ask(name) for name in "abcdefghijk"]
    assert [each.candidate for each in found] == list(range(1, 12))
    assert [each.level for each in found] == [0.005] * 11
    assert [each.problem for each in found[:10]] == [None] * 10
    assert "has judged 10 challengers" in str(found[10].problem)
    assert "bring fresh rows" in str(found[10].problem)
    assert holdout.ask("k").problem == found[10].problem
    assert holdout.ask("c").problem is None
    assert [past.share for past in holdout.history[:11]] == [0.005] * 10 + [0.0]


def test_the_same_again_is_told_the_same() -> None:
    holdout = Holdout(planned_rows=4000)
    first = holdout.ask("a")
    holdout.ask("b")
    again = holdout.ask("a")
    assert replace(again, overlap=0.0) == replace(first, overlap=0.0)
    assert (first.overlap, again.overlap) == (0.0, 1.0)


def test_looks_follow_the_schedule_within_the_share() -> None:
    holdout, looks = Holdout(planned_rows=16_000), [500, 1000, 2000, 4000, 8000, 16_000]
    found = [holdout.ask("a", 0, stop) for stop in looks]
    assert [each.level for each in found] == [level_of_look(0.005, looks[: n + 1], 16_000) for n in range(6)]
    assert found[-1].looks == tuple(looks)
    assert {each.candidate for each in found} == {1}
    assert found[1].overlap == pytest.approx(0.5, abs=0.15)
    assert holdout.ask("a", 0, 2000).level == found[2].level
    assert "all 16,000 planned rows were there" in str(holdout.ask("a", 0, 17_000).problem)


REFUSED = {
    "no schedule": (None, None, (0, 2000), "without gate.planned_rows"),
    "a schedule made up later": (None, 8000, (0, 2000), "without gate.planned_rows"),
    "another schedule": (4000, 8000, (0, 2000), "gate.planned_rows was 4,000 at the first look"),
    "the schedule taken away": (4000, None, (0, 2000), "is gone now"),
    "fewer rows": (4000, 4000, (0, 900), "the holdout may only grow"),
    "other rows": (4000, 4000, (300, 1300), "the holdout may only grow"),
    "rows that went": (4000, 4000, (300, 2300), "of the 1,000 rows of the last look"),
}


@pytest.mark.parametrize(("before", "now", "place", "said"), REFUSED.values(), ids=REFUSED.keys())
def test_a_second_question_is_refused(
    before: int | None, now: int | None, place: tuple[int, int], said: str
) -> None:
    holdout = Holdout(planned_rows=before)
    assert holdout.ask("a").problem is None
    holdout.planned_rows = now
    found = holdout.ask("a", *place)
    assert said in str(found.problem)
    assert found.level == 0.005


def test_fresh_rows_start_over() -> None:
    holdout = Holdout(candidates=2)
    for name in "abc":
        holdout.ask(name)
    found = holdout.ask("c", 5000, 6000)
    assert (found.candidate, found.level, found.overlap, found.problem) == (1, 0.025, 0.0, None)


@pytest.mark.parametrize(
    ("start", "candidate"), [(0, 2), (300, 2), (700, 1), (1000, 1)], ids=["all", "70 %", "30 %", "none"]
)
def test_half_of_the_rows_make_it_the_same_set(start: int, candidate: int) -> None:
    holdout = Holdout()
    holdout.ask("a")
    assert holdout.ask("b", start, start + 1000).candidate == candidate


def test_a_small_part_of_a_large_set_is_the_same_set() -> None:
    holdout = Holdout()
    holdout.ask("a", 0, 500)
    assert holdout.ask("b", 0, 16_000).candidate == 2
    assert holdout.ask("c", 400, 900).candidate == 2


def test_planning_for_more_later_does_not_make_more() -> None:
    holdout = Holdout(candidates=2)
    holdout.ask("a")
    holdout.candidates = 4
    levels = [holdout.ask(name).level for name in "bc"]
    assert levels == [0.0125, 0.0125]
    assert "has judged 3 challengers" in str(holdout.ask("d").problem)
    assert sum(past.share for past in holdout.history) <= 0.05
    assert holdout.ask("a").level == 0.025


QUESTION = st.tuples(
    st.sampled_from("abcdef"),
    st.sampled_from([(0, 500), (0, 1000), (0, 2000), (100, 1100)]),
    st.integers(1, 6),
)


@given(st.lists(QUESTION, max_size=15), st.sampled_from([None, 2000]))
@settings(max_examples=60, deadline=None)
def test_no_history_spends_more_than_alpha(
    questions: list[tuple[str, tuple[int, int], int]], planned: int | None
) -> None:
    """Whatever is asked in whatever order, with gate.candidates changed at will."""
    holdout = Holdout(planned_rows=planned)
    levels: dict[str, list[float]] = {}
    for candidate, place, candidates in questions:
        holdout.candidates = candidates
        found = holdout.ask(candidate, *place)
        if found.problem is None:
            levels.setdefault(candidate, []).append(found.level)
    assert sum(max(each) for each in levels.values()) <= 0.05 + 1e-9


def test_the_best_of_ten_passes_no_more_often_than_stated() -> None:
    """All ten at the tolerance, their errors correlated as on one test set: any of them passes in at most 5 %."""
    random = np.random.Generator(np.random.PCG64(20261121))
    holdout = Holdout()
    levels = [holdout.ask(name).level for name in "abcdefghij"]
    runs = 20_000
    shared, own = random.normal(size=(runs, 1)), random.normal(size=(runs, 10))
    passed = ((0.5**0.5 * (shared + own)) > norm.isf(levels)).any(axis=1).mean()
    assert passed <= 0.05 + 3 * (0.05 * 0.95 / runs) ** 0.5
    assert ((0.5**0.5 * (shared + own)) > norm.isf(0.05)).any(axis=1).mean() > 0.2
