"""The index finds what it should, in both ways and fused, and is the same after it was kept."""

import json
import zlib
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from pydantic import ValidationError

from evaluation.errors import UserError
from mlops.generation.retrieval import index as index_module
from mlops.generation.retrieval.config import RetrievalConfig, Weights
from mlops.generation.retrieval.documents import Documents
from mlops.generation.retrieval.index import Index

ALIKE = {"ship": "boat", "vessel": "boat", "feline": "cat", "kitten": "cat"}
TEXTS = {
    "sea": "the captain lost a leg to the whale",
    "harbour": "a boat lies in the harbour",
    "home": "the cat sleeps on the sofa",
    "town": "people walk through the town",
}


class Synonyms:
    """A bag of hashed words, in which synonyms are one word."""

    def embed_documents(self, texts: Sequence[str]) -> list[list[float]]:
        vectors = np.zeros((len(texts), 64))
        for vector, text in zip(vectors, texts, strict=True):
            for word in text.lower().split():
                vector[zlib.crc32(ALIKE.get(word, word).encode()) % 64] += 1
        return vectors.tolist()


def config(**given: object) -> RetrievalConfig:
    settings = {"documents": "docs", "chunk_words": 20, "overlap": 0, "embeddings": f"{__name__}:Synonyms"}
    return RetrievalConfig.model_validate(settings | given)


@pytest.fixture(autouse=True)
def _own_embeddings(monkeypatch: pytest.MonkeyPatch) -> None:
    from evaluation.embeddings.langchain import LangChain

    monkeypatch.setattr(index_module, "embedder", lambda name: LangChain(Synonyms()))


def made(**given: object) -> Index:
    return Index.of(Documents(tuple(TEXTS), tuple(TEXTS.values())), config(**given))


def ids(index: Index, query: str) -> list[str]:
    return [passage.id for passage in index.search([query])[0]]


@pytest.mark.parametrize(
    ("weights", "query", "first"),
    [
        ({}, "whale captain", "sea"),
        ({"meaning": 0}, "whale captain", "sea"),
        ({"words": 0}, "whale captain", "sea"),
        ({}, "kitten sofa", "home"),
        ({"words": 0}, "vessel", "harbour"),
    ],
)
def test_finds(weights: dict[str, float], query: str, first: str) -> None:
    assert ids(made(weights=weights), query)[0] == first


def test_words_alone_do_not_know_a_synonym_and_meaning_does() -> None:
    assert ids(made(weights={"meaning": 0}), "vessel") == []
    assert ids(made(), "vessel")[0] == "harbour"


def test_places_are_fused_by_their_reciprocals() -> None:
    index = made(weights={"meaning": 2, "words": 3}, top_k=4)
    by_words = ids(
        replace(index, config=config(weights={"meaning": 0}, top_k=4), vectors=None), "the cat people"
    )
    by_meaning = ids(replace(index, config=config(weights={"words": 0}, top_k=4)), "the cat people")
    expected = {
        name: sum(
            weight / (61 + listed.index(name))
            for weight, listed in ((2, by_meaning), (3, by_words))
            if name in listed
        )
        for name in TEXTS
    }
    found = index.search(["the cat people"])[0]
    assert {passage.id: passage.score for passage in found} == pytest.approx(expected)
    assert [passage.score for passage in found] == sorted(expected.values(), reverse=True)


@pytest.mark.parametrize("top_k", [1, 2, 100])
def test_no_more_than_asked_for_and_each_passage_once(top_k: int) -> None:
    found = [(passage.id, passage.place) for passage in made(top_k=top_k).search(["the captain"])[0]]
    assert len(found) == len(set(found)) == min(top_k, len(TEXTS))


def test_a_blank_question_finds_nothing_beside_one_that_finds() -> None:
    assert [len(found) for found in made().search(["", "cat", "?!"])] == [0, 3, 3]
    assert made(weights={"meaning": 0}).search(["", "?!"]) == [[], []]


def test_many_questions_are_answered_as_one_by_one() -> None:
    index = made()
    queries = ["the captain", "vessel", "town people", ""] * 40
    assert index.search(queries) == [index.search([query])[0] for query in queries]
    assert index.search([]) == []


def test_of_equal_passages_the_earlier_comes_first() -> None:
    texts = tuple(f"the same {word}" for word in ("ax", "bx", "cx", "dx"))
    index = Index.of(Documents(("1", "2", "3", "4"), texts), config(weights={"meaning": 0}))
    assert ids(index, "same") == ["1", "2", "3"]


@pytest.mark.parametrize("weights", [{}, {"meaning": 0}, {"words": 0}])
def test_what_is_kept_answers_the_same(tmp_path: Path, weights: dict[str, float]) -> None:
    index = replace(made(weights=weights), blank=2, repeated=1)
    index.save(tmp_path / "index")
    loaded = Index.load(tmp_path / "index", tmp_path / "code")
    queries = ["the captain", "vessel", ""]
    assert loaded.search(queries) == index.search(queries)
    assert (loaded.config, loaded.blank, loaded.repeated) == (index.config, 2, 1)


def test_nothing_that_is_kept_can_run_code(tmp_path: Path) -> None:
    made().save(tmp_path)
    assert {path.name for path in tmp_path.iterdir()} == {
        "index.json",
        "passages.parquet",
        "vectors.npy",
        "words.json",
        "words.npz",
    }
    assert not any(b"pickle" in path.read_bytes() for path in tmp_path.iterdir())


@pytest.mark.parametrize("name", ["index.json", "passages.parquet", "vectors.npy", "words.npz", "words.json"])
@pytest.mark.parametrize("content", [None, b"", b"[]", b"\x93NUMPY"])
def test_a_damaged_index_is_said_to_be_none(tmp_path: Path, name: str, content: bytes | None) -> None:
    made().save(tmp_path)
    if content is None:
        (tmp_path / name).unlink()
    else:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match="holds no index"):
        Index.load(tmp_path, tmp_path / "code")


def test_an_index_that_does_not_know_of_own_embeddings_has_none(tmp_path: Path) -> None:
    made().save(tmp_path)
    settings = json.loads((tmp_path / "index.json").read_text())
    del settings["own"]
    (tmp_path / "index.json").write_text(json.dumps(settings))
    assert Index.load(tmp_path, tmp_path / "code").own is None


def test_parts_of_two_indexes_are_no_index(tmp_path: Path) -> None:
    made().save(tmp_path)
    pl.read_parquet(tmp_path / "passages.parquet").head(2).write_parquet(tmp_path / "passages.parquet")
    with pytest.raises(UserError, match="different lengths"):
        Index.load(tmp_path, tmp_path / "code")


def test_more_passages_than_can_be_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index_module, "MAX_PASSAGES", 3)
    with pytest.raises(UserError, match=r"docs makes 4 passages(.|\n)*at most 3"):
        made()


def test_build_reads_a_projects_documents(tmp_path: Path) -> None:
    pl.DataFrame({"id": ["a", "b", "c"], "text": ["one two three", "", "one two three"]}).write_csv(
        tmp_path / "d.csv"
    )
    index = Index.build(config(documents="d.csv", chunk_words=5, weights={"meaning": 0}), tmp_path)
    assert (index.passages.rows(), index.blank, index.repeated) == ([("a", 0, "one two three")], 1, 1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"chunk_words": 20, "overlap": 20}, "overlap must be below chunk_words"),
        ({"weights": {"meaning": 0, "words": 0}}, "one of meaning and words"),
        ({"top_k": 0}, "top_k"),
        ({"top_k": 2, "in_prompt": 3}, "in_prompt must be at most top_k"),
        ({"chunks": 3}, "chunks"),
    ],
)
def test_settings_that_cannot_be(given: dict, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config(**given)


def test_by_default_both_lists_count_alike() -> None:
    assert RetrievalConfig(documents="docs").weights == Weights(meaning=1, words=1)
