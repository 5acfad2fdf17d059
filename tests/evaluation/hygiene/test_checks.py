import json

import numpy as np
import pytest

from evaluation.errors import UserError
from evaluation.hygiene.checks import Texts, check_texts
from evaluation.hygiene.config import HygieneConfig
from evaluation.hygiene.filters import other_language, other_length, personal
from evaluation.hygiene.finding import Finding, Hits, finding
from evaluation.types import Verdict

GERMAN = "Dieser Becher ist rot und steht jeden Morgen auf dem Tisch in der Küche."
ENGLISH = "This mug is red and stands on the kitchen table every single morning."


def found(texts: Texts, **given: object) -> dict[str, Finding]:
    return {each.name: each for each in check_texts(texts, HygieneConfig.model_validate(given))}


def test_clean_texts_pass_every_check() -> None:
    texts = Texts(
        {"title": ["a blue mug"], "text": [GERMAN]}, {"title": ["a red cup"], "text": [ENGLISH]}, "text"
    )
    checks = found(texts, words=[5, 30])
    assert list(checks) == ["text duplicates", "text contamination", "personal data", "text length"]
    assert {each.verdict for each in checks.values()} == {Verdict.PASS}


def test_repeats_are_told_by_where_and_how() -> None:
    long = ENGLISH + " It is washed by hand."
    texts = Texts(
        {"text": [ENGLISH, long]}, {"text": [ENGLISH.upper(), long + " Yes", "a b c d", "A b c d!"]}
    )
    check = found(texts)["text duplicates"]
    assert check.verdict is Verdict.FAIL
    assert check.message == (
        "1 of 4 holdout rows repeat a train row word for word; 1 of 4 holdout rows nearly repeat a train row; "
        "1 of 4 holdout rows repeat an earlier one, or nearly"
    )
    assert [each["first"] for each in check.detail["found"].values()] == [[0], [1], [3]]
    assert found(texts, repeated_at_most=0.3)["text duplicates"].verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (
            Texts({"t": ["x"]}, {"t": [ENGLISH]}, "t", {"the prompt": [f"Example: {ENGLISH}"]}),
            "with the prompt",
        ),
        (Texts({"t": [ENGLISH]}, {"t": [f"{ENGLISH} Really."]}, "t"), "with train"),
        (
            Texts({"q": ["x"], "t": ["x"]}, {"q": [ENGLISH], "t": ["y"]}, "t", corpus=[ENGLISH]),
            "with the corpus",
        ),
    ],
)
def test_contamination_is_told_by_its_source(texts: Texts, message: str) -> None:
    check = found(texts)["text contamination"]
    assert check.verdict is Verdict.FAIL
    assert message in check.message


def test_references_may_stand_in_the_corpus() -> None:
    texts = Texts({"q": ["x"], "t": ["x"]}, {"q": ["What is it?"], "t": [ENGLISH]}, "t", corpus=[ENGLISH])
    assert found(texts)["text contamination"].verdict is Verdict.PASS


def test_personal_data_is_counted_and_never_repeated() -> None:
    texts = Texts({"t": ["x", "call +49 30 12345678"]}, {"t": ["mail ann@example.org", "y"]})
    check = found(texts)["personal data"]
    assert check.verdict is Verdict.FAIL
    said = check.message + json.dumps(check.detail, allow_nan=False)
    assert "example.org" not in said
    assert "12345678" not in said
    assert check.detail["found"]["t texts in holdout hold personal data (email)"]["first"] == [0]
    assert check.detail["found"]["t texts in train hold personal data (phone)"]["first"] == [1]


def test_language_is_told_of_long_texts_only() -> None:
    texts = Texts({"t": [ENGLISH, "Becher"]}, {"t": [ENGLISH, GERMAN, "Becher"]})
    check = found(texts, language="en")["text language"]
    assert check.message == "1 of 2 t texts in holdout are not in 'en'"
    assert check.detail["found"]["t texts in holdout are not in 'en'"]["first"] == [1]
    assert found(Texts({"t": ["a"]}, {"t": ["b"]}), language="en")["text language"].message == (
        "no text is long enough to tell"
    )


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(UserError, match="unknown language 'klingon'"):
        other_language([ENGLISH], "klingon")


def test_only_references_are_held_to_a_length() -> None:
    texts = Texts({"title": ["x"], "t": [ENGLISH]}, {"title": ["y"], "t": [GERMAN]}, "t")
    assert found(texts, words=[5, 30])["text length"].verdict is Verdict.PASS
    assert found(texts, words=[1, 5])["text length"].verdict is Verdict.FAIL


def test_filters_of_no_texts() -> None:
    assert personal([]) == {}
    assert other_length([], 1, 2).tolist() == []
    assert other_language([], "en")[0].tolist() == []


def test_a_share_at_the_bound_passes_and_ten_rows_are_named() -> None:
    hits = Hits("rows", np.ones(50, dtype=np.bool_), "are bad", np.arange(50) * 2)
    assert finding("x", [hits], 1.0, "fine").verdict is Verdict.PASS
    check = finding("x", [hits], 0.99, "fine")
    assert check.verdict is Verdict.FAIL
    assert check.detail["found"]["rows are bad"]["first"] == [0, 2, 4, 6, 8, 10, 12, 14, 16, 18]
    assert finding("x", [], 0.0, "fine").message == "fine"


@pytest.mark.parametrize("given", [{"words": [5, 1]}, {"near": 0.2}, {"ngram": 3}, {"personal_at_most": 2}])
def test_settings_out_of_range_are_refused(given: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(given))):
        HygieneConfig.model_validate(given)
