"""How much error the next decision may make: what earlier ones on the same test set have left of it.

Every challenger that one test set judges may be passed wrongly; the best of many more likely so (Dunnett 1955; Blum and
Hardt 2015 for holdouts). So a test set's error is shared out among as many challengers as the policy plans for, and a
challenger's share is spread over the times that it is asked about as the test set grows (Lan and DeMets 1983).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from evaluation.row_sketch import RowSketch, containment
from evaluation.stats.sequential import level_of_look
from evaluation.types import Allowance

SAME_SET = 0.5
# Of the rows of an earlier look, so many must still be there: a schedule of looks is about rows that are added.
KEPT = 0.9
# Below this share of what a challenger was planned to get, nothing is left.
_LEAST = 0.01


@dataclass(frozen=True)
class Weighing:
    """One challenger on one test set: who, on which rows, and what it was given.

    candidate: digest of what makes the challenger; rows, sketch: of the test set. share: error that its looks may
    spend together, 0 where nothing was left for it. looks: rows at every look so far, this one last, empty where it
    was refused. planned_rows: the schedule that its first look fixed.
    columns: what the sketch is of, sorted; empty where nobody knows. views: for a test set that has gained columns, its
    sketch by the columns that earlier ones had.
    """

    candidate: str
    rows: int
    sketch: RowSketch
    share: float = 0.0
    looks: tuple[int, ...] = ()
    planned_rows: int | None = None
    columns: tuple[str, ...] = ()
    views: Mapping[tuple[str, ...], RowSketch] = field(default_factory=dict)

    def seen_as(self, past: "Weighing") -> RowSketch:
        """The sketch of this test set that can be compared with an earlier one's."""
        return self.views.get(past.columns, self.sketch)

    def given(self, found: Allowance, share: float) -> "Weighing":
        """What goes into the history once the decision may be made, or may not."""
        looks = () if found.problem is not None else found.looks
        return replace(self, share=share, looks=looks, planned_rows=found.planned_rows, views={})


def allowance(
    alpha: float, candidates: int, planned_rows: int | None, history: Sequence[Weighing], this: Weighing
) -> Allowance:
    """What a decision about `this` may spend, after a history of others, oldest first.

    alpha: the policy's error on one side, of which each of `candidates` challengers gets an equal share as long as it
    lasts. Earlier weighings count where at least half of the smaller set's rows are in the larger one. The same
    challenger on the same rows is told the same again; on more rows it takes a look at the schedule that `planned_rows`
    fixed when it was first asked about.

    Where nothing is left, `problem` says why, and the level is what the share would have been.

    >>> rows = RowSketch((1, 2, 3))
    >>> first, second = (Weighing(name, 3, rows) for name in ("a", "b"))
    >>> allowance(0.05, 10, None, [], first).level
    0.005
    >>> found = allowance(0.05, 10, None, [first.given(Allowance.whole(0.05), 0.005)], second)
    >>> found.candidate, found.overlap
    (2, 1.0)
    """
    same = [past for past in history if same_set(past.sketch, this.seen_as(past))]
    mine = [past for past in same if past.candidate == this.candidate and past.looks]
    names = list(dict.fromkeys([past.candidate for past in same] + [this.candidate]))
    share = share_left(alpha, candidates, same, this)
    found = Allowance(
        alpha=alpha,
        level=share or alpha / candidates,
        candidate=names.index(this.candidate) + 1,
        candidates=candidates,
        looks=_looks(mine, this),
        planned_rows=mine[0].planned_rows if mine else planned_rows,
        overlap=_overlap(same, this),
    )
    if share == 0:
        return replace(found, problem=_all_judged(found))
    if problem := _look_problem(mine, this, planned_rows):
        return replace(found, problem=problem)
    if found.planned_rows is None:
        return found
    level = level_of_look(share, found.looks, found.planned_rows)
    if level == 0:
        spent = f"all {found.planned_rows:,} planned rows were there at an earlier look, which spent what there was"
        return replace(found, problem=f"{spent}: bring fresh rows")
    return replace(found, level=level)


def same_set(one: RowSketch, other: RowSketch) -> bool:
    """Whether at least half of the smaller table's rows are in the larger one."""
    return max(containment(one, other), containment(other, one)) >= SAME_SET


def share_left(alpha: float, candidates: int, history: Sequence[Weighing], this: Weighing) -> float:
    """The error that all looks at this challenger may spend together: what its weighing records.

    An equal share, or what others on the same test set have left of alpha; a challenger keeps what it was first given.
    0 where that is less than 1 % of an equal share.
    """
    same = [past for past in history if same_set(past.sketch, this.seen_as(past))]
    given: dict[str, float] = {}
    for past in same:
        given[past.candidate] = max(past.share, given.get(past.candidate, 0.0))
    mine, equal = given.pop(this.candidate, 0.0), alpha / candidates
    share = round(min(mine or equal, alpha - sum(given.values())), 12)
    return share if share >= _LEAST * equal else 0.0


def _looks(mine: Sequence[Weighing], this: Weighing) -> tuple[int, ...]:
    """Rows at every look so far, this one last; the same rows again are no new look."""
    for past in mine:
        if _repeats(past, this):
            return past.looks
    return (*_last(mine).looks, this.rows) if mine else (this.rows,)


def _repeats(past: Weighing, this: Weighing) -> bool:
    return past.rows == this.rows and past.sketch == this.seen_as(past)


def _last(mine: Sequence[Weighing]) -> Weighing:
    return max(mine, key=lambda past: past.rows)


def _overlap(same: Sequence[Weighing], this: Weighing) -> float:
    """Share of this test set's rows that the others had."""
    shares = [0.0]
    for columns in {past.columns for past in same}:
        alike, seen = [past for past in same if past.columns == columns], RowSketch(())
        for past in alike:
            seen = seen.union(past.sketch)
        shares.append(containment(this.seen_as(alike[0]), seen))
    return max(shares)


def _all_judged(found: Allowance) -> str:
    before = f"{found.candidate - 1} challenger{'' if found.candidate == 2 else 's'}"
    return (
        f"this holdout has judged {before} and gate.candidates plans for {found.candidates}: nothing of the error is "
        "left for another, bring fresh rows"
    )


def _look_problem(mine: Sequence[Weighing], this: Weighing, planned_rows: int | None) -> str | None:
    """Why the same challenger may not be asked about once more, or None."""
    if not mine or any(_repeats(past, this) for past in mine):
        return None
    last = _last(mine)
    if this.rows <= last.rows:
        return (
            f"the same challenger was asked about before on {last.rows:,} rows, and these are {this.rows:,} others: "
            "the holdout may only grow"
        )
    if mine[0].planned_rows is None:
        return (
            f"the same challenger was asked about before on {last.rows:,} rows without gate.planned_rows, and is asked "
            f"again on {this.rows:,}: that look was its only one"
        )
    if planned_rows != mine[0].planned_rows:
        now = "gone" if planned_rows is None else f"{planned_rows:,}"
        return (
            f"gate.planned_rows was {mine[0].planned_rows:,} at the first look at this challenger and is {now} now: "
            "the schedule of looks stays as it was"
        )
    kept = containment(last.sketch, this.seen_as(last))
    if kept < KEPT:
        return (
            f"only {kept:.0%} of the {last.rows:,} rows of the last look at this challenger are still there: "
            "the holdout may only grow"
        )
    return None
