"""The index: passages, what they mean and what words they have; both are asked, and their lists become one."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.embeddings.base import Embedder, Vectors, embedder
from evaluation.errors import UserError
from evaluation.files import write_whole
from mlops.generation.retrieval.bm25 import BM25
from mlops.generation.retrieval.config import RetrievalConfig
from mlops.generation.retrieval.documents import Documents, read_documents
from mlops.generation.retrieval.own import OwnEmbeddings
from mlops.generation.retrieval.passages import passages_of
from mlops.generation.retrieval.vectors import vectors_of

# Every passage is compared with every question: beyond this, that takes a tenth of a second a question and more.
MAX_PASSAGES = 200_000
# The constant of reciprocal rank fusion (Cormack, Clarke and Büttcher 2009) and how long the two lists are.
_RANK, _CANDIDATES = 60, 100
_QUERIES = 64
_SETTINGS, _PASSAGES, _VECTORS = "index.json", "passages.parquet", "vectors.npy"


@dataclass(frozen=True)
class Passage:
    """A passage that was found: the id of its document, which passage of it, its text, and its fused score."""

    id: str
    place: int
    text: str
    score: float


@dataclass(frozen=True, eq=False)
class Index:
    """n passages that can be searched.

    passages: columns id, place and text. vectors: (n, dimensions) of length 1, None where meaning does not count.
    blank, repeated: documents that were left out. own: embeddings of the project's own, None for others.
    """

    config: RetrievalConfig
    passages: pl.DataFrame
    words: BM25
    vectors: Vectors | None
    blank: int = 0
    repeated: int = 0
    own: OwnEmbeddings | None = None

    @classmethod
    def build(cls, config: RetrievalConfig, project_dir: Path, *, kept: Path | None = None) -> "Index":
        """Read a project's documents and index them.

        Raises UserError as `read_documents`, `OwnEmbeddings.build` and `of` do.
        """
        own = OwnEmbeddings.build(config, project_dir)
        return cls.of(read_documents(project_dir / config.documents), config, kept=kept, own=own)

    @classmethod
    def of(
        cls,
        documents: Documents,
        config: RetrievalConfig,
        *,
        kept: Path | None = None,
        own: OwnEmbeddings | None = None,
    ) -> "Index":
        """Cut documents into passages and index them; raises UserError for more than MAX_PASSAGES.

        kept: a folder where the vectors of passages stay for the next time.
        """
        passages = passages_of(documents, config.chunk_words, config.overlap)
        if passages.height > MAX_PASSAGES:
            raise UserError(
                f"{config.documents} makes {passages.height:,} passages",
                expected=f"at most {MAX_PASSAGES:,}, as each is compared with every question",
                next_step="raise retrieval.chunk_words, or bring a retriever of your own",
            )
        texts = passages["text"].to_list()
        vectors = vectors_of(texts, config.embeddings, kept, own) if config.weights.meaning else None
        return cls(config, passages, BM25.of(texts), vectors, documents.blank, documents.repeated, own)

    def search(self, queries: Sequence[str]) -> list[list[Passage]]:
        """The best passages for each question, at most top_k, best first; none for a blank question."""
        found: list[list[Passage]] = []
        for start in range(0, len(queries), _QUERIES):
            found += self._search(queries[start : start + _QUERIES])
        return found

    def save(self, folder: Path) -> None:
        """Keep it as files that hold text and numbers only."""
        folder.mkdir(parents=True, exist_ok=True)
        settings = {
            "config": self.config.model_dump(mode="json"),
            "passages": self.passages.height,
            "blank": self.blank,
            "repeated": self.repeated,
            "own": self.own is not None,
        }
        self.passages.write_parquet(folder / _PASSAGES, statistics=False)
        if self.vectors is not None:
            np.save(folder / _VECTORS, self.vectors, allow_pickle=False)
        self.words.save(folder)
        write_whole(folder / _SETTINGS, json.dumps(settings, indent=1, allow_nan=False).encode())

    @classmethod
    def load(cls, folder: Path, code: Path) -> "Index":
        """Read what `save` wrote, its vectors as they are needed; code: where that of own embeddings lies.

        Raises UserError where it is not that, EnvironmentProblem where own embeddings do not run here.
        """
        try:
            settings = json.loads((folder / _SETTINGS).read_bytes())
            config = RetrievalConfig.model_validate(settings["config"])
            passages = pl.read_parquet(folder / _PASSAGES)
            vectors = None
            if config.weights.meaning:
                vectors = np.load(folder / _VECTORS, mmap_mode="r", allow_pickle=False)
            words = BM25.load(folder)
            heights = {passages.height, words.weights.shape[1], settings["passages"]}
            if len(heights | ({len(vectors)} if vectors is not None else set())) > 1:
                raise ValueError("its parts are of different lengths")  # noqa: TRY301 - told like the others
            found = cls(config, passages, words, vectors, settings["blank"], settings["repeated"])
            has_own = bool(settings.get("own"))
        except (OSError, ValueError, KeyError, TypeError, EOFError, pl.exceptions.PolarsError) as error:
            raise UserError(
                f"{folder} holds no index: {type(error).__name__}: {str(error).splitlines()[0]}",
                expected="an index that `weighbridge train` wrote",
                next_step="weighbridge release",
            ) from None
        return replace(found, own=OwnEmbeddings.load(config, code)) if has_own else found

    @cached_property
    def _embedder(self) -> Embedder:
        return embedder(self.config.embeddings) if self.own is None else self.own.embedder

    def _search(self, queries: Sequence[str]) -> list[list[Passage]]:
        weights = self.config.weights
        fused = np.zeros((len(queries), self.passages.height))
        if weights.words:
            shared = self.words.scores(queries)
            _add_places(fused, shared, shared > 0, weights.words)
        if self.vectors is not None:
            asked = self._embedder.embed(queries)
            if asked.any():
                known = np.broadcast_to(asked.any(axis=1, keepdims=True), fused.shape)
                _add_places(fused, asked @ self.vectors.T, known, weights.meaning)
        best = [_first(scores, scores > 0, self.config.top_k) for scores in fused]
        return [
            [self._passage(row, scores[row]) for row in rows]
            for rows, scores in zip(best, fused, strict=True)
        ]

    def _passage(self, row: int, score: float) -> Passage:
        name, place, text = self.passages.row(int(row))
        return Passage(name, place, text, float(score))


def _add_places(
    fused: NDArray[np.float64], scores: NDArray[np.floating], eligible: NDArray[np.bool_], weight: float
) -> None:
    """Add what a passage's place in each question's list is worth."""
    for row, (found, may) in enumerate(zip(scores, eligible, strict=True)):
        listed = _first(found, may, _CANDIDATES)
        fused[row, listed] += weight / (_RANK + 1 + np.arange(len(listed)))


def _first(scores: NDArray[np.floating], eligible: NDArray[np.bool_], count: int) -> NDArray[np.int64]:
    """Places of the highest eligible scores, highest first; of equal ones the earlier passage."""
    rows = np.flatnonzero(eligible)
    if len(rows) > count:
        least = np.partition(scores[rows], len(rows) - count)[len(rows) - count]
        rows = rows[scores[rows] >= least]
    return rows[np.argsort(-scores[rows], kind="stable")][:count]
