"""References that the model may have been shown: in examples, in training rows, in the passages it looks up."""

from collections.abc import Iterable, Sequence

import numpy as np

from evaluation.hygiene.finding import Mask
from evaluation.hygiene.words import Hashes, Worded

# Word for word the same text counts from so many words on; shorter ones are alike by chance.
_LEAST_WORDS = 4


def shared_ngrams(texts: Sequence[str], shown: Iterable[str], ngram: int = 8) -> Mask:
    """Which of n texts share `ngram` words in a row, or all of theirs, with one that the model is shown, (n,).

    Every run of so many words that was shown is kept as a hash of 64 bits in one sorted array: nothing is missed, and
    among ten million runs shown a text is flagged by mistake less than once in a hundred thousand million. Shorter
    texts, of four words at least, are held whole against whole texts.

    >>> shared_ngrams(["one two three four five six", "a b c d"], ["Two three, four five SIX!"], 5).tolist()
    [True, False]
    """
    mine, theirs = Worded.of(texts), Worded.of(list(shown))
    hashes, owner = mine.ngrams(ngram)
    found = np.zeros(mine.n, dtype=np.bool_)
    found[owner[_among(hashes, theirs.ngrams(ngram)[0])]] = True
    short = mine.lengths >= _LEAST_WORDS
    return found | (short & _among(mine.whole(), theirs.whole()))


def _among(hashes: Hashes, known: Hashes) -> Mask:
    return np.isin(hashes, np.unique(known), kind="sort")
