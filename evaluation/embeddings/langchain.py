"""Embeddings of LangChain, which speak to whatever there is."""

import importlib
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from evaluation.embeddings.base import Vectors, each_once, unit
from evaluation.errors import NotInstalled, UserError

_AT_A_TIME = 256


@contextmanager
def _importable(folder: Path | None) -> Iterator[None]:
    """Modules of a folder can be imported meanwhile: where a command is typed says nothing about where they lie."""
    if folder is None:
        yield
        return
    place = str(folder.resolve())
    sys.path.insert(0, place)
    importlib.invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(place)


class LangChain:
    """Vectors from an object with LangChain's `embed_documents`.

    >>> class Lengths:
    ...     def embed_documents(self, texts):
    ...         return [[float(len(text)), 1.0] for text in texts]
    >>> LangChain(Lengths()).embed(["", "abc"]).astype(float).round(3).tolist()
    [[0.0, 0.0], [0.949, 0.316]]
    """

    def __init__(self, embeddings: Any) -> None:
        self._embeddings = embeddings

    @classmethod
    def named(cls, name: str, folder: Path | None = None) -> "LangChain":
        """What `module:function` gives, of the folder or installed.

        Raises NotInstalled for an absent module, UserError for no embeddings.
        """
        module, _, function = name.partition(":")
        try:
            with _importable(folder):
                found = getattr(importlib.import_module(module), function)()
        except ModuleNotFoundError as error:
            raise NotInstalled(
                f"texts.embeddings: {name} needs {error.name}, which is not installed",
                expected="minilm, or module:function that gives LangChain embeddings",
                next_step="install it, or correct texts.embeddings in weighbridge.yaml",
            ) from error
        except Exception as error:
            raise UserError(
                f"texts.embeddings: {name} gave no embeddings: {type(error).__name__}: {error}",
                expected="minilm, or module:function that gives LangChain embeddings",
                next_step="correct texts.embeddings in weighbridge.yaml",
            ) from error
        return cls.of(found, name, "texts.embeddings")

    @classmethod
    def of(cls, found: Any, name: str, section: str) -> "LangChain":
        """What a function gave, which weighbridge.yaml names in a section; raises UserError for no embeddings."""
        if not callable(getattr(found, "embed_documents", None)):
            raise UserError(
                f"{section}: {name} gave {type(found).__name__}, which has no embed_documents",
                expected="an object of langchain_core.embeddings.Embeddings",
                next_step=f"correct {section} in weighbridge.yaml",
            )
        return cls(found)

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, (n, dimensions); length 0 for a blank text.

        Raises what the embeddings raise, and ValueError where they do not give one vector a text.
        """
        return each_once(texts, self._embed)

    def _embed(self, texts: list[str]) -> Vectors:
        found: list[list[float]] = []
        for start in range(0, len(texts), _AT_A_TIME):
            found += self._embeddings.embed_documents(texts[start : start + _AT_A_TIME])
        vectors = np.asarray(found, dtype=np.float64)
        if vectors.ndim != 2 or len(vectors) != len(texts):
            msg = f"embeddings of shape {vectors.shape} for {len(texts):,} texts"
            raise ValueError(msg)
        return unit(vectors)
