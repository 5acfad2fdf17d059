"""Knowing a table's rows again without keeping them: 256 hashes tell how much two tables share."""

import base64
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

SIZE = 256
_CHUNK_ROWS = 100_000
_BYTES = 8
Hashes = NDArray[np.uint64]


@dataclass(frozen=True)
class RowSketch:
    """The least hashes of a table's distinct rows, rising, at most 256 of them.

    A table of at most 256 distinct rows is known whole. Source: Beyer, Haas, Reinwald, Sismanis and Gemulla 2007, "On
    synopses for distinct-value estimation under multiset operations" (bottom-k sketches).

    >>> rows = pl.DataFrame({"a": range(1000), "b": ["x", "y"] * 500})
    >>> containment(RowSketch.of(rows[:400]), RowSketch.of(rows.reverse()))
    1.0
    """

    hashes: tuple[int, ...]

    @classmethod
    def of(cls, frame: pl.DataFrame) -> "RowSketch":
        """The sketch of a table; the order of rows and columns, and whether 1 is written 1.0, make no difference."""
        least: Hashes = np.empty(0, dtype=np.uint64)
        for hashes in _hashes(frame):
            least = np.unique(np.concatenate([least, hashes]))[:SIZE]
        return cls(tuple(least.tolist()))

    @classmethod
    def of_parts(cls, parts: Iterable[pl.DataFrame]) -> "RowSketch":
        """The sketch of a table that comes in parts."""
        return reduce(cls.union, map(cls.of, parts), cls(()))

    @property
    def whole(self) -> bool:
        """Whether every distinct row is in it."""
        return len(self.hashes) < SIZE

    def union(self, other: "RowSketch") -> "RowSketch":
        """The sketch of both tables' rows together."""
        return RowSketch(tuple(sorted({*self.hashes, *other.hashes})[:SIZE]))

    def to_text(self) -> str:
        """At most 2,732 characters."""
        return base64.b64encode(np.array(self.hashes, dtype=">u8").tobytes()).decode("ascii")

    @classmethod
    def from_text(cls, text: str) -> "RowSketch":
        """Read what `to_text` wrote; raises ValueError for anything else."""
        content = base64.b64decode(text, validate=True)
        if len(content) % _BYTES or len(content) > SIZE * _BYTES:
            raise ValueError(f"{len(content)} bytes are no sketch")
        hashes = np.frombuffer(content, dtype=">u8").tolist()
        if hashes != sorted(set(hashes)):
            raise ValueError("the hashes of a sketch rise")
        return cls(tuple(hashes))


def containment(part: RowSketch, whole: RowSketch) -> float:
    """Share of the distinct rows of one table that are in another, 0 to 1.

    It is exact where it is 0 or 1, or both tables have at most 256 rows. Else its standard error is at most
    0.5 / sqrt(m), with m the hashes that can be compared: 256 for tables of one size (0.03), fewer by as many times as
    `whole` is larger (16 times: 16, 0.13). Where nothing can be compared, it is 1.0: the careful side.
    """
    reach = whole.hashes[-1] if whole.hashes and not whole.whole else 2**64
    comparable = [found for found in part.hashes if found <= reach]
    if not comparable:
        return 1.0 if part.hashes and whole.hashes else 0.0
    return len(set(comparable) & set(whole.hashes)) / len(comparable)


def _hashes(frame: pl.DataFrame) -> Iterator[Hashes]:
    """A hash of every row, in chunks; pandas' are the same on every machine and in every version so far."""
    import pandas as pd
    from pandas.util import hash_array, hash_pandas_object

    columns = sorted(frame.columns)
    for chunk in frame.select(columns).iter_slices(_CHUNK_ROWS):
        plain = pd.DataFrame({name: _plain(chunk[name]) for name in columns})
        # Hashed once more: what pandas makes of a row is distinct, but not spread evenly.
        yield hash_array(hash_pandas_object(plain, index=False).to_numpy())


def _plain(column: pl.Series) -> NDArray[Any]:
    """Numbers and moments as float64, all else as text, so that a table is the same from CSV and Parquet."""
    kind = column.dtype
    if kind in {pl.Date, pl.Datetime}:
        column = column.cast(pl.Datetime("us")).to_physical()
    if column.dtype.is_numeric() or kind == pl.Boolean:
        values = column.cast(pl.Float64).to_numpy()
        # One NaN, and one zero: adding 0 turns -0.0 into 0.0.
        return np.where(np.isnan(values), np.nan, values + 0.0)
    return np.array([None if value is None else str(value) for value in column.to_list()], dtype=object)
