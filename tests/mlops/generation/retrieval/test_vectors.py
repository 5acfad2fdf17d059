"""Vectors of a corpus are kept, found again by what they hang on, and made anew where they cannot be read."""

import os
from pathlib import Path

import numpy as np
import pytest

from mlops.generation.retrieval import vectors
from mlops.generation.retrieval.vectors import vectors_of

TEXTS = ["a red mug", "", "a blue bowl"]
MODULE = """
import os


class Counted:
    def embed_documents(self, texts):
        with open(os.environ["COUNTED"], "a") as file:
            file.write("x")
        return [[float(len(text)), {second}] for text in texts]


made = Counted
"""


@pytest.fixture
def counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with a letter for each time that `counting:made` was asked."""
    (tmp_path / "counting.py").write_text(MODULE.format(second=1.0))
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "counting", raising=False)
    monkeypatch.setenv("COUNTED", str(tmp_path / "asked"))
    (tmp_path / "asked").touch()
    return tmp_path / "asked"


def kept_in(folder: Path) -> list[Path]:
    return sorted((folder / "kept").glob("*"))


def test_the_same_corpus_is_embedded_once(counted: Path, tmp_path: Path) -> None:
    first = vectors_of(TEXTS, "counting:made", tmp_path / "kept")
    again = vectors_of(TEXTS, "counting:made", tmp_path / "kept")
    assert counted.read_text() == "x"
    assert len(kept_in(tmp_path)) == 1
    np.testing.assert_array_equal(first, again)
    assert np.linalg.norm(first, axis=1).round(6).tolist() == [1.0, 0.0, 1.0]


@pytest.mark.parametrize(
    "texts", [["a red mug", "a blue bowl", ""], [*TEXTS, "a plate"], ["a red", "mug", ""]]
)
def test_another_corpus_is_another(counted: Path, tmp_path: Path, texts: list[str]) -> None:
    vectors_of(TEXTS, "counting:made", tmp_path / "kept")
    assert len(vectors_of(texts, "counting:made", tmp_path / "kept")) == len(texts)
    assert counted.read_text() == "xx"


def test_another_text_of_the_function_is_another_model(counted: Path, tmp_path: Path) -> None:
    vectors_of(TEXTS, "counting:made", tmp_path / "kept")
    (tmp_path / "counting.py").write_text(MODULE.format(second=20.0))
    vectors_of(TEXTS, "counting:made", tmp_path / "kept")
    assert counted.read_text() == "xx"


@pytest.mark.parametrize("content", [b"", b"no array", None], ids=["empty", "text", "of another corpus"])
def test_what_cannot_be_read_is_made_again(counted: Path, tmp_path: Path, content: bytes | None) -> None:
    wanted = vectors_of(TEXTS, "counting:made", tmp_path / "kept")
    [path] = kept_in(tmp_path)
    if content is None:
        np.save(path, wanted[:2])
    else:
        path.write_bytes(content)
    np.testing.assert_array_equal(vectors_of(TEXTS, "counting:made", tmp_path / "kept"), wanted)
    np.testing.assert_array_equal(np.load(path), wanted)


def test_the_few_that_were_used_last_stay(
    counted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vectors, "_KEPT", 2)
    made = []
    for number in range(3):
        vectors_of([f"text {number}"], "counting:made", tmp_path / "kept")
        [new] = [path for path in kept_in(tmp_path) if path not in made]
        os.utime(new, (number, number))
        made.append(new)
    assert kept_in(tmp_path) == sorted(made[1:])


def test_a_folder_that_takes_nothing_costs_the_next_time_only(
    counted: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "kept").write_text("a file")
    assert len(vectors_of(TEXTS, "counting:made", tmp_path / "kept")) == 3
    assert "vectors are not kept" in caplog.text


def test_minilm_is_kept_like_any_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = vectors_of(TEXTS, "minilm", None)
    np.testing.assert_array_equal(vectors_of(TEXTS, "minilm", tmp_path / "kept"), wanted)
    monkeypatch.setattr(vectors, "embedder", None)
    np.testing.assert_array_equal(vectors_of(TEXTS, "minilm", tmp_path / "kept"), wanted)
