"""Finding texts by the words that they share with a question."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.files import write_whole

# One formula over scikit-learn's counts, which is here anyway; a package for it would be one more in every server.
# How fast a word that comes again counts less, and how much long texts are held back: Robertson and Zaragoza's.
_K1, _B = 1.2, 0.75
_WEIGHTS, _TERMS = "words.npz", "words.json"


@dataclass(frozen=True, eq=False)
class BM25:
    """Weights of words in n texts, which a question's words sum up.

    terms: the words, lower case without accents. weights: (terms, n) sparse.
    Source: Robertson and Zaragoza 2009, "The Probabilistic Relevance Framework: BM25 and Beyond", with the logarithm
    of Lucene, which is never negative.

    >>> found = BM25.of(["a red mug", "a blue mug", "tax law"]).scores(["Blue mug?"])
    >>> found.astype(float).round(2).tolist()
    [[0.45, 1.38, 0.0]]
    """

    terms: tuple[str, ...]
    weights: Any

    @classmethod
    def of(cls, texts: Sequence[str]) -> "BM25":
        """Weigh the words of texts; texts without a word are never found."""
        from scipy import sparse

        counter = _counter()
        counts = (
            counter.fit_transform(texts).tocoo()
            if any(_has_words(text) for text in texts)
            else sparse.coo_array((len(texts), 0))
        )
        lengths = np.asarray(counts.sum(axis=1), dtype=np.float64).ravel()
        texts_with = np.bincount(counts.col, minlength=counts.shape[1])
        rarity = np.log1p((len(texts) - texts_with + 0.5) / (texts_with + 0.5))
        relative = lengths / lengths.mean() if lengths.any() else lengths
        held_back = _K1 * (1 - _B + _B * relative[counts.row])
        data = rarity[counts.col] * counts.data * (_K1 + 1) / (counts.data + held_back)
        weights = sparse.csr_array(
            (data.astype(np.float32), (counts.col, counts.row)), shape=counts.shape[::-1]
        )
        terms = tuple(counter.get_feature_names_out()) if counts.shape[1] else ()
        return cls(terms, weights)

    def scores(self, queries: Sequence[str]) -> NDArray[np.float32]:
        """What each text's shared words add up to for each question, (queries, n); a word counts once."""
        if not self.terms:
            return np.zeros((len(queries), self.weights.shape[1]), dtype=np.float32)
        asked = self._counter.transform(queries)
        asked.data = np.ones_like(asked.data, dtype=np.float32)
        return np.asarray((asked @ self.weights).toarray(), dtype=np.float32)

    def save(self, folder: Path) -> None:
        """Keep it as numbers and a list of words."""
        from scipy import sparse

        sparse.save_npz(folder / _WEIGHTS, self.weights)
        write_whole(folder / _TERMS, json.dumps(self.terms, ensure_ascii=False).encode())

    @classmethod
    def load(cls, folder: Path) -> "BM25":
        """Read what `save` wrote; raises OSError or ValueError where it is not that."""
        from scipy import sparse

        terms = tuple(json.loads((folder / _TERMS).read_bytes()))
        weights = sparse.csr_array(sparse.load_npz(folder / _WEIGHTS))
        if weights.shape[0] != len(terms):
            msg = f"{weights.shape[0]:,} weights for {len(terms):,} words"
            raise ValueError(msg)
        return cls(terms, weights)

    @cached_property
    def _counter(self) -> Any:
        return _counter({term: place for place, term in enumerate(self.terms)})


def _counter(vocabulary: dict[str, int] | None = None) -> Any:
    from sklearn.feature_extraction.text import CountVectorizer

    return CountVectorizer(strip_accents="unicode", token_pattern=r"\w+", vocabulary=vocabulary)  # noqa: S106


def _has_words(text: str) -> bool:
    return any(character.isalnum() for character in text)
