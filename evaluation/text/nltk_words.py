"""Words as NLTK splits a sentence into them, where most pieces between spaces were seen before."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any

# With these behind it, and spaces, a full stop is still the last of a text.
_AFTER_THE_LAST = "])}>\"'»”\N{RIGHT SINGLE QUOTATION MARK} \n"
# NLTK has rules for a quotation mark by the space beside it, and tells spaces apart there.
_OTHER_SPACE = re.compile(r"[^\S \n]")
_QUOTES = ("'", '"')
# Signs that are words behind any word, and behind the last.
_ALONE = (",", ":", ";", "?", "!")
_ENDING = (*_ALONE, ".")
# Words without any sign that NLTK splits none the less.
_SPLIT = frozenset({"cannot", "gimme", "gonna", "gotta", "lemme", "wanna"})


class NltkWords:
    """Splits as NLTK's word_tokenize does for one sentence, a piece between spaces only once.

    NLTK's rules look no further than the spaces around a piece, but for quotation marks with which a text begins and
    a full stop with which it ends; a text for which that may not hold goes to NLTK as a whole.

    >>> NltkWords()("It's a mug, isn't it? Size: 3.5 in. (new).")[:11]
    ['It', "'s", 'a', 'mug', ',', 'is', "n't", 'it', '?', 'Size', ':']
    """

    def __init__(self) -> None:
        self._split: Callable[[str], list[str]] = _tokenizer().tokenize
        self._known: dict[str, list[str]] = {}

    def __call__(self, text: str) -> list[str]:
        """The words and signs of a text."""
        end = text.rstrip(_AFTER_THE_LAST)
        last = max(end.rfind(" "), end.rfind("\n")) + 1
        if last == 0 or _is_special(text):
            return self._split(text)
        found: list[str] = []
        for piece in text[:last].split():
            found += self._known.get(piece) or self._between(piece)
        end = text[last:].strip()
        return found + (_simple(end, _ENDING) or self._split(f"x {end}")[1:])

    def _between(self, piece: str) -> list[str]:
        # A full stop amid a text belongs to its word.
        whole = [piece] if _simple(piece.removesuffix("."), ()) else []
        found = whole or _simple(piece, _ALONE) or self._split(f"x {piece} x")[1:-1]
        self._known[piece] = found
        return found


def _simple(piece: str, signs: tuple[str, ...]) -> list[str]:
    """A word with at most one of these signs behind it; empty where it may be anything else."""
    word, sign = (piece[:-1], piece[-1:]) if piece.endswith(signs) else (piece, "")
    if not (word.isascii() and word.isalnum()) or word.lower() in _SPLIT:
        return []
    return [word, sign] if sign else [word]


def _is_special(text: str) -> bool:
    if text.startswith(_QUOTES) or _OTHER_SPACE.search(text):
        return True
    return "\n" in text and any(sign in text for sign in _QUOTES)


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()
