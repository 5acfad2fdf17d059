"""Documents of every kind are read, and what is wrong with them is said."""

from pathlib import Path

import polars as pl
import pytest

from evaluation.errors import UserError
from mlops.generation.retrieval.documents import read_documents

TABLE = pl.DataFrame({"id": ["a", "b"], "text": ["one whale", "two ships"]})


def write(path: Path, table: pl.DataFrame) -> Path:
    {".parquet": table.write_parquet, ".csv": table.write_csv, ".jsonl": table.write_ndjson}[path.suffix](
        path
    )
    return path


@pytest.mark.parametrize("suffix", [".parquet", ".csv", ".jsonl"])
def test_tables(tmp_path: Path, suffix: str) -> None:
    documents = read_documents(write(tmp_path / f"documents{suffix}", TABLE))
    assert documents.ids == ("a", "b")
    assert documents.texts == ("one whale", "two ships")


def test_a_folder_names_documents_by_their_files(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "b.txt").write_text("two", encoding="utf-8")
    (tmp_path / "deep" / "a.md").write_text("\ufeffone é", encoding="utf-8")
    (tmp_path / "picture.png").write_bytes(b"\xff\xfe")
    documents = read_documents(tmp_path)
    assert dict(zip(documents.ids, documents.texts, strict=True)) == {"b.txt": "two", "deep/a.md": "one é"}


def test_blank_and_repeated_documents_are_counted(tmp_path: Path) -> None:
    table = pl.DataFrame({"id": ["a", "b", "c", "a", "d"], "text": ["one", None, " \n", "one", "one"]})
    documents = read_documents(write(tmp_path / "documents.parquet", table))
    assert (documents.ids, documents.blank, documents.repeated) == (("a",), 2, 2)


def test_numbers_may_be_ids(tmp_path: Path) -> None:
    table = pl.DataFrame({"id": [1, 2], "text": ["one", "two"]})
    assert read_documents(write(tmp_path / "documents.parquet", table)).ids == ("1", "2")


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"id": ["a", "a"], "text": ["one", "two"]}, "two texts with the id 'a'"),
        ({"id": ["a", None], "text": ["one", "two"]}, "1 documents without id"),
        ({"id": ["a"], "body": ["one"]}, "no column 'text'"),
        ({"id": ["a"], "text": [" "]}, r"no document with text in it \(1 read\)"),
    ],
)
def test_a_table_that_is_none_of_documents(tmp_path: Path, table: dict, said: str) -> None:
    path = write(tmp_path / "documents.parquet", pl.DataFrame(table))
    with pytest.raises(UserError, match=said):
        read_documents(path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("documents.parquet", b"no table"),
        ("documents.csv", b"id,text\na,caf\xe9\n"),
        ("documents.jsonl", b'{"id": "a", "text": "caf\xe9"}\n'),
        ("documents.jsonl", b"{'id'"),
    ],
)
def test_a_file_that_cannot_be_read(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=f"{name} cannot be read"):
        read_documents(tmp_path / name)


def test_a_text_that_is_not_utf8_is_named_with_its_byte(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(UserError, match=r"a\.txt is not UTF-8: byte 3 is 0xe9"):
        read_documents(tmp_path)


@pytest.mark.parametrize("name", ["absent.parquet", "absent", "notes.docx"])
def test_a_path_that_holds_no_documents(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="no documents at"):
        read_documents(tmp_path / name)


def test_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no document with text in it \(0 read\)"):
        read_documents(tmp_path)
