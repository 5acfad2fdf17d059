import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.hygiene.duplicates import repeats
from evaluation.hygiene.words import words_of

LONG = "a red mug with the retrospot pattern ready for tea or coffee on a cold morning in the garden"


@pytest.mark.parametrize(
    ("texts", "exact", "near"),
    [
        ([LONG, LONG.upper() + "!"], [-1, 0], [-1, -1]),
        ([LONG, LONG + " today"], [-1, -1], [-1, 0]),
        ([LONG, LONG.replace("red", "blue")], [-1, -1], [-1, -1]),
        (["mug", "Mug", "mugs"], [-1, 0, -1], [-1, -1, -1]),
        (["", " ", "..."], [-1, -1, -1], [-1, -1, -1]),
        ([], [], []),
        (["ﬁne mug", "fine mug"], [-1, 0], [-1, -1]),
        ([LONG, LONG + " today", LONG + " today and on"], [-1, -1, -1], [-1, 0, 0]),
    ],
)
def test_texts_that_repeat_an_earlier_one(texts: list[str], exact: list[int], near: list[int]) -> None:
    found = repeats(texts)
    assert (found.exact.tolist(), found.near.tolist()) == (exact, near)


def test_near_ones_are_those_with_so_many_triples_in_common() -> None:
    random = np.random.default_rng(4)
    vocabulary = np.array([f"word{n}" for n in range(500)])
    first = [random.choice(vocabulary, 40).tolist() for _ in range(150)]
    second = [
        [*words[:place], "other", *words[place + 1 :]]
        for words, place in zip(first, random.integers(0, 40, 150), strict=True)
    ]
    texts = [" ".join(words) for words in [*first, *second]]

    def triples(text: str) -> set[tuple[str, ...]]:
        words = words_of(text)
        return {tuple(words[place : place + 3]) for place in range(len(words) - 2)}

    alike = [
        len(triples(a) & triples(b)) / len(triples(a) | triples(b))
        for a, b in zip(texts, texts[150:], strict=False)
    ]
    found = repeats(texts, near=0.8).near[150:] >= 0
    expected = np.array(alike) >= 0.8
    assert expected.sum() > 100
    # Hashing may miss one in a hundred, and never takes one for alike that is not.
    assert not (found & ~expected).any()
    assert (found & expected).sum() >= 0.98 * expected.sum()


@given(st.lists(st.text(alphabet="ab c.", max_size=8), max_size=8))
def test_equal_words_are_exact_repeats(texts: list[str]) -> None:
    found = repeats(texts).exact
    for row, text in enumerate(texts):
        earlier = [words_of(each) for each in texts[:row]]
        assert (found[row] >= 0) == (words_of(text) in earlier and bool(words_of(text)))
