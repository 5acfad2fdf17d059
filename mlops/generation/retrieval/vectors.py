"""Vectors of passages, kept by what was embedded and by what, so that the same corpus is embedded once."""

import hashlib
import io
import logging
from collections.abc import Iterator, Sequence
from contextlib import suppress
from importlib.metadata import packages_distributions, version
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from evaluation.embeddings import minilm
from evaluation.embeddings.base import MINILM, Vectors, embedder
from evaluation.errors import EnvironmentProblem
from evaluation.files import write_whole
from mlops.generation.retrieval.own import OwnEmbeddings

_LOG = logging.getLogger(__name__)
# Of each corpus one file, at most 1.5 kB a passage; the candidates of a comparison rarely have more.
_KEPT = 4


def vectors_of(
    texts: Sequence[str], embeddings: str, kept: Path | None, own: OwnEmbeddings | None = None
) -> Vectors:
    """Vectors of length 1, (n, dimensions), of n texts; 0 for a blank one.

    kept: a folder of vectors, of which the newest few stay; None keeps nothing. What cannot be read there is made
    again. own: the embeddings, where they are the project's. Raises as evaluation.embeddings.base.embedder does.
    """
    if kept is None:
        return _embed(texts, embeddings, own)
    path = kept / f"{_digest(texts, embeddings, own)}.npy"
    if (found := _read(path, len(texts))) is None:
        found = _embed(texts, embeddings, own)
        _keep(path, found)
    return found


def _embed(texts: Sequence[str], embeddings: str, own: OwnEmbeddings | None) -> Vectors:
    return (embedder(embeddings) if own is None else own.embedder).embed(texts)


def _read(path: Path, count: int) -> Vectors | None:
    try:
        found: Vectors = np.load(path, allow_pickle=False)
        path.touch()
    except (OSError, ValueError, EOFError):
        return None
    return found if found.dtype == np.float32 and found.ndim == 2 and len(found) == count else None


def _keep(path: Path, vectors: Vectors) -> None:
    content = io.BytesIO()
    np.save(content, vectors, allow_pickle=False)
    try:
        write_whole(path, content.getvalue())
    except EnvironmentProblem as error:
        _LOG.warning("vectors are not kept: %s", error.found)
        return
    others = sorted(path.parent.glob("*.npy"), key=lambda each: each.stat().st_mtime, reverse=True)
    for each in others[_KEPT:]:
        with suppress(OSError):
            each.unlink()


def _digest(texts: Sequence[str], embeddings: str, own: OwnEmbeddings | None) -> str:
    total = hashlib.sha256()
    model = _of_the_model(embeddings) if own is None else (embeddings, own.digest)
    for part in (*model, *texts):
        content = part.encode("utf-8", "surrogatepass")
        total.update(len(content).to_bytes(8, "big"))
        total.update(content)
    return total.hexdigest()


def _of_the_model(embeddings: str) -> Iterator[str]:
    """What the vectors hang on beside the texts: a model's packages; of a function its file, or who installed it."""
    yield embeddings
    if embeddings == MINILM:
        yield from (version(package) for package in minilm.NEEDS)
        return
    name = embeddings.partition(":")[0]
    yield from (version(each) for each in packages_distributions().get(name.partition(".")[0], ()))
    try:
        found = find_spec(name)
    except ModuleNotFoundError:
        # Which embedder() tells.
        return
    if found is not None and found.origin is not None and Path(found.origin).is_file():
        yield hashlib.sha256(Path(found.origin).read_bytes()).hexdigest()
