"""A sketch knows rows again, whatever the order and the file format, and says how much two tables share."""

import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evaluation import row_sketch
from evaluation.row_sketch import SIZE, RowSketch, containment


def table(rows: int, seed: int = 0) -> pl.DataFrame:
    random = np.random.Generator(np.random.PCG64(seed))
    return pl.DataFrame({"a": random.normal(size=rows), "b": random.integers(0, 5, rows)}).with_columns(
        c=pl.Series(random.choice(["x", "y", None], rows))
    )


def test_the_hashes_are_the_same_on_every_machine() -> None:
    """These numbers are written into tracking stores: another version of pandas must find them again."""
    frame = pl.DataFrame({"n": [1, -2], "t": ["a", "ä"], "none": [None, 0.5], "d": [date(2026, 1, 2), None]})
    assert RowSketch.of(frame).hashes == (2737897304715844312, 13392938008924449529)


SAME: dict[str, Callable[[pl.DataFrame], pl.DataFrame]] = {
    "rows in another order": lambda frame: frame.sample(fraction=1.0, shuffle=True, seed=3),
    "columns in another order": lambda frame: frame.select("c", "a", "b"),
    "whole numbers as real ones": lambda frame: frame.with_columns(pl.col("b").cast(pl.Float32)),
    "text as categories": lambda frame: frame.with_columns(pl.col("c").cast(pl.Categorical)),
    "rows twice": lambda frame: pl.concat([frame, frame]),
}


@pytest.mark.parametrize("change", SAME.values(), ids=SAME.keys())
def test_it_is_the_same_table(change: Callable[[pl.DataFrame], pl.DataFrame]) -> None:
    frame = table(900)
    assert RowSketch.of(change(frame)) == RowSketch.of(frame)


def test_a_table_is_known_again_from_either_file(tmp_path: Path) -> None:
    frame = table(500).with_columns(
        on=pl.lit(date(2026, 1, 2)), at=pl.lit(datetime(2026, 1, 2, 3, tzinfo=UTC))
    )
    frame.write_csv(tmp_path / "t.csv")
    frame.write_parquet(tmp_path / "t.parquet")
    read = [
        pl.read_csv(tmp_path / "t.csv", try_parse_dates=True, infer_schema_length=None),
        pl.read_parquet(tmp_path / "t.parquet"),
    ]
    assert RowSketch.of(read[0]) == RowSketch.of(read[1])


@pytest.mark.parametrize(
    "column",
    [
        [1, 2],
        [1.0, -0.0],
        [True, None],
        ["a", None],
        [[1], None],
        [{"k": 1}, None],
        [b"a", b"b"],
        [None, None],
    ],
    ids=str,
)
def test_every_kind_of_column_has_a_hash(column: list[object]) -> None:
    frame = pl.DataFrame({"column": column, "row": [1, 2]})
    assert len(RowSketch.of(frame).hashes) == 2


def test_zero_has_one_sign_and_nan_is_no_value() -> None:
    signs = [RowSketch.of(pl.DataFrame({"a": [value]})) for value in (0.0, -0.0, 0)]
    assert len(set(signs)) == 1
    gone = [
        RowSketch.of(pl.DataFrame({"a": [value]}, schema={"a": pl.Float64})) for value in (None, float("nan"))
    ]
    assert len(set(gone)) == 1


def test_chunks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = RowSketch.of(table(3000))
    monkeypatch.setattr(row_sketch, "_CHUNK_ROWS", 170)
    assert RowSketch.of(table(3000)) == whole


@pytest.mark.parametrize(
    ("shared", "ratio"), [(0.0, 1), (0.3, 1), (0.5, 1), (0.8, 1), (1.0, 1), (0.5, 4), (0.5, 16)]
)
def test_containment_is_off_by_no_more_than_stated(shared: float, ratio: int) -> None:
    """200 pairs of tables: the standard deviation of the error is what the docstring says, without bias."""
    random = np.random.Generator(np.random.PCG64(20261121))
    rows, errors = 2000, []
    for _ in range(200):
        both, mine, theirs = (int(share * rows) for share in (shared, 1 - shared, ratio - shared))
        hashes = random.integers(0, 2**64, both + mine + theirs, dtype=np.uint64)
        part = RowSketch(tuple(np.sort(hashes[: both + mine])[:SIZE].tolist()))
        whole = RowSketch(
            tuple(np.sort(np.concatenate([hashes[:both], hashes[both + mine :]]))[:SIZE].tolist())
        )
        errors.append(containment(part, whole) - shared)
    spread = np.sqrt(shared * (1 - shared) / (SIZE / ratio))
    assert np.std(errors) <= spread * 1.2
    assert np.mean(errors) == pytest.approx(0, abs=4 * spread / np.sqrt(200))


@given(st.integers(0, 400), st.integers(0, 400))
@settings(max_examples=25, deadline=None)
def test_of_small_tables_it_is_exact(first: int, second: int) -> None:
    frame = table(SIZE - 1)
    one, other = frame[: min(first, SIZE - 1)], frame[max(0, SIZE - 1 - second) :]
    common = len(set(one.rows()) & set(other.rows()))
    expected = common / one.height if one.height else 0.0
    assert containment(RowSketch.of(one), RowSketch.of(other)) == pytest.approx(expected)


def test_what_cannot_be_compared_counts_as_contained() -> None:
    few, many = RowSketch((2**63,)), RowSketch(tuple(range(SIZE)))
    assert containment(few, many) == 1.0
    assert containment(many, few) == 0.0
    assert containment(RowSketch(()), many) == 0.0


def test_a_union_holds_both() -> None:
    frame = table(2000)
    halves = RowSketch.of(frame[:1200]), RowSketch.of(frame[1000:])
    assert halves[0].union(halves[1]) == RowSketch.of(frame)


def test_it_goes_into_a_tag_and_comes_back() -> None:
    sketch = RowSketch.of(table(2000))
    assert len(json.dumps(sketch.to_text())) < 2800
    assert RowSketch.from_text(sketch.to_text()) == sketch
    assert RowSketch.from_text(RowSketch(()).to_text()) == RowSketch(())


@pytest.mark.parametrize("text", ["AAA", "AAAA", "no base64", "AAAAAAAAAAIAAAAAAAAAAQ=="])
def test_another_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        RowSketch.from_text(text)


def test_parts_have_the_sketch_of_the_whole() -> None:
    rows = pl.DataFrame({"a": range(5000), "b": [str(number % 7) for number in range(5000)]})
    parts = [rows.slice(start, 900) for start in range(0, 5000, 900)]
    assert RowSketch.of_parts(parts) == RowSketch.of(rows)
    assert RowSketch.of_parts([]) == RowSketch(())
