"""Documents are cut into passages that cover them whole."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mlops.generation.retrieval.documents import Documents
from mlops.generation.retrieval.passages import cut, passages_of


@pytest.mark.parametrize(
    ("text", "words", "overlap", "expected"),
    [
        ("", 3, 1, []),
        (" \n ", 3, 1, []),
        ("one", 3, 1, ["one"]),
        ("one two three", 3, 1, ["one two three"]),
        ("one  two\nthree four", 3, 0, ["one  two\nthree", "four"]),
        ("a b c d e f g", 4, 2, ["a b c d", "c d e f", "e f g"]),
    ],
)
def test_cut(text: str, words: int, overlap: int, expected: list[str]) -> None:
    assert cut(text, words, overlap) == expected


@given(st.integers(0, 60), st.integers(1, 20), st.data())
def test_each_word_is_covered_and_no_passage_lies_in_another(n: int, words: int, data: st.DataObject) -> None:
    overlap = data.draw(st.integers(0, words - 1))
    named = [f"w{i}" for i in range(n)]
    passages = [passage.split() for passage in cut(" ".join(named), words, overlap)]
    rebuilt = passages[0] if passages else []
    for passage in passages[1:]:
        assert rebuilt[len(rebuilt) - overlap :] == passage[:overlap]
        assert len(passage) > overlap
        rebuilt = rebuilt + passage[overlap:]
    assert rebuilt == named
    assert all(len(passage) <= words for passage in passages)


def test_passages_bear_the_id_of_their_document() -> None:
    table = passages_of(Documents(("x", "y"), ("a b c", "d")), words=2, overlap=0)
    assert table.rows() == [("x", 0, "a b"), ("x", 1, "c"), ("y", 0, "d")]
