"""BM25 against the formula written out word by word."""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mlops.generation.retrieval.bm25 import BM25

WORDS = st.lists(st.sampled_from(["whale", "ship", "captain", "sea", "leg"]), max_size=8).map(" ".join)


def written_out(texts: list[str], query: str) -> list[float]:
    counts = [Counter(text.split()) for text in texts]
    mean = sum(map(Counter.total, counts)) / len(texts)
    found = []
    for count in counts:
        total = 0.0
        for word in set(query.split()):
            with_word = sum(word in other for other in counts)
            if count[word]:
                rarity = math.log(1 + (len(texts) - with_word + 0.5) / (with_word + 0.5))
                length = 1 - 0.75 + 0.75 * count.total() / mean
                total += rarity * count[word] * 2.2 / (count[word] + 1.2 * length)
        found.append(total)
    return found


@settings(max_examples=60, deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), WORDS)
def test_agrees_with_the_formula(texts: list[str], query: str) -> None:
    scores = BM25.of(texts).scores([query])[0]
    assert scores == pytest.approx(written_out(texts, query), rel=1e-5)


@pytest.mark.parametrize("query", ["EMILIE?", "Émilie", "who is émilie"])
def test_case_accents_and_punctuation_do_not_matter(query: str) -> None:
    scores = BM25.of(["Émilie, the bride", "the groom"]).scores([query])[0]
    assert scores[0] > 0 == scores[1]


@pytest.mark.parametrize("query", ["", "  ", "?!", "unheard"])
def test_a_question_without_known_words_finds_nothing(query: str) -> None:
    assert not BM25.of(["a whale", "a ship"]).scores([query]).any()


def test_texts_without_words_are_never_found() -> None:
    assert not BM25.of(["...", "- -"]).scores(["whale", "..."]).any()


def test_what_is_kept_answers_the_same(tmp_path) -> None:
    words = BM25.of(["a white whale", "the ship", "Ünïcode"])
    words.save(tmp_path)
    asked = ["white ship", "unicode"]
    np.testing.assert_array_equal(BM25.load(tmp_path).scores(asked), words.scores(asked))
