"""Write data/shuffled.parquet: the documents, their ids in another order, as after a join that went wrong.

python shuffle.py
"""

from pathlib import Path

import polars as pl

DATA = Path(__file__).parent / "data"


def shuffled(documents: pl.DataFrame) -> pl.DataFrame:
    """The same texts, their ids in another order."""
    return documents.with_columns(pl.col("id").sample(fraction=1, shuffle=True, seed=1))


if __name__ == "__main__":
    shuffled(pl.read_parquet(DATA / "documents.parquet")).write_parquet(DATA / "shuffled.parquet")
