"""Tables that cannot be read, and fingerprints of those that can."""

import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from evaluation.errors import EnvironmentProblem, UserError
from mlops.config import DataConfig
from mlops.data import table as module
from mlops.data.load import feature_columns, load
from mlops.data.table import Table, fingerprint, read_table

FRAME = pl.DataFrame({"id": [1, 2, 3], "age": [30, 41, None], "default": [0, 1, 0]})


def parquet(tmp_path: Path) -> bytes:
    FRAME.write_parquet(tmp_path / "whole.parquet")
    return (tmp_path / "whole.parquet").read_bytes()


@pytest.mark.parametrize("name", ["table.parquet", "table.csv", "TABLE.CSV"])
def test_both_kinds_are_read_alike(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    (FRAME.write_parquet if name.endswith("parquet") else FRAME.write_csv)(path)

    assert read_table(path).equals(FRAME)


def test_csv_types_come_from_all_rows(tmp_path: Path) -> None:
    path = tmp_path / "late.csv"
    path.write_text("code\n" + "1\n" * 500 + "A7\n")

    assert read_table(path).schema["code"] == pl.String


def test_a_table_without_rows_is_read(tmp_path: Path) -> None:
    path = tmp_path / "none.csv"
    path.write_text("age,default\n")

    assert read_table(path).shape == (0, 2)


def test_a_name_that_looks_like_a_pattern_is_one_file(tmp_path: Path) -> None:
    path = tmp_path / "part[1]*.parquet"
    FRAME.write_parquet(path)

    assert read_table(path).height == 3


BAD = {
    "empty": ("t.parquet", b"", "empty (0 bytes)"),
    "empty csv": ("t.csv", b"", "empty (0 bytes)"),
    "blank csv": ("t.csv", b"\n\n", "damaged or no CSV"),
    "no parquet": ("t.parquet", b"age,default\n1,0\n", "damaged or no Parquet"),
    "csv with more fields than names": ("t.csv", b"a,b\n1,2,3\n", "damaged or no CSV"),
    "csv with an open quote": ("t.csv", b'a,b\n1,"x\n', "damaged or no CSV"),
    "csv that is no text": ("t.csv", b"\xff\xfe\x00\x01,b\n1,2\n", "is not UTF-8: ff at byte 0"),
    "csv in Latin-1": ("t.csv", b"a,b\n1,caf\xe9\n", "is not UTF-8: e9 at byte 9"),
    "column twice": ("t.csv", b"age,age\n1,2\n", "names a column twice: 'age'"),
    "excel": ("t.xlsx", b"PK", "ends in '.xlsx'"),
    "no suffix": ("table", b"a\n1\n", "ends in ''"),
}


@pytest.mark.parametrize(("name", "content", "found"), BAD.values(), ids=BAD.keys())
def test_bad_files_are_a_users_error(tmp_path: Path, name: str, content: bytes, found: str) -> None:
    path = tmp_path / name
    path.write_bytes(content)

    with pytest.raises(UserError) as caught:
        read_table(path)
    assert found in caught.value.found
    assert caught.value.expected
    assert caught.value.next_step


@pytest.mark.parametrize("kept", [0.25, 0.5, 0.9, 0.99])
def test_a_broken_off_parquet_file(tmp_path: Path, kept: float) -> None:
    whole = parquet(tmp_path)
    path = tmp_path / "cut.parquet"
    path.write_bytes(whole[: int(len(whole) * kept)])

    with pytest.raises(UserError, match="damaged or no Parquet"):
        read_table(path)


def test_flipped_bytes_are_an_error_or_another_fingerprint(tmp_path: Path) -> None:
    whole = parquet(tmp_path)
    path = tmp_path / "flipped.parquet"
    for place in range(0, len(whole), 7):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            assert fingerprint(path).sha256 != hashlib.sha256(whole).hexdigest()
        except UserError as error:
            assert "damaged" in error.found or "twice" in error.found  # noqa: PT017 - most places raise


def test_parquet_with_a_column_twice(tmp_path: Path) -> None:
    table = pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["age", "age"])
    pq.write_table(table, tmp_path / "t.parquet")

    with pytest.raises(UserError, match="names a column twice"):
        read_table(tmp_path / "t.parquet")


def test_a_missing_file_names_its_neighbours(tmp_path: Path) -> None:
    FRAME.write_csv(tmp_path / "holdout.csv")

    with pytest.raises(UserError) as caught:
        read_table(tmp_path / "holdot.csv")
    assert "holdot.csv" in caught.value.found
    assert caught.value.expected == "one of: holdout.csv"
    assert caught.value.next_step == "did you mean 'holdout.csv'?"


def test_a_folder_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "train.parquet").mkdir()

    with pytest.raises(UserError, match="is a folder"):
        read_table(tmp_path / "train.parquet")


def test_a_file_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "t.parquet"
    FRAME.write_parquet(path)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(module.pl, "read_parquet", refuse)
    with pytest.raises(UserError, match="cannot be read: Permission denied"):
        read_table(path)


def test_a_fingerprint_says_what_the_file_is(tmp_path: Path) -> None:
    content = parquet(tmp_path)

    found = fingerprint(tmp_path / "whole.parquet")

    assert found.sha256 == hashlib.sha256(content).hexdigest()
    assert (found.path, found.rows, found.columns, found.bytes) == ("whole.parquet", 3, 3, len(content))


def test_files_larger_than_a_chunk_are_hashed_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CHUNK", 10)
    content = parquet(tmp_path)

    assert fingerprint(tmp_path / "whole.parquet").sha256 == hashlib.sha256(content).hexdigest()


def config(**changes: object) -> DataConfig:
    values = {"train": "train.parquet", "evaluate": "holdout.csv", "target": "default", "ignore": ("id",)}
    return DataConfig.model_validate(values | changes)


def test_loading_a_project(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "train.parquet")
    FRAME.head(2).write_csv(tmp_path / "holdout.csv")

    found = load(tmp_path, config())

    assert found.features == ("age",)
    assert (found.train.height, found.evaluate.height) == (3, 2)
    assert (found.train_fingerprint.path, found.evaluate_fingerprint.rows) == ("train.parquet", 2)


COLUMNS = {
    "target misspelt": ({"target": "defualt"}, "data.target: column 'defualt'", "did you mean 'default'?"),
    "target far off": ({"target": "churn"}, "data.target", "correct data.target in weighbridge.yaml"),
    "ignored misspelt": ({"ignore": ("idd",)}, "data.ignore: column 'idd'", "did you mean 'id'?"),
    "target ignored": ({"ignore": ("default",)}, "is the target and ignored", "remove 'default'"),
    "nothing left": ({"ignore": ("id", "age")}, "no feature left", "shorten data.ignore"),
}


@pytest.mark.parametrize(("changes", "found", "next_step"), COLUMNS.values(), ids=COLUMNS.keys())
def test_columns_that_the_policy_names_wrongly(
    changes: dict[str, object], found: str, next_step: str
) -> None:
    with pytest.raises(UserError) as caught:
        feature_columns(FRAME.columns, config(**changes), path="data/train.parquet")
    assert found in caught.value.found
    assert next_step in caught.value.next_step


def test_a_holdout_without_target(tmp_path: Path) -> None:
    FRAME.write_parquet(tmp_path / "train.parquet")
    FRAME.drop("default").write_csv(tmp_path / "holdout.csv")

    with pytest.raises(UserError, match=r"column 'default' is not in holdout\.csv"):
        load(tmp_path, config())


def test_a_file_that_is_rewritten_while_it_is_hashed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "train.parquet"
    FRAME.write_parquet(path)
    read = module.sha256_of

    def read_late(of: Path) -> str:
        digest = read(of)
        os.utime(of, ns=(1, 1))
        return digest

    monkeypatch.setattr(module, "sha256_of", read_late)
    with pytest.raises(EnvironmentProblem, match="changed while it was read"):
        fingerprint(path)


@pytest.mark.parametrize(
    "read",
    [
        lambda table: table.frame,
        lambda table: table.columns(["age"]),
        lambda table: list(table.batches(["age"])),
        lambda table: table.sample(["age"], 2, 0),
    ],
    ids=["whole", "columns", "batches", "sample"],
)
def test_rows_of_another_file_than_was_fingerprinted_are_refused(
    tmp_path: Path, read: Callable[[Table], object]
) -> None:
    path = tmp_path / "train.parquet"
    FRAME.write_parquet(path)
    table = Table.open(path)
    FRAME.reverse().write_parquet(path)
    os.utime(path, ns=(1, 1))
    with pytest.raises(EnvironmentProblem, match="changed while it was read"):
        read(table)


@pytest.mark.parametrize("name", ["t.parquet", "t.csv"])
@pytest.mark.parametrize("whole", [False, True])
def test_a_table_is_read_in_parts(tmp_path: Path, name: str, whole: bool) -> None:
    frame = pl.DataFrame({"a": range(25), "b": [f"b{number}" for number in range(25)], "c": [0.5] * 25})
    path = tmp_path / name
    frame.write_csv(path) if name.endswith("csv") else frame.write_parquet(path, row_group_size=10)
    table = Table.open(path)
    if whole:
        assert table.frame.equals(frame)
    assert table.columns(["c", "a"]).equals(frame.select("c", "a"))
    parts = list(table.batches(["b", "a"], rows=7))
    assert [part.height for part in parts] == [7, 7, 7, 4]
    assert pl.concat(parts).equals(frame.select("b", "a"))
    found, places = table.sample(["a"], 9, seed=3)
    assert len(set(places.tolist())) == 9
    assert found["a"].to_list() == sorted(places.tolist()) == places.tolist()
    everything, places = table.sample(["a"], 100, seed=3)
    assert everything["a"].to_list() == places.tolist() == list(range(25))


def test_a_table_without_rows_is_one_empty_part(tmp_path: Path) -> None:
    FRAME.clear().write_parquet(tmp_path / "t.parquet")
    table = Table.open(tmp_path / "t.parquet")
    assert [part.shape for part in table.batches(["age"])] == [(0, 1)]
    assert table.sample(["age"], 3, seed=0)[0].height == 0


def test_a_long_list_of_columns_is_cut() -> None:
    frame = pl.DataFrame({f"column_{number}": [1] for number in range(40)})

    with pytest.raises(UserError) as caught:
        feature_columns(frame.columns, config())
    assert caught.value.expected.endswith("column_29 and 10 more")
