"""Exchanging the words of two groups in a text: whole words, in their case, and so that a second time undoes it."""

import re
import tomllib
from collections.abc import Mapping
from functools import cache

from evaluation.counterfactual.words import OWN, Before, Row, WordList

_TOKEN = re.compile(r"[^\W\d_]+")
_SPOKEN_WITHOUT_H = ("heir", "honest", "hono", "hour")
_SPOKEN_WITH_J = ("eu", "one", "uni", "use", "usu")


def group_in(text: str, words: WordList) -> int | None:
    """The group, by number, of the first word of a list that a text holds; None where it holds none.

    >>> from evaluation.counterfactual.words import read_words
    >>> group_in("The customer lost her keys.", read_words("gender"))
    0
    """
    for match in _TOKEN.finditer(text):
        if places := _places(match[0], words):
            return places[0][0]
    return None


def exchange(text: str, words: WordList, one: int, other: int) -> str:
    """The text with every word of one group replaced by the other's, and the other way round.

    >>> from evaluation.counterfactual.words import read_words
    >>> exchange("She gave her brother HIS coat; the coat is his.", read_words("gender"), 0, 1)
    'He gave his sister HER coat; the coat is hers.'
    >>> exchange("Priya is an Indian cook.", read_words("origin"), 4, 6)
    'Ngozi is a Nigerian cook.'
    """
    if one == other:
        return text
    parts: list[str] = []
    end = 0
    for match in _TOKEN.finditer(text):
        instead = _instead(text, match, words, {one: other, other: one})
        if instead is None:
            continue
        between = _article(text[end : match.start()], match[0], instead)
        parts += [between, instead]
        end = match.end()
    return "".join([*parts, text[end:]])


def exchangeable(text: str, words: WordList, one: int, other: int) -> str | None:
    """The exchanged text, or None where it would be wrong: a word has no partner, or exchanging again gives another.

    >>> from evaluation.counterfactual.words import read_words
    >>> exchangeable("Mrs Brown and her son", read_words("gender"), 0, 1) is None
    True
    """
    if words.unpaired and any(match[0].lower() in words.unpaired for match in _TOKEN.finditer(text)):
        return None
    changed = exchange(text, words, one, other)
    return changed if exchange(changed, words, one, other) == text else None


def _instead(text: str, match: re.Match[str], words: WordList, to: dict[int, int]) -> str | None:
    places = [(group, row) for group, row in _places(match[0], words) if group in to]
    if not places:
        return None
    group, row = places[0] if len(places) == 1 else _fitting(text, match, places, words)
    return _in_case(match[0], row.words[group], row.words[to[group]])


def _places(token: str, words: WordList) -> tuple[tuple[int, Row], ...]:
    """Where a token stands in the list; one that is listed with a capital counts only with one."""
    found = words.by_word.get(token.lower(), ())
    return tuple(
        (group, row)
        for group, row in found
        if row.words[group][0].islower() or token == row.words[group] or _shouted(token)
    )


def _fitting(
    text: str, match: re.Match[str], places: list[tuple[int, Row]], words: WordList
) -> tuple[int, Row]:
    wanted = Before.NOUN if _before_noun(text, match, words) else Before.OTHER
    return next(place for place in places if place[1].before is wanted)


def _before_noun(text: str, match: re.Match[str], words: WordList) -> bool:
    """Whether a pronoun belongs to a noun that follows; a guess by the words beside it."""
    after = re.match(r" ([^\W\d_]+)", text[match.end() : match.end() + 40])
    if after is None or after[1].lower() in _english()["no_noun"]:
        return False
    if match[0].lower() != "her" or after[1].lower() in words.by_word:
        return True
    before = re.search(r"([^\W\d_]+) $", text[max(0, match.start() - 40) : match.start()])
    return before is None or before[1].lower() not in _english()["giving"]


@cache
def _english() -> Mapping[str, frozenset[str]]:
    content = tomllib.loads((OWN / "english.toml").read_text(encoding="utf-8"))
    return {name: frozenset(words) for name, words in content.items()}


def _shouted(token: str) -> bool:
    return len(token) > 1 and token.isupper()


def _in_case(token: str, listed: str, instead: str) -> str:
    """The other word in the case in which the token differs from how its own is listed."""
    if _shouted(token):
        return instead.upper()
    if token[0].isupper() and listed[0].islower():
        return instead[0].upper() + instead[1:]
    return instead


def _article(between: str, word: str, instead: str) -> str:
    """What stands before a word, with `a` and `an` brought to fit the other one."""
    match = re.search(r"(?<![^\W_])(an?)( +)$", between, re.IGNORECASE)
    if match is None or _vowel(word) is not (len(match[1]) == 2) or _vowel(word) is _vowel(instead):
        return between
    article = (
        match[1][0] if len(match[1]) == 2 else match[1] + ("N" if _shouted(word) and match[1] == "A" else "n")
    )
    return between[: match.start()] + article + match[2]


def _vowel(word: str) -> bool:
    """Whether a word is spoken with a vowel first."""
    word = word.lower()
    if word.startswith(_SPOKEN_WITHOUT_H):
        return True
    return word[0] in "aeiou" and not word.startswith(_SPOKEN_WITH_J)
