"""Texts split piece by piece, against each way to split the whole of them."""

from collections.abc import Callable, Sequence

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from evaluation.text.rows import TextRows
from evaluation.text.words import Numbered, bleu_words, rouge_words, squad_words, words

SIGNS = [*".,:;-'\"&$%()[]{}<>/\\_^~`!?+=|@#*", "&amp;", "&quot;", "<skipped>", "--", "..."]
SPACES = [" ", " ", " ", "\n", "-\n", "\t", "\r\n", "\x1c", "\x85", "\xa0", "\u2028", "\u3000"]
LETTERS = ["a", "The", "an", "B", "1", "2.5", "1,000"]
LETTERS += ["\u03a3", "\u0130", "\u00df", "\u8336", "\u0e01", "\ud800", "\u0301"]
TEXTS = st.lists(st.sampled_from(SIGNS + SPACES * 2 + LETTERS * 2), max_size=16).map("".join)


@pytest.mark.parametrize("split", [words, squad_words, rouge_words, bleu_words])
@settings(max_examples=300, deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
@example(["one-<skipped>\ntwo", "one- two", "one-\ntwo", "a<skipped> b"])
def test_pieces_make_the_words_of_the_whole(split: Callable[[str], Sequence[str]], texts: list[str]) -> None:
    numbers: dict[str, int] = {}
    whole = [[numbers.setdefault(word, len(numbers)) for word in split(text)] for text in texts]
    assert [found.tolist() for found in Numbered(split)(texts)] == whole


def test_all_ways_to_split_agree_on_texts_of_every_kind(cases: TextRows) -> None:
    texts = [*cases.answers, *(text for several in cases.references for text in several)]
    for split in (words, squad_words, rouge_words, bleu_words):
        number = Numbered(split)
        assert [len(found) for found in number(texts)] == [len(split(text)) for text in texts]
