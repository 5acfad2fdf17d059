"""Texts as the numbers of their words: every text is split once, for all metrics that split alike."""

import re
import string
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from evaluation.text.rows import TextRows

Split = Callable[[str], Sequence[str]]
Codes = NDArray[np.int64]

# Scripts that are written without spaces: each character counts as a word.
_ALONE = "\u0e00-\u0eff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
_WORD = re.compile(rf"[{_ALONE}]|[^\W{_ALONE}]+")
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_ENTITIES = (("&quot;", '"'), ("&amp;", "&"), ("&lt;", "<"), ("&gt;", ">"))
# Signs that stand alone wherever they are; points, commas and dashes only beside something else than digits.
_SIGNS = str.maketrans({sign: f" {sign} " for sign in '{|}~[\\]^_`!"#$%&()*+:;<=>?@/'})
_POINT_AFTER = re.compile(r"([^0-9])([.,])")
_POINT_BEFORE = re.compile(r"([.,])([^0-9])")
_DASH = re.compile(r"([0-9])(-)")
# What BLEU leaves out, so that words around it may become one.
_LEFT_OUT = ("<skipped>", "-\n")
# Longer pieces hardly come again.
_COMMON = 40
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def words(text: str) -> list[str]:
    """Words in small letters, without punctuation; of Chinese, Japanese and Thai the characters.

    >>> words("It's a T-shirt (茶色).")
    ['it', 's', 'a', 't', 'shirt', '茶', '色']
    """
    return [word.lower() for word in _WORD.findall(text)]


def word_spans(text: str) -> list[tuple[int, int]]:
    """Where each of `words` stands in the text: first character, and the one after the last."""
    return [match.span() for match in _WORD.finditer(text)]


def squad_words(text: str) -> list[str]:
    """Words as the SQuAD evaluation compares them: small letters, no punctuation of ASCII, no articles.

    Source: Rajpurkar et al. 2016, "SQuAD: 100,000+ questions for machine comprehension of text".

    >>> squad_words("The  Eiffel-Tower, a sight!")
    ['eiffeltower', 'sight']
    """
    return _ARTICLES.sub(" ", text.lower().translate(_NO_PUNCTUATION)).split()


def rouge_words(text: str) -> list[str]:
    """Words as rouge-score compares them, not stemmed: runs of a-z and 0-9 in small letters."""
    from rouge_score.tokenize import tokenize

    found: list[str] = tokenize(text, None)
    return found


def bleu_words(text: str) -> list[str]:
    """Words as sacrebleu compares them: what its tokenizer 13a gives, three times as fast.

    Source: mteval-v13a.pl of NIST, as sacrebleu has it.

    >>> bleu_words('It costs $1,299.50 (was 1.400-ish), &quot;all in&quot;.')
    ['It', 'costs', '$', '1,299.50', '(', 'was', '1.400', '-', 'ish', ')', ',', '"', 'all', 'in', '"', '.']
    """
    text = text.rstrip().replace("<skipped>", "").replace("-\n", "").replace("\n", " ")
    if "&" in text:
        for entity, sign in _ENTITIES:
            text = text.replace(entity, sign)
    text = f" {text} ".translate(_SIGNS)
    if "." in text or "," in text:
        text = _POINT_AFTER.sub(r"\1 \2 ", text)
        text = _POINT_BEFORE.sub(r" \1 \2", text)
    if "-" in text:
        text = _DASH.sub(r"\1 \2 ", text)
    return text.split()


def characters(text: str) -> list[str]:
    """Characters as sacrebleu's chrF compares them: all but white space."""
    return list("".join(text.split()))


class Numbered:
    """Texts as numbers, one for every different word, the same in all texts.

    What stands between two spaces is split once, as no way to split looks further, but where BLEU joins words.

    >>> one, other = Numbered(words)(["a red mug", "the red mug"])
    >>> one, other
    (array([0, 1, 2]), array([3, 1, 2]))
    """

    def __init__(self, split: Split) -> None:
        self._split = split
        self._numbers: dict[str, int] = {}
        self._texts: dict[str, Codes] = {}
        self._pieces: dict[str, list[int]] = {}

    def __call__(self, texts: Iterable[str]) -> list[Codes]:
        """The numbers of the words of each text, (words,) each."""
        return [self._texts[text] if text in self._texts else self._read(text) for text in texts]

    def _read(self, text: str) -> Codes:
        found: list[int] = []
        whole = any(left_out in text for left_out in _LEFT_OUT)
        for piece in [text] if whole else text.split():
            codes = self._pieces.get(piece)
            found += self._learn(piece) if codes is None else codes
        self._texts[text] = np.array(found, dtype=np.int64)
        return self._texts[text]

    def _learn(self, piece: str) -> list[int]:
        numbers = self._numbers
        codes = [numbers.setdefault(word, len(numbers)) for word in self._split(piece)]
        if len(piece) <= _COMMON:
            self._pieces[piece] = codes
        return codes


class Characters(Numbered):
    """Texts as the code points of `characters`."""

    def __init__(self) -> None:
        super().__init__(characters)

    def _read(self, text: str) -> Codes:
        held = "".join(text.split()).encode("utf-32-le", "surrogatepass")
        self._texts[text] = np.frombuffer(held, dtype="<u4").astype(np.int64)
        return self._texts[text]


def numbered(rows: TextRows, split: Split) -> Numbered:
    """What numbers the words of these rows' texts, kept with the rows."""
    key = f"words by {split.__name__}"
    if key not in rows.shared:
        rows.shared[key] = Characters() if split is characters else Numbered(split)
    found: Numbered = rows.shared[key]
    return found
