"""The form of an answer, whatever it says."""

import json
import math
import re
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.errors import UserError
from evaluation.text.declare import mean_of, share_of
from evaluation.text.ngrams import distinct
from evaluation.text.references import lengths
from evaluation.text.rows import TextRows
from evaluation.text.words import numbered, words
from evaluation.types import FloatArray

# Words of the runs whose repetition is counted.
_RUN = 4
# Digits above which Python refuses to read a whole number.
_DIGITS = 4000
_BROKEN = object()


def answer_words(rows: TextRows) -> FloatArray:
    """Words of an answer; of Chinese, Japanese and Thai the characters.

    >>> answer_words(TextRows.of(["A blue mug.", ""]))
    array([3., 0.])
    """
    return lengths(numbered(rows, words)(rows.answers)).astype(np.float64)


def answer_characters(rows: TextRows) -> FloatArray:
    """Characters of an answer.

    >>> answer_characters(TextRows.of(["A mug."]))
    array([6.])
    """
    return np.array([len(answer) for answer in rows.answers], dtype=np.float64)


def length_within_bounds(rows: TextRows) -> FloatArray:
    """Share of answers with as many words as `texts.words` allows.

    Raises UserError where the policy sets no bounds.

    >>> from dataclasses import replace
    >>> from evaluation.text.config import TextConfig
    >>> length_within_bounds(replace(TextRows.of(["a mug", "mug"]), settings=TextConfig(words=(2, 9))))
    array([1., 0.])
    """
    if rows.settings.words is None:
        raise _unset("length_within_bounds", "words", "[20, 120]")
    fewest, most = rows.settings.words
    found = answer_words(rows)
    return ((found >= fewest) & (found <= most)).astype(np.float64)


def empty_answers(rows: TextRows) -> FloatArray:
    """Share of answers without a letter, a digit or any other sign.

    >>> empty_answers(TextRows.of(["a mug", " \\n"]))
    array([0., 1.])
    """
    return np.array([not answer.strip() for answer in rows.answers], dtype=np.float64)


def repetition(rows: TextRows) -> FloatArray:
    """Share of an answer's runs of four words that came before in it; 0 for an answer of fewer words.

    Source: Welleck et al. 2020, "Neural text generation with unlikelihood training" (seq-rep-4).

    >>> repetition(TextRows.of(["so very very good so very very good", "a mug"]))
    array([0.2, 0. ])
    """
    texts = numbered(rows, words)(rows.answers)
    runs = np.maximum(lengths(texts) - _RUN + 1, 0)
    return np.where(runs > 0, 1 - distinct(texts, _RUN) / np.maximum(runs, 1), 0.0)


def valid_json(rows: TextRows) -> FloatArray:
    """Share of answers that are JSON and nothing else.

    >>> valid_json(TextRows.of(['{"a": [1, 2]}', '{"a": NaN}', "```json"]))
    array([1., 0., 0.])
    """
    return np.array([_parsed(answer) is not _BROKEN for answer in rows.answers], dtype=np.float64)


def valid_by_schema(rows: TextRows) -> FloatArray:
    """Share of answers that are JSON as the schema of `texts.json_schema` wants it.

    References in the schema to other documents are not followed. Raises UserError where the policy names no
    schema, or one that is none.

    >>> valid_by_schema(TextRows.of(["{}"]))
    Traceback (most recent call last):
    evaluation.errors.UserError: valid_by_schema needs texts.json_schema
      expected: for instance answer.schema.json
      next: set texts.json_schema in weighbridge.yaml
    """
    if rows.settings.json_schema is None:
        raise _unset("valid_by_schema", "json_schema", "answer.schema.json")
    validator = _validator(Path(rows.settings.json_schema))
    return np.array([_is_valid(validator, _parsed(answer)) for answer in rows.answers], dtype=np.float64)


def matches_pattern(rows: TextRows) -> FloatArray:
    """Share of answers that the regular expression of `texts.pattern` describes from beginning to end.

    White space around an answer does not count. Raises UserError where the policy has none.

    >>> from dataclasses import replace
    >>> from evaluation.text.config import TextConfig
    >>> answers = ["Title: A mug\\n", "A mug"]
    >>> matches_pattern(replace(TextRows.of(answers), settings=TextConfig(pattern="Title: .+")))
    array([1., 0.])
    """
    if rows.settings.pattern is None:
        raise _unset("matches_pattern", "pattern", "'[A-Z].*[.]'")
    described = re.compile(rows.settings.pattern).fullmatch
    return np.array([described(answer.strip()) is not None for answer in rows.answers], dtype=np.float64)


def language_as_expected(rows: TextRows) -> FloatArray:
    """Share of answers that py3langid takes for the language of `texts.language`; unsure below some ten words.

    An answer without a letter is in no language. Raises UserError where the policy names no language, or one
    that py3langid does not know.

    >>> from dataclasses import replace
    >>> from evaluation.text.config import TextConfig
    >>> answers = ["This mug keeps your tea warm all day.", "Diese Tasse macht den Tee nicht kalt."]
    >>> language_as_expected(replace(TextRows.of(answers), settings=TextConfig(language="en")))
    array([1., 0.])
    """
    wanted = rows.settings.language
    if wanted is None:
        raise _unset("language_as_expected", "language", "en")
    classify, known = _identifier()
    if wanted not in known:
        raise UserError(
            f"texts.language: {wanted} is none of the languages that can be told",
            expected=f"one of {', '.join(sorted(known))}",
            next_step="correct texts.language in weighbridge.yaml",
        )
    found = [classify(answer)[0] if any(map(str.isalpha, answer)) else None for answer in rows.answers]
    return np.array([language == wanted for language in found], dtype=np.float64)


@lru_cache(maxsize=1)
def _identifier() -> tuple[Callable[[str], tuple[str, float]], frozenset[str]]:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    identifier = LanguageIdentifier.from_model_file(MODEL_FILE)
    return identifier.classify, frozenset(identifier.labels)


def _parsed(text: str) -> Any:
    """What a text of JSON says, `_BROKEN` where it is none."""
    try:
        return json.loads(text, parse_int=_whole, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return _BROKEN


def _whole(digits: str) -> int | float:
    return int(digits) if len(digits) < _DIGITS else math.inf


def _no_constant(name: str) -> None:
    msg = f"{name} is no JSON"
    raise ValueError(msg)


@lru_cache(maxsize=4)
def _validator(path: Path) -> Any:
    from jsonschema import SchemaError
    from jsonschema.validators import validator_for
    from referencing import Registry

    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
        validator = validator_for(schema)
        validator.check_schema(schema)
    except (OSError, ValueError, SchemaError, TypeError, AttributeError) as error:
        raise UserError(
            f"texts.json_schema: {path} is no JSON schema: {str(error).splitlines()[0]}",
            expected="a file with a JSON schema",
            next_step="correct texts.json_schema in weighbridge.yaml, or the file",
        ) from error
    # Without a way to fetch them, documents elsewhere are errors.
    return validator(schema, registry=Registry())


def _is_valid(validator: Any, value: Any) -> bool:
    if value is _BROKEN:
        return False
    try:
        return bool(validator.is_valid(value))
    except RecursionError:
        return False


def _unset(metric: str, setting: str, example: str) -> UserError:
    return UserError(
        f"{metric} needs texts.{setting}",
        expected=f"for instance {example}",
        next_step=f"set texts.{setting} in weighbridge.yaml",
    )


METRICS = (
    mean_of(answer_words, range=(0.0, math.inf), unit="words", ranked=False),
    mean_of(answer_characters, range=(0.0, math.inf), unit="characters", ranked=False),
    share_of(length_within_bounds),
    share_of(empty_answers, higher_is_better=False),
    mean_of(repetition, higher_is_better=False),
    share_of(valid_json),
    share_of(valid_by_schema),
    share_of(matches_pattern),
    share_of(language_as_expected),
)
