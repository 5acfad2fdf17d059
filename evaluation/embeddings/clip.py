"""CLIP: vectors of texts and of pictures in one space, by a model that the user brings as ONNX."""

import json
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.embeddings.base import Vectors, each_once, unit
from evaluation.errors import UserError

_TEXT, _IMAGE, _TOKENIZER = "text.onnx", "image.onnx", "tokenizer.json"
# What OpenAI's models were trained with; preprocessor_config.json says otherwise where it is there.
_USUAL = {
    "size": 224,
    "image_mean": [0.48145466, 0.4578275, 0.40821073],
    "image_std": [0.26862954, 0.26130258, 0.27577711],
}
_MOST_WORDS = 77
_BATCH = 32


class Clip:
    """A folder with text.onnx, image.onnx and tokenizer.json, and preprocessor_config.json where it is not usual.

    Each network's first output of two dimensions is the vector, as exported by Optimum. Raises UserError where
    the folder does not hold such a model.
    """

    def __init__(self, folder: Path) -> None:
        for name in (_TEXT, _IMAGE, _TOKENIZER):
            if not (folder / name).is_file():
                raise UserError(
                    f"texts.clip: {folder} has no {name}",
                    expected=f"a folder with {_TEXT}, {_IMAGE} and {_TOKENIZER} of a CLIP model",
                    next_step="correct texts.clip in weighbridge.yaml",
                )
        from tokenizers import Tokenizer

        self._text, self._image = (_session(folder / name) for name in (_TEXT, _IMAGE))
        self._tokenizer = Tokenizer.from_file(str(folder / _TOKENIZER))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(_MOST_WORDS)
        self._looks = _looks(folder / "preprocessor_config.json")

    @staticmethod
    @lru_cache(maxsize=2)
    def of(folder: str) -> "Clip":
        """The model of a folder, read once."""
        return Clip(Path(folder))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Vectors of length 1, (n, dimensions), of the first 77 pieces of words; length 0 for a blank text."""
        return each_once(texts, self._embed)

    def embed_pictures(self, paths: Sequence[str | None]) -> tuple[Vectors, list[str | None]]:
        """Vectors of length 1, (n, dimensions), of picture files, and why one has none, (n,)."""
        vectors: list[Vectors] = []
        problems: list[str | None] = []
        for start in range(0, len(paths), _BATCH):
            pixels: list[NDArray[np.float32]] = []
            said: list[str | None] = []
            for path in paths[start : start + _BATCH]:
                try:
                    pixels.append(self._pixels(path))
                    said.append(None)
                except (OSError, ValueError) as error:
                    pixels.append(np.zeros((3, self._looks["size"], self._looks["size"]), dtype=np.float32))
                    said.append(f"no picture: {type(error).__name__}")
            known = np.array([problem is None for problem in said])
            vectors.append(unit(_run(self._image, np.stack(pixels)) * known[:, None]))
            problems += said
        return np.concatenate(vectors), problems

    def _embed(self, texts: list[str]) -> Vectors:
        whole = [text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") for text in texts]
        # One at a time: models differ in what they take for padding.
        rows = [np.array([self._tokenizer.encode(text).ids], dtype=np.int64) for text in whole]
        return unit(np.concatenate([_run(self._text, row) for row in rows]))

    def _pixels(self, path: str | None) -> NDArray[np.float32]:
        """The middle square of a picture, (3, size, size), scaled as the model was trained."""
        from PIL import Image

        if path is None:
            msg = "the case names none"
            raise ValueError(msg)
        size = self._looks["size"]
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        short = min(picture.size)
        left, top = (picture.width - short) // 2, (picture.height - short) // 2
        square = picture.resize(
            (size, size), Image.Resampling.BICUBIC, box=(left, top, left + short, top + short)
        )
        scaled = (np.asarray(square, dtype=np.float32) / 255 - self._looks["mean"]) / self._looks["std"]
        return np.ascontiguousarray(scaled.transpose(2, 0, 1), dtype=np.float32)


def _session(path: Path) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise UserError(
            f"texts.clip: {path} is no ONNX model that can be read: {str(error).splitlines()[0]}",
            next_step="export the model once more, or correct texts.clip in weighbridge.yaml",
        ) from error


def _run(session: Any, values: NDArray[Any]) -> NDArray[np.float64]:
    """The first output of two dimensions; a mask that the network wants besides is all ones."""
    feeds = {
        wanted.name: np.ones_like(values) if "mask" in wanted.name else values
        for wanted in session.get_inputs()
    }
    for output in session.run(None, feeds):
        if output.ndim == 2:
            return np.asarray(output, dtype=np.float64)
    msg = "the network gives no vectors"
    raise ValueError(msg)


def _looks(path: Path) -> dict[str, Any]:
    said = _USUAL | (json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {})
    size: Any = said.get("crop_size", said["size"])
    if isinstance(size, dict):
        size = size["shortest_edge" if "shortest_edge" in size else "height"]
    return {
        "size": int(size),
        "mean": np.array(said["image_mean"], dtype=np.float32),
        "std": np.array(said["image_std"], dtype=np.float32),
    }
