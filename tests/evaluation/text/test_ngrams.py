"""Runs of words, against counters."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation.text import ngrams
from evaluation.text.ngrams import distinct, shared, standing

WORDS = st.lists(st.sampled_from([0, 1, 2, 3, 1_114_111]), max_size=12).map(
    lambda found: np.array(found, dtype=np.int64)
)
ROWS = st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=3)), max_size=6)
PAIRS = st.lists(st.tuples(WORDS, st.lists(WORDS, max_size=1)), max_size=6)


def counted(text: np.ndarray, n: int) -> Counter[tuple[int, ...]]:
    words = text.tolist()
    return Counter(tuple(words[i : i + n]) for i in range(len(words) - n + 1))


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ngrams, "_BLOCK", 20)


@settings(max_examples=80)
@given(ROWS | PAIRS, st.sampled_from([63, 20]))
def test_runs_that_texts_share(rows, bits):
    """With few bits to a number, runs must be numbered anew at every length."""
    kept, ngrams._BITS = ngrams._BITS, bits
    try:
        found = shared([answer for answer, _ in rows], [others for _, others in rows], 5)
    finally:
        ngrams._BITS = kept
    for (answer, others), got in zip(rows, found, strict=True):
        for n in range(1, 6):
            most: Counter[tuple[int, ...]] = Counter()
            for other in others:
                most |= counted(other, n)
            assert got[n - 1] == (counted(answer, n) & most).total()


@settings(max_examples=40)
@given(st.lists(WORDS, max_size=6), st.integers(1, 5))
def test_different_runs(texts, n):
    assert distinct(texts, n).tolist() == [len(counted(text, n)) for text in texts]


@settings(max_examples=40)
@given(ROWS, st.integers(1, 5))
def test_runs_that_stand_elsewhere(rows, n):
    found = standing([answer for answer, _ in rows], [others for _, others in rows], n)
    assert len(found) == len(rows)
    for (answer, others), got in zip(rows, found, strict=True):
        elsewhere = {run for other in others for run in counted(other, n)}
        words = answer.tolist()
        assert got.tolist() == [tuple(words[i : i + n]) in elsewhere for i in range(len(words) - n + 1)]
