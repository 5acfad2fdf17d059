"""What answers were given to go on: quiet without drift, told when a retriever breaks, whatever way it breaks."""

import numpy as np
import polars as pl
import pytest

from monitoring.profiles.compare import compare_numbers, compare_sets
from monitoring.profiles.sources import IDS, Answered, measure_sources

STORIES = 60


def answered(rows: int, seed: int, *, asked: bool = True, move: int = 0) -> Answered:
    """Questions about stories by name, each given its own document and a neighbour's; `move` looks up other ones."""
    rng = np.random.default_rng(seed)
    stories = rng.integers(0, STORIES, rows)
    others = (stories + rng.integers(1, 4, rows)) % STORIES
    found = [
        [f"story-{(own + move) % STORIES}", f"story-{(other + move) % STORIES}"]
        for own, other in zip(stories, others, strict=True)
    ]
    verbs = rng.choice(["says", "leaves", "finds", "betrays", "marries", "follows"], (rows, 2))
    texts = [f"who {one} and {two} hero{story}" for story, (one, two) in zip(stories, verbs, strict=True)]
    return Answered(pl.Series(found, dtype=IDS), pl.Series(texts) if asked else None)


def far(found, *, error: float = 1e-5, tolerance: float = 0.1) -> set[str]:
    """Names of what has moved, as the check on drift would have it."""
    return {
        name
        for name, (old, new) in found.items()
        if (
            compare_sets(old.to_list(), new.to_list(), error=error)
            if old.dtype == IDS
            else compare_numbers(old.to_numpy(), new.to_numpy(), error=error)
        ).low
        > tolerance
    }


def with_sources(sources: list[list[str]]) -> Answered:
    return Answered(pl.Series(sources, dtype=IDS), answered(len(sources), 2).asked)


ROWS = 1000
AS_EVER = answered(ROWS, 2).sources.to_list()


@pytest.mark.parametrize(
    ("window", "moved"),
    [
        (answered(ROWS, 2), set()),
        (with_sources([[]] * ROWS), {"number", "documents", "like questions"}),
        (
            with_sources([ids if row % 2 else [] for row, ids in enumerate(AS_EVER)]),
            {"number", "documents", "like questions"},
        ),
        (with_sources([ids[:1] for ids in AS_EVER]), {"number", "like questions"}),
        (with_sources([["story-7", *ids[1:]] for ids in AS_EVER]), {"documents", "like questions"}),
        (with_sources([[f"{name}-2" for name in ids] for ids in AS_EVER]), {"new", "like questions"}),
        # Under the names of others: as many, the same ones, as often.
        (answered(ROWS, 2, move=30), {"like questions"}),
    ],
    ids=[
        "as ever",
        "nothing found",
        "now and then nothing",
        "fewer",
        "one for all",
        "other names",
        "shuffled",
    ],
)
def test_what_broke_is_told_by_what_has_moved(window, moved) -> None:
    assert far(measure_sources(answered(ROWS, 1), window)) == moved


def test_without_drift_alarms_keep_to_their_error() -> None:
    alarms = {"number": 0, "documents": 0, "new": 0, "like questions": 0}
    for seed in range(100):
        found = measure_sources(answered(300, 1000 + seed), answered(200, seed))
        assert set(found) == set(alarms)
        for name in far(found, error=0.05, tolerance=0.0):
            alarms[name] += 1
    # 0.05 and 2.33 standard errors of a hundred runs.
    assert all(count <= 10 for count in alarms.values()), alarms


def test_documents_that_hardly_come_twice_are_not_new_by_that() -> None:
    def draw(rows: int) -> Answered:
        return Answered(pl.Series([[str(name)] for name in rng.integers(0, 500, rows)], dtype=IDS), None)

    rng = np.random.default_rng(7)
    found = measure_sources(draw(1000), draw(1000))
    assert 0.3 < found["new"][1].mean() < 0.5
    assert far(found, error=0.05, tolerance=0.0) == set()
    # Of those that the reference has, others are drift.
    assert far(measure_sources(draw(1000), with_sources([["x"], ["y"]] * 500))) == {"documents", "new"}


def test_who_asks_the_questions_of_the_reference_is_no_drift() -> None:
    reference = answered(ROWS, 1)
    assert far(measure_sources(reference, reference)) == set()


def test_what_is_not_known_is_no_part_of_it() -> None:
    whole, window = answered(400, 1), answered(200, 2)
    gaps = [ids if row % 4 else None for row, ids in enumerate(window.sources.to_list())]
    found = measure_sources(whole, Answered(pl.Series(gaps, dtype=IDS), window.asked))
    assert len(found["number"][1]) == len(found["documents"][1]) == len(found["new"][1]) == 150
    assert found["number"][1].null_count() == 0
    lacking = Answered(pl.concat([pl.Series([None] * 40, dtype=IDS), whole.sources[40:]]), whole.asked)
    assert len(measure_sources(lacking, window)["number"][0]) == 360
    nothing = measure_sources(whole, Answered(pl.Series([None] * 9, dtype=IDS), window.asked.head(9)))
    assert {name: len(current) for name, (_, current) in nothing.items()} == dict.fromkeys(found, 0)


def test_numbers_are_counted_as_they_should() -> None:
    reference = Answered(pl.Series([["a", "b"]] * 10, dtype=IDS), None)
    found = measure_sources(
        reference, Answered(pl.Series([["a", "a"], ["a", "c"], ["d"], []], dtype=IDS), None)
    )
    assert {name: current.to_list() for name, (_, current) in found.items() if name != "documents"} == {
        "number": [1.0, 2.0, 1.0, 0.0],
        "new": [0.0, 0.5, 1.0, 0.0],
    }


def test_like_questions_are_those_that_share_rare_words() -> None:
    rows = [("who is hero1", ["a", "b"]), ("where was hero2", ["c"])] * 8
    reference = Answered(
        pl.Series([ids for _, ids in rows], dtype=IDS), pl.Series([text for text, _ in rows])
    )
    asked = ["whom hero1 met", "HERO2?", "something else", "", "who is hero1"]
    given = [["b"], ["c", "d"], ["a"], ["a"], ["z"]]
    found = measure_sources(reference, Answered(pl.Series(given, dtype=IDS), pl.Series(asked)))
    # The last is the very question of the reference, and its next is not alike.
    assert found["like questions"][1].to_list() == [0.5, 1.0]


@pytest.mark.parametrize("asked", [["?!", ""] * 20, ["word"] * 40])
def test_questions_of_which_none_is_like_another_leave_nothing_to_compare(asked) -> None:
    side = Answered(pl.Series([["a"]] * 40, dtype=IDS), pl.Series(asked))
    old, new = measure_sources(side, side)["like questions"]
    assert (old.len(), new.len()) == (0, 0)
