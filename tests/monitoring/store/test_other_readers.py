"""The tables are Delta tables to others too: DuckDB, Polars and Arrow read what the log wrote."""

import datetime as dt

import deltalake
import duckdb
import polars as pl
import pytest

from monitoring.store.base import LabelRecord, RequestRecord

START = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)


@pytest.fixture
def folder(log, tmp_path):
    for day in range(3):
        at = START + dt.timedelta(days=day)
        log.append(
            [
                RequestRecord(
                    f"r{day}", at, "lending", "1", "r", 1.5, day, 0.5, {"age": 30 + day}, ("range",), "shop"
                ),
                RequestRecord(f"s{day}", at, "lending", "1", "r", 1.5, day, None, {"age": None}),
            ]
        )
        log.append_labels([LabelRecord(f"r{day}", at, 1)])
    log.compact()
    return tmp_path / "log"


def test_duckdb_reads_requests_with_their_inputs_and_labels(folder):
    """Over Arrow: DuckDB's own reader of Delta tables is an extension that it fetches when it is first used."""
    requests = deltalake.DeltaTable(folder / "requests").to_pyarrow_dataset()
    labels = deltalake.DeltaTable(folder / "labels").to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.register("requests", requests)
        connection.register("labels", labels)
        found = connection.execute(
            """
            SELECT id, day, CAST(inputs::JSON->>'age' AS INTEGER), guards, caller, target
            FROM requests JOIN labels USING (id, day) WHERE day > DATE '2026-03-01' ORDER BY id
            """
        ).fetchall()
    assert found == [
        ("r1", dt.date(2026, 3, 2), 31, ["range"], "shop", "1"),
        ("r2", dt.date(2026, 3, 3), 32, ["range"], "shop", "1"),
    ]


def test_a_day_is_a_folder_that_duckdb_and_polars_read_as_parquet(folder):
    day = folder / "requests" / "day=2026-03-02"
    with duckdb.connect() as connection:
        count = connection.execute(f"SELECT count(*) FROM read_parquet('{day}/*.parquet')").fetchone()
    assert count == (2,)
    assert pl.read_parquet(day / "*.parquet", hive_partitioning=False).height == 2


def test_polars_reads_the_table_by_day(folder):
    rows = pl.scan_delta(str(folder / "requests")).filter(pl.col("day") == dt.date(2026, 3, 3)).collect()
    assert rows["id"].sort().to_list() == ["r2", "s2"]
