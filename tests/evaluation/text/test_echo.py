"""Answers that repeat their prompt, and the overlap that is left without that."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.text import echo, without_echo
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import words

PROMPT = (
    "Write a short and friendly product description for an online shop. Title: WHITE HANGING HEART T-LIGHT HOLDER. "
    "Material: white painted metal with a clear glass cup for one tea light."
)
REFERENCE = (
    "White hanging heart tea light holder of white painted metal with a clear glass cup for one tea light."
)
HONEST = "A heart of white metal to hang up, with a glass cup for a tea light."
PLAIN = ["token_f1", "bleu", "chrf", "rouge_1", "rouge_2", "rouge_l"]


def value(name: str, scorer, rows: TextRows) -> float:
    scored = scorer(rows)
    metric = {m.name.removesuffix("_without_echo"): m for m in without_echo.METRICS}[name]
    values = scored.values
    return float(metric.design.value(values)[0]) if name in {"bleu", "chrf"} else float(values[0])


@pytest.mark.parametrize("name", PLAIN)
def test_an_answer_that_repeats_its_prompt_scores_high_and_without_echo_low(name: str) -> None:
    """The fraud that the metrics with echo fall for: they give it more than the honest answer."""
    fraud = TextRows.of([PROMPT], REFERENCE, prompt=[PROMPT])
    honest = TextRows.of([HONEST], REFERENCE, prompt=[PROMPT])
    plain, without = without_echo.PLAIN[name], without_echo.WITHOUT_ECHO[name]
    assert value(name, plain, fraud) > value(name, plain, honest)
    assert value(name, without, fraud) == 0
    assert value(name, without, honest) == value(name, plain, honest) > 0


def test_what_follows_the_echo_counts() -> None:
    rows = TextRows.of([f"{PROMPT}\n\n{HONEST}"], REFERENCE, prompt=[PROMPT])
    alone = TextRows.of([HONEST], REFERENCE, prompt=[PROMPT])
    assert without_echo.answers_without_echo(rows)[0].strip(" .\n") == HONEST.strip(".")
    for name in ("token_f1", "rouge_1", "rouge_2", "rouge_l"):
        assert value(name, without_echo.WITHOUT_ECHO[name], rows) == value(
            name, without_echo.PLAIN[name], alone
        )


EIGHT = "one two three four five six seven eight"


@pytest.mark.parametrize(
    ("answer", "prompt", "left"),
    [
        (f"So {EIGHT}, nine", f"{EIGHT} ten", "So , nine"),
        (f"So {EIGHT.upper().replace(' ', '... ')}!", EIGHT, "So !"),
        ("one two three four five six seven. Nine", f"{EIGHT} ten", "one two three four five six seven. Nine"),
        (f"{EIGHT} {EIGHT}", f"zero {EIGHT} nine", ""),
        (f"six seven eight {EIGHT} nine", f"{EIGHT} nine ten", "six seven eight "),
        ("Tell me of mugs: blue", "Tell me of mugs", ": blue"),
        ("Of mugs: blue", "of mugs", "Of mugs: blue"),
        ("Red mug it is", "A red mug it is", "Red mug it is"),
        ("", PROMPT, ""),
        ("蓝色的杯子很漂亮而且便宜", "描述 蓝色的杯子很漂亮", "而且便宜"),
    ],
)  # fmt: skip
def test_what_is_taken_out(answer: str, prompt: str, left: str) -> None:
    assert without_echo.answers_without_echo(TextRows.of([answer], prompt=[prompt])) == [left]


@pytest.mark.parametrize(
    ("answer", "prompt", "share", "run"),
    [
        ("a b c d e", "a b c d e", 1.0, 5),
        ("a b c d e", "x a b c d y", 0.5, 4),
        ("a b c", "a b c", 0.0, 3),
        ("", "a b c", 0.0, 0),
        ("a b c d", "d c b a", 0.0, 1),
        ("ab cd", "xab cdx", 0.0, 0),
        ("A, b; C d", "a b c d", 1.0, 4),
    ],
)
def test_share_and_longest_run(answer: str, prompt: str, share: float, run: int) -> None:
    rows = TextRows.of([answer], answer and prompt, prompt=[prompt])
    assert echo.prompt_echo(rows).values.tolist() == [share]
    assert echo.prompt_echo_run(rows).values.tolist() == [run]
    assert answer == "" or echo.reference_echo(rows).values.tolist() == [share]


@given(*[st.lists(st.sampled_from("abc"), max_size=12)] * 2)
def test_the_longest_run_is_that_of_all_runs(answer, prompt):
    runs = {tuple(prompt[i:j]) for j in range(len(prompt) + 1) for i in range(j)}
    longest = max(
        (j - i for j in range(len(answer) + 1) for i in range(j) if tuple(answer[i:j]) in runs), default=0
    )
    assert echo._longest(answer, prompt) == longest


SAID = st.lists(st.sampled_from(["one", "TWO", "drei", "四", "-"]), max_size=30)


@given(SAID, SAID)
def test_no_long_run_of_the_prompt_is_left_within_what_was_one_piece(answer, prompt):
    text = " ".join(answer)
    (left,) = without_echo.answers_without_echo(TextRows.of([text], prompt=[" ".join(prompt)]))
    assert len(words(left)) <= len(words(text))
    if len(words(" ".join(prompt))) < 4:
        assert left == text


def test_without_a_prompt_there_is_no_value_and_it_says_so() -> None:
    rows = TextRows.of(["a mug", "a mug"], "a mug", "a mug", prompt=[None, "Describe a mug"])
    for scorer in (echo.prompt_echo, echo.prompt_echo_run, *without_echo.WITHOUT_ECHO.values()):
        scored = scorer(rows)
        assert isinstance(scored, Scored)
        assert np.isnan(scored.values[0]).all()
        assert scored.problems[0] is not None


def test_huge_texts_end(huge: TextRows) -> None:
    assert np.isfinite(echo.prompt_echo(huge).values).all()
    assert echo.prompt_echo_run(huge).values.min() >= 0
    assert len(without_echo.answers_without_echo(huge)) == huge.n
