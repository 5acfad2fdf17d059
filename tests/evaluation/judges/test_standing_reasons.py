"""Why a judge is void is told by what it said."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from benchmarks._characters import Script
from evaluation.judges.standing import examine, void_anyway
from evaluation.llm.values import Reply


def test_a_judge_off_the_scale_is_told_as_such(make_judge: Any, make_labelled: Any) -> None:
    def ask(asks: Any) -> list[Reply]:
        return [Reply('{"score": 9}', None, None, 1.0, "stop", None) for _ in asks]

    found = examine(make_judge(ask), make_labelled(n=60))
    assert found.problem is not None
    assert found.problem.startswith(
        "judge 'quality' is void: 360 of 360 answers of the judge count as failures: 360"
    )
    assert "no rows" not in found.problem
    assert "the judge gave no score for 60 of 60 answers" in found.problem


@pytest.mark.parametrize(
    ("changes", "answers", "told"),
    [
        ({}, (29, 1), "agreement with people (ordinal alpha) can't be told: 29 rows, at least 30 are needed"),
        ({}, (30, 1), None),
        (
            {"agreement": {"measure": "kappa"}},
            (29, 1),
            "agreement with people (kappa) can't be told: 29 rows",
        ),
        # Two answers to a prompt are one unit.
        ({}, (58, 2), "can't be told: 29 units"),
        ({"mode": "pairwise"}, (58, 2), "can't be told: 29 rows"),
        ({"mode": "pairwise"}, (60, 2), None),
        ({"mode": "pairwise"}, (60, 1), "can't be told: no pairs that people scored"),
    ],
)
def test_a_judge_that_is_void_anyway_is_not_asked(
    changes: Any, answers: tuple[int, int], told: str | None, make_judge: Any, make_labelled: Any
) -> None:
    asked: list[Any] = []

    def ask(asks: Any) -> list[Reply]:
        asked.extend(asks)
        return Script(noise=0.0).ask(asks)

    judge, labelled = make_judge(ask, **changes), make_labelled(*answers)
    foreseen, found = void_anyway(judge.config, labelled), examine(judge, labelled)
    assert bool(asked) is (told is None)
    if told is None:
        assert foreseen is None
        return
    assert foreseen is not None
    assert foreseen.startswith("judge 'quality' is void: ")
    assert told in foreseen
    assert found.problem == foreseen


def test_people_who_say_one_and_the_same_tell_nothing_of_a_judge(make_judge: Any, make_labelled: Any) -> None:
    labelled = make_labelled(n=60)
    same = replace(labelled, ratings=np.full_like(labelled.ratings, 4.0))
    assert "all ratings are the same" in str(void_anyway(make_judge(Script()).config, same))
