"""The tables as others read them: Polars and DuckDB, each with its own reader, must find the same rows."""

from pathlib import Path

import polars as pl

from benchmarks.crash.clients import Kind


class Unreadable(Exception):  # noqa: N818 - an outcome that is counted
    """A table that a reader does not read, or in which two readers find different rows."""


def read_ids(log: Path, kind: Kind) -> pl.Series:
    """The id of every row of a table, none where there is no table yet. Raises Unreadable.

    Both readers decode every column. DuckDB reads the files that the table's newest version names; its own reader of
    Delta tables is an extension that it fetches when it is first used.
    """
    import duckdb
    from deltalake import DeltaTable

    place = str(log / kind)
    try:
        if not DeltaTable.is_deltatable(place):
            return pl.Series("id", [], pl.String())
        table = DeltaTable(place)
        by_polars = pl.scan_delta(table).collect()["id"].sort()
        by_duckdb = by_polars.clear()
        # A table that was made and not written yet has none, which DuckDB does not take.
        if files := table.file_uris():
            with duckdb.connect() as connection:
                rows = connection.sql("SELECT * FROM read_parquet(?)", params=[files]).to_arrow_table()
            by_duckdb = pl.Series("id", rows["id"]).sort()
    # What Polars raises on a file that is cut off is no Exception.
    except (Exception, pl.exceptions.PanicException) as error:
        raise Unreadable(f"{kind}: {type(error).__name__}: {error}") from error
    if not by_polars.equals(by_duckdb):
        raise Unreadable(f"{kind}: Polars finds {by_polars.len()} rows, DuckDB {by_duckdb.len()}")
    return by_polars
