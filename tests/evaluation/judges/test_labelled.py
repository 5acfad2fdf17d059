"""Ratings of people as files, and what is wrong with some."""

from pathlib import Path

import numpy as np
import polars as pl
import pytest

from evaluation.errors import UserError
from evaluation.judges.config import ScaleConfig
from evaluation.judges.labelled import read_labelled

ROWS = [
    {"prompt": "p", "answer": "a", "score": 4, "rater": "anna", "model": "m"},
    {"prompt": "p", "answer": "a", "score": 2, "rater": "ben", "model": "m"},
    {"prompt": "p", "answer": "b", "score": 5, "rater": "anna", "model": None},
    {"prompt": "p", "answer": "a", "score": 3, "rater": "anna", "model": "m"},
]


def written(folder: Path, suffix: str, rows: list[dict[str, object]]) -> Path:
    path, table = folder / f"ratings{suffix}", pl.DataFrame(rows)
    match suffix:
        case ".csv":
            table.write_csv(path)
        case ".jsonl":
            # As some editors write it, with a mark of the encoding first.
            path.write_text(table.write_ndjson(), encoding="utf-8-sig")
        case _:
            table.write_parquet(path)
    return path


@pytest.mark.parametrize("suffix", [".csv", ".jsonl", ".parquet"])
def test_one_row_a_rating_and_the_last_of_a_rater_counts(tmp_path: Path, suffix: str) -> None:
    found = read_labelled(written(tmp_path, suffix, ROWS), ScaleConfig())
    assert [(item.prompt, item.answer) for item in found.items] == [("p", "a"), ("p", "b")]
    assert found.raters == ("anna", "ben")
    np.testing.assert_array_equal(found.ratings, [[3, 2], [5, np.nan]])
    assert found.means.tolist() == [2.5, 5.0]
    assert found.ratings_middle.tolist() == [2.0, 5.0]
    assert found.models == ("m", None)
    assert found.prompts.tolist() == [0, 0]
    said = found.said_of(["p", "p", "other"], ["b", "c", "b"])
    np.testing.assert_array_equal(said, [5, np.nan, np.nan])


def test_labels_count_by_their_place(tmp_path: Path) -> None:
    rows: list[dict[str, object]] = [{"prompt": "p", "answer": "a", "score": "good"}]
    found = read_labelled(written(tmp_path, ".csv", rows), ScaleConfig(labels=("poor", "fair", "good")))
    assert found.ratings.tolist() == [[2.0]]
    assert found.raters == ("somebody",)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"score": 6}, "row 2 has score 6"),
        ({"score": None}, "row 2 has score None"),
        ({"answer": None}, "row 2 has no prompt or no answer"),
        ({"answer": ""}, "row 2 has no prompt or no answer"),
    ],
)
def test_a_rating_off_the_scale_is_told_with_its_row(
    tmp_path: Path, change: dict[str, object], told: str
) -> None:
    rows = [ROWS[0], ROWS[0] | change]
    with pytest.raises(UserError, match=told):
        read_labelled(written(tmp_path, ".jsonl", rows), ScaleConfig())


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("x.csv", b"prompt,answer\np,a\n", "no column score"),
        ("x.csv", b"", "could not be read"),
        ("x.csv", b"prompt,answer,score\np,\xff,3\n", "could not be read"),
        ("x.jsonl", b"{", "could not be read"),
        ("x.jsonl", b"\xff", "could not be read"),
        ("x.parquet", b"no", "could not be read"),
        ("x.txt", b"prompt", "no table of ratings"),
    ],
)
def test_what_is_no_table_of_ratings_is_told(tmp_path: Path, name: str, content: bytes, told: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=told):
        read_labelled(tmp_path / name, ScaleConfig())


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv could not be read"):
        read_labelled(tmp_path / "none.csv", ScaleConfig())
