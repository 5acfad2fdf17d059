"""The form of answers."""

import json
import math
import urllib.request
from pathlib import Path

import jsonschema
import numpy as np
import pytest
from pydantic import ValidationError

from evaluation.errors import UserError
from evaluation.text import form
from evaluation.text.config import TextConfig
from evaluation.text.rows import TextRows

SCHEMA = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "price": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
# (text, is it JSON)
TEXTS = [
    ('{"name": "mug", "price": 3}', True),
    ('{"name": "mug", "price": 3.0}', True),
    ('{"name": "mug", "price": 3.5}', True),
    (' {"name": "mug"}\n', True),
    ('{"price": 3}', True),
    ('{"name": "mug", "colour": "red"}', True),
    ("[]", True),
    ("null", True),
    ('"text"', True),
    ("-0.5e3", True),
    ("9" * 10_000, True),
    ('{"name": "\\ud800"}', True),
    ('{"name": "mug",}', False),
    ("{'name': 'mug'}", False),
    ('```json\n{"name": "mug"}\n```', False),
    ('{"name": "mug"} and more', False),
    ("NaN", False),
    ("[Infinity]", False),
    ("", False),
    ('{"name": "a\nb"}', False),
    ("[" * 100_000, False),
]


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    (tmp_path / "answer.json").write_text(json.dumps(SCHEMA), encoding="utf-8-sig")
    return tmp_path / "answer.json"


def test_json_and_schema(schema: Path) -> None:
    answers = [text for text, _ in TEXTS]
    rows = TextRows.of(answers, settings=TextConfig(json_schema=str(schema)))
    assert form.valid_json(rows).tolist() == [float(valid) for _, valid in TEXTS]
    for (text, valid), found in zip(TEXTS, form.valid_by_schema(rows), strict=True):
        short = valid and len(text) < 100
        assert found == float(short and jsonschema.Draft202012Validator(SCHEMA).is_valid(json.loads(text)))


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        ("Title: A mug\nText: It is red.", True),
        ("\nTitle: A mug\nText: It is red.\n", True),
        ("Sure! Title: A mug\nText: It is red.", False),
        ("Title: A mug\nText: It is red.\n\nAnything else?", False),
        ("Title: \nText: red", False),
        ("", False),
    ],
)
def test_the_policys_own_form(answer: str, kept: bool) -> None:
    settings = TextConfig(pattern="Title: .+\nText: .+")
    assert form.matches_pattern(TextRows.of([answer], settings=settings)).tolist() == [float(kept)]


def test_a_pattern_that_is_none_is_the_users_mistake() -> None:
    with pytest.raises(ValidationError, match="no regular expression: missing"):
        TextConfig(pattern="(a")


@pytest.mark.parametrize("text", ["no json", '{"type": 3}', '"text"', "[]", '{"$schema": 7}'])
def test_a_schema_that_is_none_is_the_users_mistake(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.json").write_text(text)
    with pytest.raises(UserError, match="json_schema"):
        form.valid_by_schema(TextRows.of(["{}"], settings=TextConfig(json_schema=str(tmp_path / "s.json"))))
    with pytest.raises(UserError, match="json_schema"):
        form.valid_by_schema(
            TextRows.of(["{}"], settings=TextConfig(json_schema=str(tmp_path / "none.json")))
        )


def test_a_schema_elsewhere_is_not_fetched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    monkeypatch.setattr(urllib.request, "urlopen", asked.append)
    (tmp_path / "s.json").write_text('{"$ref": "http://127.0.0.1:9/s.json"}')
    rows = TextRows.of(["{}"], settings=TextConfig(json_schema=str(tmp_path / "s.json")))
    with pytest.raises(Exception, match="Unresolvable"):
        form.valid_by_schema(rows)
    assert asked == []


@pytest.mark.parametrize(
    ("answer", "words", "characters", "repeated", "empty"),
    [
        ("", 0, 0, 0.0, 1),
        (" \n\t", 0, 3, 0.0, 1),
        ("a mug", 2, 5, 0.0, 0),
        ("...", 0, 3, 0.0, 0),
        ("a b c d a b c d", 8, 15, 0.2, 0),
        ("word " * 20_000, 20_000, 100_000, 1 - 1 / 19_997, 0),
        ("杯子 mug", 3, 6, 0.0, 0),
        ("😀", 0, 1, 0.0, 0),
        ("\ud800x", 1, 2, 0.0, 0),
    ],
)
def test_length_and_repetition(answer: str, words: int, characters: int, repeated: float, empty: int) -> None:
    rows = TextRows.of([answer], settings=TextConfig(words=(2, 8)))
    assert form.answer_words(rows).tolist() == [words]
    assert form.answer_characters(rows).tolist() == [characters]
    assert form.length_within_bounds(rows).tolist() == [float(2 <= words <= 8)]
    assert form.repetition(rows) == pytest.approx([repeated], abs=1e-12)
    assert form.empty_answers(rows).tolist() == [empty]


LANGUAGES = [
    ("This lovely mug keeps your tea warm through the whole afternoon.", "en"),
    ("Diese schöne Tasse hält den Tee den ganzen Nachmittag lang warm.", "de"),
    ("Cette jolie tasse garde votre thé au chaud tout l'après-midi.", "fr"),
    ("Эта чудесная кружка сохранит ваш чай горячим весь день.", "ru"),
    ("هذا الكوب الجميل يحافظ على دفء الشاي طوال اليوم", "ar"),
    ("这个可爱的杯子可以让你的茶整个下午都保持温暖。", "zh"),
    ("123 !!! 😀", None),
    ("", None),
]


@pytest.mark.parametrize("wanted", ["en", "de", "fr", "ru", "ar", "zh"])
def test_language(wanted: str) -> None:
    rows = TextRows.of([text for text, _ in LANGUAGES], settings=TextConfig(language=wanted))
    assert form.language_as_expected(rows).tolist() == [
        float(language == wanted) for _, language in LANGUAGES
    ]


@pytest.mark.parametrize("language", ["xx", "english"])
def test_an_unknown_language_is_the_users_mistake(language: str) -> None:
    with pytest.raises(UserError, match=r"texts\.language(.|\n)*one of .*en"):
        form.language_as_expected(TextRows.of(["a"], settings=TextConfig(language=language)))


@pytest.mark.parametrize(
    "scorer",
    [form.length_within_bounds, form.valid_by_schema, form.matches_pattern, form.language_as_expected],
)
def test_what_the_policy_does_not_say_is_asked_for(scorer) -> None:
    with pytest.raises(UserError, match=r"in weighbridge\.yaml"):
        scorer(TextRows.of(["a"]))


def test_huge_texts_end(huge: TextRows) -> None:
    rows = TextRows.of(huge.answers, settings=TextConfig(language="en", words=(1, 2)))
    for scorer in (form.repetition, form.valid_json, form.language_as_expected, form.length_within_bounds):
        assert np.isfinite(scorer(rows)).all()
    assert math.isfinite(form.answer_words(rows).sum())
