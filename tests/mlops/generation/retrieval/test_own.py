"""Embeddings of the project's own: their code is found, kept with the index, and run from where it was kept."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from evaluation.errors import EnvironmentProblem, UserError
from mlops.generation.retrieval.config import RetrievalConfig
from mlops.generation.retrieval.documents import Documents
from mlops.generation.retrieval.index import Index
from mlops.generation.retrieval.own import OwnEmbeddings

TEXTS = Documents(("harbour", "home"), ("a boat lies in the harbour", "the cat sleeps on the sofa"))
MEANING = """
from pathlib import Path

from places.kinds import kind


class Embeddings:
    def __init__(self, kinds):
        self.kinds = kinds

    def embed_documents(self, texts):
        return [[float(kind(text, self.kinds) == each) for each in range(3)] for text in texts]


def make(project_dir: Path):
    return Embeddings((project_dir / "words" / "kinds.txt").read_text().splitlines())
"""
KINDS = """
def kind(text, kinds):
    return next((place for place, words in enumerate(kinds) if any(word in text for word in words.split())), 2)
"""
WORDS = "boat vessel ship\ncat kitten\n"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    for name, content in {
        "meaning.py": MEANING,
        "places/__init__.py": "",
        "places/kinds.py": KINDS,
        "places/unused.py": "1 / 0\n",
        "words/kinds.txt": WORDS,
        "words/more/other.txt": "x",
    }.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder


def config(embeddings: str = "meaning:make", **given: Any) -> RetrievalConfig:
    settings = {"documents": "d", "chunk_words": 20, "overlap": 0, "weights": {"words": 0}, "top_k": 1}
    return RetrievalConfig.model_validate({"embeddings": embeddings, "files": ["words"]} | settings | given)


def index(project: Path, **given: Any) -> Index:
    found = config(**given)
    return Index.of(TEXTS, found, own=OwnEmbeddings.build(found, project))


def first(index: Index) -> list[str]:
    return [found[0].id for found in index.search(["any vessel", "a kitten"])]


def kept(project: Path, folder: Path) -> tuple[Path, Path]:
    """An index as it lies in a model, and the code beside it."""
    made = index(project)
    made.save(folder / "data" / "index")
    assert made.own is not None
    for path in made.own.files():
        (folder / "code" / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(project / path, folder / "code" / path)
    return folder / "data" / "index", folder / "code"


def test_they_find_and_their_code_is_what_was_imported_and_named(project: Path) -> None:
    made = index(project)
    assert first(made) == ["harbour", "home"]
    assert made.own is not None
    assert [path.as_posix() for path in made.own.files()] == [
        "meaning.py",
        "places/__init__.py",
        "places/kinds.py",
        "words/kinds.txt",
        "words/more/other.txt",
    ]
    assert "meaning" not in sys.modules
    assert str(project) not in sys.path


def test_what_is_kept_runs_from_where_it_is_kept_and_writes_nothing_there(
    project: Path, tmp_path: Path
) -> None:
    place, code = kept(project, tmp_path / "model")
    before = sorted(code.rglob("*"))
    shutil.rmtree(project)
    assert first(Index.load(place, code)) == ["harbour", "home"]
    # Another model beside it has other words, and modules of the same names.
    (code / "words" / "kinds.txt").write_text("kitten\nvessel\n")
    assert first(Index.load(place, code)) == ["home", "harbour"]
    assert sorted(code.rglob("*")) == before


@pytest.mark.parametrize("name", ["meaning.py", "places/kinds.py", "words/kinds.txt"])
def test_a_model_without_all_of_its_code_does_not_load(project: Path, tmp_path: Path, name: str) -> None:
    place, code = kept(project, tmp_path / "model")
    (code / name).unlink()
    with pytest.raises(EnvironmentProblem, match="does not load") as told:
        Index.load(place, code)
    assert str(tmp_path / "model") in told.value.found


@pytest.mark.parametrize(
    ("code", "given", "said"),
    [
        ("", {}, "'meaning:make' names no function"),
        ("import no_such_thing\n", {}, "no module named 'no_such_thing'"),
        ("def make(url): ...\n", {}, "missing a required argument: 'url'"),
        ("def make():\n    raise KeyError('x')\n", {}, r"raised KeyError at meaning\.py:2"),
        ("def make():\n    return 3\n", {}, "meaning:make gave int, which has no embed_documents"),
        (MEANING, {"files": ["words", "absent"]}, r"retrieval\.files names 'absent', which is not there"),
        (MEANING, {"embeddings": "no_such_module:make"}, "no module named 'no_such_module'"),
    ],
)
def test_what_is_wrong_is_said_where_it_stands(
    project: Path, code: str, given: dict[str, Any], said: str
) -> None:
    (project / "meaning.py").write_text(code)
    with pytest.raises(UserError, match=said) as told:
        index(project, **given)
    assert "generate.retrieval" in told.value.found


def test_a_module_that_only_this_machine_finds_is_refused(
    project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "stray.py").write_text("def make(): ...\n")
    monkeypatch.syspath_prepend(str(elsewhere))
    with pytest.raises(
        UserError, match=r"stray:make lies neither in the project's folder nor in an installed"
    ) as told:
        index(project, embeddings="stray:make")
    assert "beside weighbridge.yaml" in str(told.value.expected)
    sys.modules.pop("stray", None)


@pytest.mark.parametrize(
    ("given"),
    [
        {"embeddings": "minilm", "files": []},
        {"weights": {"meaning": 0}},
        {"embeddings": "langchain_core.embeddings:DeterministicFakeEmbedding"},
    ],
    ids=["minilm", "words alone", "installed"],
)
def test_others_bring_no_code(project: Path, given: dict[str, Any]) -> None:
    assert OwnEmbeddings.build(config(**given), project) is None


def test_vectors_are_made_again_when_what_they_hang_on_has_changed(project: Path, tmp_path: Path) -> None:
    def digest() -> str:
        own = OwnEmbeddings.build(config(), project)
        assert own is not None
        return own.digest

    seen = [digest(), digest()]
    for name in ("meaning.py", "places/kinds.py", "words/kinds.txt"):
        (project / name).write_text((project / name).read_text() + "\n")
        seen.append(digest())
    assert len(set(seen)) == 4
    found = config()
    for _ in range(2):
        Index.of(TEXTS, found, kept=tmp_path / "kept", own=OwnEmbeddings.build(found, project))
    assert len(list((tmp_path / "kept").iterdir())) == 1
    (project / "words" / "kinds.txt").write_text("sofa\nboat\n")
    Index.of(TEXTS, found, kept=tmp_path / "kept", own=OwnEmbeddings.build(found, project))
    assert len(list((tmp_path / "kept").iterdir())) == 2


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"files": ["../secrets"]}, "does not lie in the folder"),
        ({"files": ["/etc/passwd"]}, "does not lie in the folder"),
        ({"embeddings": "minilm"}, "minilm has its own"),
    ],
)
def test_files_that_cannot_be(given: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        config(**given)
