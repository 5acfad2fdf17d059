"""CLIP, by a stand-in: two networks of a few nodes whose bytes are written here, and three words."""

import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from evaluation.embeddings.clip import Clip
from evaluation.errors import UserError
from evaluation.text.config import TextConfig
from evaluation.text.meaning import image_text_agreement
from evaluation.text.rows import TextRows

FLOAT, INT64 = 1, 7
WORDS = {"[UNK]": 0, "red": 1, "green": 2, "blue": 3}


def varint(number: int) -> bytes:
    parts = bytearray()
    while number > 127:
        parts.append(number & 127 | 128)
        number >>= 7
    return bytes([*parts, number])


def field(tag: int, value: int | bytes | str) -> bytes:
    """One field of a protocol buffer: a whole number, or bytes."""
    if isinstance(value, int):
        return varint(tag << 3) + varint(value)
    held = value.encode() if isinstance(value, str) else value
    return varint(tag << 3 | 2) + varint(len(held)) + held


def tensor(name: str, values: np.ndarray) -> bytes:
    kind = FLOAT if values.dtype == np.float32 else INT64
    return (
        b"".join(field(1, size) for size in values.shape)
        + field(2, kind)
        + field(8, name)
        + field(9, values.tobytes())
    )


def node(kind: str, inputs: Iterable[str], output: str, **numbers: int) -> bytes:
    attributes = [field(1, name) + field(3, number) + field(20, 2) for name, number in numbers.items()]
    parts = [
        *(field(1, name) for name in inputs),
        field(2, output),
        field(4, kind),
        *(field(5, a) for a in attributes),
    ]
    return b"".join(parts)


def value(name: str, kind: int, shape: Iterable[str | int]) -> bytes:
    dims = b"".join(field(1, field(2, d) if isinstance(d, str) else field(1, d)) for d in shape)
    return field(1, name) + field(2, field(1, field(1, kind) + field(2, dims)))


def network(nodes: list[bytes], constants: list[bytes], given: bytes, found: bytes) -> bytes:
    """An ONNX model of opset 18; field numbers are those of onnx.proto."""
    graph = (
        b"".join(field(1, one) for one in nodes)
        + field(2, "g")
        + b"".join(field(5, one) for one in constants)
    )
    graph += field(11, given) + field(12, found)
    return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 18))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Texts mean the mean of their words' colours; pictures their mean colour."""
    table = np.vstack([np.full(3, 0.1), np.eye(3)]).astype(np.float32)
    text = network(
        [
            node("Gather", ["table", "input_ids"], "words"),
            node("ReduceMean", ["words", "axes"], "text_embeds", keepdims=0),
        ],
        [tensor("table", table), tensor("axes", np.array([1], dtype=np.int64))],
        value("input_ids", INT64, ["n", "words"]),
        value("text_embeds", FLOAT, ["n", 3]),
    )
    image = network(
        [node("ReduceMean", ["pixel_values", "axes"], "image_embeds", keepdims=0)],
        [tensor("axes", np.array([2, 3], dtype=np.int64))],
        value("pixel_values", FLOAT, ["n", 3, "h", "w"]),
        value("image_embeds", FLOAT, ["n", 3]),
    )
    (tmp_path / "text.onnx").write_bytes(text)
    (tmp_path / "image.onnx").write_bytes(image)
    tokenizer = {
        "version": "1.0", "truncation": None, "padding": None, "added_tokens": [], "normalizer": {"type": "Lowercase"},
        "pre_tokenizer": {"type": "Whitespace"}, "post_processor": None, "decoder": None,
        "model": {"type": "WordLevel", "vocab": WORDS, "unk_token": "[UNK]"},
    }  # fmt: skip
    (tmp_path / "tokenizer.json").write_text(json.dumps(tokenizer))
    looks = {"size": {"shortest_edge": 8}, "image_mean": [0, 0, 0], "image_std": [1, 1, 1]}
    (tmp_path / "preprocessor_config.json").write_text(json.dumps(looks))
    for colour, rgb in (("red", (255, 0, 0)), ("blue", (0, 0, 255))):
        Image.new("RGB", (20, 10), rgb).save(tmp_path / f"{colour}.png")
    return tmp_path


def test_a_picture_agrees_with_the_text_that_says_its_colour(folder: Path) -> None:
    files = [
        str(folder / "red.png"),
        str(folder / "red.png"),
        str(folder / "blue.png"),
        str(folder / "red.png"),
    ]
    rows = TextRows.of(
        ["Red", "blue", "red blue", " "],
        picture=files,
        settings=TextConfig(clip=str(folder), image="picture"),
    )
    assert image_text_agreement(rows).values == pytest.approx([1, 0, np.sqrt(0.5), 0], abs=1e-6)


def test_model_and_pictures_are_found_in_the_project_s_folder(folder: Path) -> None:
    settings = TextConfig(clip=folder.name, image="picture").within(folder.parent)
    rows = TextRows.of(["red", "blue"], picture=[f"{folder.name}/red.png"] * 2, settings=settings)
    assert image_text_agreement(rows).values == pytest.approx([1, 0], abs=1e-6)


def test_a_case_without_a_picture_has_no_value_and_says_so(folder: Path) -> None:
    (folder / "torn.png").write_bytes(b"\x89PNG no")
    files = [str(folder / "torn.png"), None, str(folder / "none.png"), str(folder / "red.png")]
    rows = TextRows.of(["red"] * 4, picture=files, settings=TextConfig(clip=str(folder), image="picture"))
    scored = image_text_agreement(rows)
    assert np.isnan(scored.values).tolist() == [True, True, True, False]
    assert [str(problem)[:11] for problem in scored.problems] == ["no picture:"] * 3 + ["None"]


def test_only_the_middle_of_a_picture_is_seen(folder: Path) -> None:
    wide = Image.new("RGB", (30, 10), (0, 0, 255))
    wide.paste((255, 0, 0), (10, 0, 20, 10))
    wide.save(folder / "wide.png")
    (vector,), _ = Clip(folder).embed_pictures([str(folder / "wide.png")])
    assert vector.round(2).tolist()[0] > 0.95


def test_any_text_has_a_vector(folder: Path) -> None:
    found = Clip(folder).embed(["\ud800 red", "", "red " * 20_000, "😀"])
    assert np.linalg.norm(found, axis=1).round(4).tolist() == [1, 0, 1, 1]


@pytest.mark.parametrize("name", ["text.onnx", "image.onnx", "tokenizer.json"])
def test_a_folder_without_a_model_is_the_users_mistake(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(UserError, match=f"has no {name}"):
        Clip(folder)


def test_a_file_that_is_no_network_is_the_users_mistake(folder: Path) -> None:
    (folder / "text.onnx").write_bytes(b"no network")
    with pytest.raises(UserError, match=r"text\.onnx is no ONNX model"):
        Clip(folder)
