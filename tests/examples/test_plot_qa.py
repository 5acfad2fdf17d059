"""What the plot-qa example tells: whose texts these are, what is held out, and questions that nothing answers."""

import re
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from evaluation.types import Task
from mlops.config import FILE_NAME, load_policy
from mlops.data.table import fingerprint, read_table
from mlops.generation.prompt import Prompt
from mlops.generation.retrieval.documents import read_documents

Folder = Callable[[str], Path]
Module = Callable[[str, str], ModuleType]

LISTED = re.compile(r"^\| `(data/\S+\.parquet)` \| ([\d,]+) \| (\d+) \| `([0-9a-f]{64})` \|$", re.MULTILINE)


@pytest.fixture
def home(folder: Folder) -> Path:
    return folder("plot-qa")


@pytest.fixture
def tables(home: Path) -> dict[str, pl.DataFrame]:
    return {name: read_table(home / f"data/{name}.parquet") for name in ("train", "holdout", "documents")}


def test_the_page_lists_every_file_as_it_is(home: Path) -> None:
    listed = {path: rest for path, *rest in LISTED.findall((home / "DATA.md").read_text(encoding="utf-8"))}
    assert set(listed) == {path.relative_to(home).as_posix() for path in home.rglob("*.parquet")}
    for path, (rows, columns, sha256) in listed.items():
        found = fingerprint(home / path)
        assert (f"{found.rows:,}", str(found.columns), found.sha256) == (rows, columns, sha256)
    assert sum(path.stat().st_size for path in home.rglob("*.parquet")) < 500_000


@pytest.mark.parametrize(
    "said", ["**Source**", "**Licence**", "Apache License", "CC BY-SA 3.0", "**Attribution**"]
)
def test_the_page_names_origin_and_licences(home: Path, said: str) -> None:
    assert said in (home / "DATA.md").read_text(encoding="utf-8")


def test_whole_stories_are_held_out(tables) -> None:
    train, holdout = tables["train"], tables["holdout"]
    assert not set(train["story"]) & set(holdout["story"])
    assert not set(train["question"]) & set(holdout["question"])
    assert set(pl.concat([train, holdout])["story"].value_counts()["count"]) == {3}


def test_a_question_has_a_document_where_the_corpus_answers_it_and_nowhere_else(tables) -> None:
    cases, documents = pl.concat([tables["train"], tables["holdout"]]), set(tables["documents"]["id"])
    answered = cases.filter(pl.col("answerable"))
    assert answered["document"].to_list() == answered["story"].to_list()
    assert set(answered["story"]) == documents
    assert set(answered["answers"].list.len()) == {2}
    absent = cases.filter(~pl.col("answerable"))
    assert absent["document"].null_count() == absent.height == 42
    assert not set(absent["story"]) & documents
    assert set(absent["answers"].list.join("|")) == {"Not in the text."}


def test_every_document_is_read_and_none_is_blank_or_repeated(home: Path, tables) -> None:
    documents = read_documents(home / "data/documents.parquet")
    assert (len(documents.ids), documents.blank, documents.repeated) == (tables["documents"].height, 0, 0)
    assert not re.findall("[ĂĹ\x80-\xa0]|Ã.|â.", "".join(documents.texts))


def test_the_policy_and_both_prompts_fit_the_tables(home: Path, tables) -> None:
    policy = load_policy(home / FILE_NAME)
    assert policy.task is Task.RAG
    columns = {policy.texts.documents, policy.data.target, policy.gate.unit, *policy.data.ignore}
    assert columns <= set(tables["holdout"].columns)
    for name in ("from-context", "free"):
        assert set(Prompt.read(home / f"prompts/{name}.txt").variables) == {"context", "question"}


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("fianc\u0102\u0160", "fiancé"),
        ("fianc\u00c3\u00a9", "fiancé"),
        ("\u00e2\u0080\u0093", "\u2013"),
        ("\u00c2\u00a36000", "£6000"),
        ("Chimène, Bifröst \u2014 Âge", "Chimène, Bifröst \u2014 Âge"),
        ("two  spaces\n\n and\u00a0lines ", "two spaces\nand lines"),
    ],
)
def test_characters_that_were_misread_are_read_again(module: Module, said: str, expected: str) -> None:
    assert module("plot-qa", "make_data").tidy(said) == expected
