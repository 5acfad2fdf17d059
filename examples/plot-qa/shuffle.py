"""Write data/shuffled.parquet: the documents, each under the id of another, as after a join that went wrong.

python shuffle.py
"""

from pathlib import Path

import polars as pl

DATA = Path(__file__).parent / "data"


def shuffled(documents: pl.DataFrame) -> pl.DataFrame:
    """The same texts, their ids in another order, in which none keeps its own."""
    order = documents["id"].sample(fraction=1, shuffle=True, seed=0)
    following = dict(zip(order, [*order[1:], order[0]], strict=True))
    return documents.with_columns(pl.col("id").replace_strict(following))


if __name__ == "__main__":
    shuffled(pl.read_parquet(DATA / "documents.parquet")).write_parquet(DATA / "shuffled.parquet")
