"""Whether an answer states what the facts of its case do not: other numbers, colours, materials, sizes, things."""

import math
import re
import tomllib
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.errors import UserError
from evaluation.text.declare import mean_of, share_of
from evaluation.text.references import kept
from evaluation.text.rows import Scored, TextRows

_TOKEN = re.compile(r"[^\W\d_]+(?:-[^\W\d_]+)*")
_NUMBER = re.compile(r"\d+(?:[.,]\d+)*")
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?")
# Longer numbers are compared as they stand.
_DIGITS = 40
# "One" mostly stands for a thing; the others count.
_SPELLED = dict(
    zip(
        ["two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"],
        map(str, range(2, 13)),
        strict=True,
    )
)
_NO_FACTS = "the facts of the case are not known"


def fact_consistency(rows: TextRows) -> Scored:
    """Share of answers all of whose claims stand in the facts of their case.

    Claims are numbers (1,000 is 1000.0, and three is 3) and the words of attributes.toml, or of the file of
    `texts.attributes`, which name colours, materials, sizes, patterns and common goods; a plural and the other
    words of one line are the same claim. The facts are the column `texts.facts`, else the prompt. Whether a claim
    is about the same thing is not looked at, and what else is invented is not seen: ask a judge.

    >>> rows = TextRows.of(["A set of 3 red mugs.", "A blue scarf."], prompt=["SET OF THREE MUGS RED"] * 2)
    >>> fact_consistency(rows).values
    array([1., 0.])
    """
    found = invented_claims(rows)
    return Scored(np.where(np.isnan(found.values), np.nan, found.values == 0), found.problems)


@kept
def invented_claims(rows: TextRows) -> Scored:
    """Claims of an answer that the facts of its case do not have, as `fact_consistency` finds them.

    >>> invented_claims(TextRows.of(["A blue scarf for 20 euro."], prompt=["MUG RED"])).values
    array([3.])
    """
    column = rows.settings.facts
    facts = rows.prompts if column is None else [_text(value) for value in rows.column(column)]
    table = _attributes(rows.settings.attributes)
    counts = [
        len(claims(answer, table) - claims(known, table)) if known.strip() else np.nan
        for answer, known in zip(rows.answers, facts, strict=True)
    ]
    return Scored(
        np.array(counts, dtype=np.float64), [None if known.strip() else _NO_FACTS for known in facts]
    )


def claims(text: str, table: Mapping[str, str]) -> frozenset[str]:
    """The numbers of a text, and what its words claim by a table of words and claims.

    >>> sorted(claims("Two RED-white mugs, 1,000.50 g", {"red": "red", "white": "white", "mug": "mug"}))
    ['1000.5', '2', 'mug', 'red', 'white']
    """
    found: set[str | None] = {_number(match) for match in _NUMBER.findall(text)}
    for token in set(_TOKEN.findall(text.lower())):
        if (whole := _claim(token, table)) is not None:
            found.add(whole)
        elif "-" in token:
            found.update(_claim(piece, table) for piece in token.split("-"))
    return frozenset(claim for claim in found if claim is not None)


def _claim(word: str, table: Mapping[str, str]) -> str | None:
    """What a word claims, as it stands or without the end of a plural."""
    if word in _SPELLED:
        return _SPELLED[word]
    for form in (word, word.removesuffix("s"), word.removesuffix("es")):
        if form in table:
            return table[form]
    return None


def _number(text: str) -> str:
    plain = text.replace(",", "") if _THOUSANDS.fullmatch(text) else text.replace(",", ".")
    try:
        return f"{Decimal(plain).normalize():f}" if len(plain) <= _DIGITS else plain
    except InvalidOperation:
        return plain


def _text(value: Any) -> str:
    if value is None:
        return ""
    return " ".join(map(_text, value)) if isinstance(value, list) else str(value)


@lru_cache(maxsize=4)
def _attributes(own: str | None) -> dict[str, str]:
    """What each word claims; raises UserError where the user's file can't be read."""
    path = Path(__file__).with_name("attributes.toml") if own is None else Path(own)
    try:
        kinds = tomllib.loads(path.read_text(encoding="utf-8-sig")).values()
        return {word.lower(): line[0].lower() for kind in kinds for line in kind["words"] for word in line}
    except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise UserError(
            f"texts.attributes: {path} can't be read: {type(error).__name__}: {error}",
            expected='a TOML file of tables such as [colour] with words = [["grey", "gray"], ["red"]]',
            next_step="correct texts.attributes in weighbridge.yaml",
        ) from error


METRICS = (
    share_of(fact_consistency),
    mean_of(invented_claims, higher_is_better=False, range=(0.0, math.inf), unit="claims"),
)
