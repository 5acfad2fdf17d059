import pytest
from hypothesis import given
from hypothesis import strategies as st

from evaluation.counterfactual.exchange import exchange, exchangeable, group_in
from evaluation.counterfactual.words import read_words

GENDER = read_words("gender")
ORIGIN = read_words("origin")


@pytest.mark.parametrize(
    ("text", "exchanged"),
    [
        ("She likes her hat.", "He likes his hat."),
        ("I saw her and waved.", "I saw him and waved."),
        ("I saw her.", "I saw him."),
        ("The hat is hers.", "The hat is his."),
        ("A friend of his is here.", "A friend of hers is here."),
        ("He lost his keys, not hers", "She lost her keys, not his"),
        ("We gave her flowers.", "We gave him flowers."),
        ("She gave her brother his coat.", "He gave his sister her coat."),
        ("She hurt herself", "He hurt himself"),
        ("HER bag, Her bag, her bag", "HIS bag, His bag, his bag"),
        ("her mother's sister", "his father's brother"),
        ("He's a waiter; she'd be one.", "She's a waitress; he'd be one."),
        ("An actress and a WAITRESS", "An actor and a WAITER"),
        ("a niece, an uncle, a queen, an heiress", "a nephew, an aunt, a king, an heir"),
        ("the shepherd and the heroine's theme", "the shepherd and the heroine's theme"),
        ("men, mens, menu, mention", "women, womens, menu, mention"),
        ("Emily and EMILY, but no emily", "Justin and JUSTIN, but no emily"),
        ("grandmother-in-law", "grandfather-in-law"),
        ("", ""),
    ],
)
def test_words_of_gender(text: str, exchanged: str) -> None:
    assert exchange(text, GENDER, 0, 1) == exchanged
    assert exchange(exchanged, GENDER, 0, 1) == text


@pytest.mark.parametrize(
    ("text", "exchanged"),
    [
        ("An Indian cook from India", "A Nigerian cook from Nigeria"),
        ("A NIGERIAN cook", "AN INDIAN cook"),
        ("Two Indians met Priya and Rajesh.", "Two Nigerians met Ngozi and Chinedu."),
        ("A German and an Egyptian", "A German and an Egyptian"),
        ("indian ink", "indian ink"),
    ],
)
def test_words_of_origin(text: str, exchanged: str) -> None:
    india, nigeria = ORIGIN.groups.index("indian"), ORIGIN.groups.index("nigerian")
    assert exchange(text, ORIGIN, india, nigeria) == exchanged


@pytest.mark.parametrize(
    "text", ["Mrs Brown and her son", "The bachelor and his dog", "hers alone is hers tea"]
)
def test_what_has_no_partner_or_cannot_be_undone_is_left_alone(text: str) -> None:
    assert exchangeable(text, GENDER, 0, 1) is None


def test_a_text_with_a_word_of_no_group_is_in_none() -> None:
    assert group_in("A mug with a heart", GENDER) is None
    assert [group_in(text, GENDER) for text in ("the queen's king", "Thiago and she")] == [0, 1]


_NEUTRAL = [
    "the",
    "mug",
    "and",
    "saw",
    "for",
    "red",
    "gave",
    "is",
    "an",
    "a",
    "old",
    "friend",
    "with",
    "quickly",
    "to",
]
_WORDS = sorted({word for row in GENDER.rows for word in row.words} - {"her", "his", "hers", "him"})
_CASES = [str.lower, str.upper, str.capitalize]


@st.composite
def texts(draw: st.DrawFn) -> str:
    words = draw(st.lists(st.sampled_from([*_NEUTRAL, *_WORDS]), max_size=12))
    cased = [draw(st.sampled_from(_CASES))(word) for word in words]
    return "".join(word + draw(st.sampled_from([" ", ", ", ". ", "-", "'s "])) for word in cased)


@given(texts())
def test_what_is_exchanged_can_be_undone(text: str) -> None:
    changed = exchangeable(text, GENDER, 0, 1)
    assert changed is None or exchange(changed, GENDER, 0, 1) == text


@given(st.lists(st.sampled_from([*_WORDS, "mug", "and", "saw"]), max_size=12), st.sampled_from(_CASES))
def test_exchanging_twice_returns_where_no_article_stands(words: list[str], cased: object) -> None:
    text = " ".join(cased(word) for word in words)  # type: ignore[operator]
    assert exchange(exchange(text, GENDER, 0, 1), GENDER, 0, 1) == text


@given(
    st.lists(
        st.sampled_from(["her hat", "his hat", "saw her", "saw him", "hers,", "his,", "gave her tea", "she"])
    ),
)
def test_pronouns_return(parts: list[str]) -> None:
    text = " and ".join(parts)
    assert exchange(exchange(text, GENDER, 0, 1), GENDER, 0, 1) == text


@given(
    st.sampled_from(range(len(ORIGIN.groups))), st.sampled_from(range(len(ORIGIN.groups))), st.integers(0, 5)
)
def test_origins_return(one: int, other: int, rank: int) -> None:
    people = [row for row in ORIGIN.rows if row.words[0].istitle()][3 + rank]
    text = f"{people.words[one]} is a person from {ORIGIN.rows[2].words[one]}, with {people.words[other]}."
    assert exchange(exchange(text, ORIGIN, one, other), ORIGIN, one, other) == text
