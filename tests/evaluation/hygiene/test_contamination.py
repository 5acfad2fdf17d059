import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.hygiene.contamination import shared_ngrams
from evaluation.hygiene.words import words_of

EIGHT = "one two three four five six seven eight"


@pytest.mark.parametrize(
    ("texts", "shown", "found"),
    [
        ([f"Well, {EIGHT}!"], [f"... {EIGHT.upper()} nine"], [True]),
        ([EIGHT.replace("four", "4")], [EIGHT], [False]),
        (["one two three four"], ["One, two: three four."], [True]),
        (["one two three"], ["one two three"], [False]),
        (["one two three four"], [EIGHT], [False]),
        ([EIGHT, "x"], [], [False, False]),
        ([], [EIGHT], []),
        # Eight words in a row of which some end one text and the others begin the next.
        ([EIGHT], ["one two three four", "five six seven eight"], [False]),
    ],
)
def test_so_many_words_in_a_row(texts: list[str], shown: list[str], found: list[bool]) -> None:
    assert shared_ngrams(texts, shown).tolist() == found


@given(
    st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=5),
    st.lists(st.lists(st.sampled_from("abc"), max_size=9), max_size=5),
)
def test_against_sets_of_words(mine: list[list[str]], shown: list[list[str]]) -> None:
    texts, others = ([" ".join(words) for words in part] for part in (mine, shown))
    known = {tuple(words[at : at + 5]) for words in shown for at in range(len(words) - 4)} | {
        tuple(words) for words in shown if len(words) >= 4
    }
    expected = [
        any(tuple(words[at : at + 5]) in known for at in range(len(words) - 4))
        or (len(words) >= 4 and words in shown)
        for words in map(words_of, texts)
    ]
    assert shared_ngrams(texts, others, 5).tolist() == expected
