"""ROUGE: what an answer and its best reference have in common, as rouge-score counts it without stemming.

Source: Lin 2004, "ROUGE: a package for automatic evaluation of summaries".
"""

import numpy as np

from evaluation.text.declare import mean_of
from evaluation.text.ngrams import shared
from evaluation.text.references import Pairs, f_measure, kept, lengths, once, pairs
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import Codes, rouge_words
from evaluation.types import IntArray

_NO_WORDS = "no reference has a word of a-z and 0-9, and ROUGE reads no others"


@kept
def rouge_1(rows: TextRows) -> Scored:
    """ROUGE-1: words in common with the best reference (F1); reads only words of a-z and 0-9.

    >>> rouge_1(TextRows.of(["a blue mug"], ("the blue mug", "a cup"))).values.round(3)
    array([0.667])
    """
    return _of_runs(rows, 1)


@kept
def rouge_2(rows: TextRows) -> Scored:
    """ROUGE-2: pairs of neighbouring words in common with the best reference (F1); reads only a-z and 0-9.

    >>> rouge_2(TextRows.of(["a blue mug"], ("the blue mug", "a cup"))).values
    array([0.5])
    """
    return _of_runs(rows, 2)


@kept
def rouge_l(rows: TextRows) -> Scored:
    """ROUGE-L: longest sequence of words in common with the best reference (F1), gaps allowed; only a-z and 0-9.

    >>> rouge_l(TextRows.of(["a mug that is blue"], "a blue mug")).values
    array([0.5])
    """
    found = pairs(rows, rouge_words)
    common = [longest_common(a, b) for a, b in zip(found.answers, found.references, strict=True)]
    return _best(found, np.array(common, dtype=np.int64), 1)


def longest_common(one: Codes, other: Codes) -> int:
    """Length of the longest common subsequence, with a whole row of the table in the bits of one number.

    Source: Hyyrö 2004, "Bit-parallel LCS-length computation revisited".

    >>> longest_common(np.array([1, 2, 3, 4]), np.array([2, 9, 4, 3]))
    2
    """
    places: dict[int, int] = {}
    for place, word in enumerate(one.tolist()):
        places[word] = places.get(word, 0) | (1 << place)
    full = (1 << len(one)) - 1
    gaps = full
    for word in other.tolist():
        hits = gaps & places.get(word, 0)
        if hits:
            gaps = ((gaps + hits) | (gaps - hits)) & full
    return len(one) - gaps.bit_count()


def _of_runs(rows: TextRows, n: int) -> Scored:
    found = pairs(rows, rouge_words)
    runs = once(
        rows, "runs for rouge", lambda: shared(found.answers, [[text] for text in found.references], 2)
    )
    return _best(found, runs[:, n - 1], n)


def _best(found: Pairs, matched: IntArray, n: int) -> Scored:
    mine, theirs = (np.maximum(lengths(texts) - n + 1, 0) for texts in (found.answers, found.references))
    values = f_measure(matched.astype(np.float64), mine.astype(np.float64), theirs.astype(np.float64))
    return found.best(np.where(lengths(found.references) > 0, values, np.nan), _NO_WORDS)


METRICS = (mean_of(rouge_1), mean_of(rouge_2), mean_of(rouge_l))
