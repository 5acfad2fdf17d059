"""Words piece by piece, against NLTK's own splitting of the whole text."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nltk.tokenize.destructive import NLTKWordTokenizer

from evaluation.text.nltk_words import NltkWords

# What NLTK's rules speak of, beside words and every kind of space.
SIGNS = list(".,:;'\"`()[]{}<>?!@#$%&*\u00ab\u00bb\u201c\u201d\u2018\u2019\u201e\u2014-_ \n")
PARTS = [
    *SIGNS,
    *SIGNS,
    " ",
    " ",
    "\t",
    "\x1c",
    "\xa0",
    "\u2028",
    "a",
    "\u0130",
    "\u8336",
    "1",
    "2.5",
    "''",
    "...",
    "--",
]
WORDS = ["1", "cannot", "Gonna", "wanna", "'tis", "d'ye", "more'n", "isn't", "'s", "'ll", "'RE"]
TEXTS = st.lists(st.sampled_from(PARTS + WORDS), max_size=14).map("".join)


@settings(max_examples=400, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=4))
def test_pieces_make_the_words_of_the_whole(texts: list[str]) -> None:
    split, whole = NltkWords(), NLTKWordTokenizer()
    assert [split(text) for text in texts] == [whole.tokenize(text) for text in texts]


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "one",
        "It ends here. )",
        "Sorry, gimme! Size 5: big; so? Yes,",
        "Not etc. in between.  ",
        "It ends here. 'so' \" ”",
        "'Tis said, \"as is\", 'tis so'",
        "a, b,\nc: d;\te.",
        "''quoted'' at once",
        "a 'b' c\n\"d\" e",
        "I cannot. You wanna? We gonna!",
    ],
)
def test_texts_that_rules_for_whole_texts_speak_of(text: str) -> None:
    assert NltkWords()(text) == NLTKWordTokenizer().tokenize(text)
