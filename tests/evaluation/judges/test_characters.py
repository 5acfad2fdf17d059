"""Judges of known character: each is caught by its own probe, and the fair one is believed."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from evaluation.judges.standing import AGREEMENT, Standing, examine
from evaluation.types import Verdict

POSITION, VERBOSITY, SELF = "position bias", "verbosity bias", "self-preference"
REPEATS, SHUFFLED = "agreement with itself", "lead over answers to other prompts"
# What is asked, the judge's character, and the trials that it must not pass.
CASES = [
    ("pointwise", {}, set()),
    ("pointwise", {"likes": "length"}, {VERBOSITY}),
    ("pointwise", {"likes": "own"}, {SELF, AGREEMENT}),
    ("pointwise", {"noise": 1.0}, {REPEATS, SHUFFLED, AGREEMENT}),
    ("pairwise", {}, set()),
    ("pairwise", {"likes": "first"}, {POSITION, AGREEMENT}),
    ("pairwise", {"likes": "length", "how_much": 0.9}, {VERBOSITY}),
    ("pairwise", {"noise": 1.0}, {REPEATS, SHUFFLED, AGREEMENT}),
]


def failing(standing: Standing) -> set[str]:
    return {trial.name.partition(" (")[0] for trial in standing.trials if trial.verdict is not Verdict.PASS}


@pytest.mark.parametrize(("mode", "character", "caught"), CASES)
def test_each_character_is_caught_by_its_probe_and_the_fair_one_is_not(  # noqa: PLR0917 - fixtures
    mode: str,
    character: dict[str, Any],
    caught: set[str],
    script: Any,
    make_judge: Any,
    make_labelled: Callable[..., Any],
) -> None:
    judge = make_judge(script(**character), mode=mode)
    standing = examine(
        judge, make_labelled(n=240, each=2 if mode == "pairwise" else 1), {judge.config.endpoint.model}
    )
    assert caught <= failing(standing)
    assert (standing.problem is None) == (not caught), standing.problem
    if caught:
        assert all(name in (standing.problem or "") for name in caught)
        assert (standing.problem or "").startswith("judge 'quality' is void: ")
    expected = {REPEATS, VERBOSITY, SHUFFLED, AGREEMENT, SELF} | ({POSITION} if mode == "pairwise" else set())
    assert {trial.name.partition(" (")[0] for trial in standing.trials} == expected


@pytest.mark.parametrize(
    ("mode", "character", "caught"),
    [
        ("pointwise", {"noise": 0.0}, None),
        ("pointwise", {"likes": "length"}, VERBOSITY),
        ("pointwise", {"noise": 1.0}, REPEATS),
        ("pairwise", {"likes": "first"}, POSITION),
    ],
)
def test_the_same_over_a_real_endpoint(  # noqa: PLR0917 - fixtures
    mode: str,
    character: dict[str, Any],
    caught: str | None,
    script: Any,
    over_http: Any,
    make_judge: Any,
    make_labelled: Callable[..., Any],
) -> None:
    n, each = (48, 1) if mode == "pointwise" else (64, 2)
    with over_http(script(**character)) as endpoint:
        judge = make_judge(endpoint.ask_now, mode=mode, endpoint=endpoint.config)
        standing = examine(judge, make_labelled(n, each))
    assert standing.failures.count == 0
    assert standing.failures.asked > 200
    if caught is None:
        assert standing.problem is None
    else:
        assert caught in failing(standing)


def test_people_who_do_not_agree_with_the_judge_void_it(
    script: Any, make_judge: Any, make_labelled: Callable[..., Any]
) -> None:
    labelled = make_labelled()
    other = np.random.default_rng(5).integers(1, 6, labelled.ratings.shape).astype(float)
    disagreeing = type(labelled)(labelled.items, other, labelled.raters, labelled.models)
    assert failing(examine(make_judge(script()), disagreeing)) == {AGREEMENT}


def test_too_few_labelled_answers_void_a_fair_judge(
    script: Any, make_judge: Any, make_labelled: Callable[..., Any]
) -> None:
    standing = examine(make_judge(script()), make_labelled(n=29))
    assert "can't be told: 29 rows, at least 30 are needed" in (standing.problem or "")


def test_no_labelled_answers_void_a_judge_that_is_then_not_asked(make_judge: Any) -> None:
    def ask(_: Any) -> Any:
        raise AssertionError("nobody should be asked")

    assert "no answers that people scored" in (examine(make_judge(ask), None).problem or "")


def test_a_pairwise_judge_needs_two_answers_to_one_prompt(
    script: Any, make_judge: Any, make_labelled: Callable[..., Any]
) -> None:
    standing = examine(make_judge(script(), mode="pairwise"), make_labelled(n=60, each=1))
    assert "no pairs that people scored" in str(standing.problem)


def test_a_judge_that_says_one_thing_is_void(make_judge: Any, make_labelled: Callable[..., Any]) -> None:
    def ask(asks: Any) -> Any:
        from evaluation.llm.values import Reply

        return [Reply('{"score": 3}', None, None, 1.0, "stop", None) for _ in asks]

    standing = examine(make_judge(ask), make_labelled())
    assert {REPEATS, SHUFFLED, AGREEMENT} <= failing(standing)
    assert "all ratings are the same" in (standing.problem or "")


def test_a_judge_that_often_fails_is_void(script: Any, make_judge: Any, make_labelled: Any) -> None:
    """Every tenth answer is off the scale: what is left is not judged by it alone."""
    from evaluation.llm.values import Reply

    def ask(asks: Any) -> Any:
        said = script().ask(asks)
        return [
            Reply('{"score": 9}', None, None, 1.0, "stop", None) if place % 10 == 0 else reply
            for place, reply in enumerate(said)
        ]

    standing = examine(make_judge(ask), make_labelled())
    assert dict(standing.failures.by_reason).keys() == {"off the scale"}
    assert "the judge gave no score for 12 of 120 answers" in (standing.problem or "")


def test_what_is_known_of_a_judge_is_plain_json(
    script: Any, make_judge: Any, make_labelled: Callable[..., Any]
) -> None:
    import json

    told = examine(make_judge(script()), make_labelled()).as_json()
    assert json.loads(json.dumps(told, allow_nan=False)) == told
    assert told["problem"] is None
    assert len(told["digest"]) == 64
    assert told["asked"] == 120 + 120 * 3 + 120 + 120
