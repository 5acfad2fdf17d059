"""What turns texts into vectors, found by its name."""

from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
MINILM = "minilm"


class Embedder(Protocol):
    """Anything that gives texts vectors, such that texts of like meaning have like directions."""

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, (n, dimensions); length 0 for a blank text."""
        ...


@lru_cache(maxsize=4)
def embedder(name: str = MINILM, folder: Path | None = None) -> Embedder:
    """The embedder that a policy names: `minilm`, or `module:function` that gives LangChain embeddings.

    folder: where a module of the project's own is looked for, besides what is installed. Raises NotInstalled where it,
    or what it imports, is not installed, UserError where it is none.
    """
    if name == MINILM and folder is not None:
        # The same for all, read once.
        return embedder()
    if name == MINILM:
        from evaluation.embeddings.minilm import MiniLM

        return MiniLM.installed()
    from evaluation.embeddings.langchain import LangChain

    return LangChain.named(name, folder)


def unit(vectors: NDArray[np.floating]) -> Vectors:
    """The same directions with length 1; what has no length, or is not finite, gets 0.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]])).tolist()
    [[0.6000000238418579, 0.800000011920929], [0.0, 0.0]]
    """
    found = np.where(np.isfinite(vectors), vectors, 0.0).astype(np.float64)
    lengths = np.linalg.norm(found, axis=1, keepdims=True)
    np.divide(found, lengths, out=found, where=lengths > 0)
    return found.astype(np.float32)


def each_once(texts: Sequence[str], embed: Callable[[list[str]], Vectors]) -> Vectors:
    """Vectors of texts of which some may be equal or blank: each is embedded once, blank ones not at all.

    >>> each_once(["a", " ", "a"], lambda texts: np.ones((len(texts), 2), dtype=np.float32)).tolist()
    [[1.0, 1.0], [0.0, 0.0], [1.0, 1.0]]
    """
    places: dict[str, int] = {}
    for text in texts:
        if text.strip():
            places.setdefault(text, len(places))
    if not places:
        return np.zeros((len(texts), 1), dtype=np.float32)
    found = embed(list(places))
    found = np.concatenate([found, np.zeros((1, found.shape[1]), dtype=np.float32)])
    return found[[places.get(text, -1) for text in texts]]
