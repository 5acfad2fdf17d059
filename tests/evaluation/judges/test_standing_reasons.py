"""Why a judge is void is told by what it said."""

from typing import Any

from evaluation.judges.standing import examine
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
