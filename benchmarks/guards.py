"""What guards cost a record, on the 23 fields of the lending example and on a text beside them."""

import timeit
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from evaluation.types import Task
from mlops.packaging.load import InputField
from mlops.packaging.ranges import Ranges
from mlops.serving.guards.config import GuardsConfig
from mlops.serving.guards.guards import Guards

TABLE = Path(__file__).parent.parent / "examples" / "lending" / "data" / "train.parquet"
FEATURES = 23
SIZES = (1, 10, 1000, 100_000)
ROUNDS, ROUND_S = 5, 0.2
NOTE = "Client has paid late twice since spring, asks for a lower limit and will call again next week. " * 3
TEXT = {"max_length": 500, "control": "flag", "injection": "flag", "personal": "flag"}


def main() -> None:
    """Print the least of some rounds, in microseconds a record."""
    table = pl.read_parquet(TABLE)
    features = table.select(table.columns[:FEATURES])
    usual = pl.concat([features] * (max(SIZES) // features.height + 1)).rows()[: max(SIZES)]
    odd = [tuple(value if isinstance(value, str) else -1e9 for value in row) for row in usual[:1000]]
    guards = lending_guards(features, {})
    print(f"guards, {features.width} fields, {len(guards.checks)} guarded by default, microseconds a record")
    for size in SIZES:
        print(f"  {size:>7,} records, nothing found    {cost(guards.before, usual[:size]):7.2f}")
    for size in (1, 1000):
        print(f"  {size:>7,} records, nearly all found {cost(guards.before, odd[:size]):7.2f}")
    for size in (1, 1000):
        after = partial(guards.after, scores=[0.5] * size)
        print(f"  {size:>7,} answers                   {cost(after, [1] * size):7.2f}")
    noted = features.with_columns(pl.lit(NOTE).alias("note"))
    for size in (1, 1000):
        reading = lending_guards(noted, {"text": TEXT})
        found = cost(reading.before, noted.rows()[:size])
        print(f"  {size:>7,} records with a text of {len(NOTE)} characters, all guards of texts {found:7.2f}")


def lending_guards(features: pl.DataFrame, config: dict[str, Any]) -> Guards:
    """The guards of a model on such a table."""
    kinds = {pl.String: "string", pl.Int64: "long", pl.Int32: "integer", pl.Float64: "double"}
    inputs = [
        InputField(name, kinds[dtype], features[name].null_count() == 0)  # type: ignore[index]
        for name, dtype in features.schema.items()
    ]
    ranges = Ranges.of(features.iter_columns())
    return Guards.of(GuardsConfig.model_validate(config), inputs, ranges, task=Task.BINARY, classes=(0, 1))


def cost(call: Callable[[Sequence[Any]], object], rows: Sequence[Any]) -> float:
    """Microseconds a row in the best round."""
    timer = timeit.Timer(lambda: call(rows))
    calls = max(1, round(ROUND_S / max(timer.timeit(1), 1e-6)))
    return min(timer.repeat(ROUNDS, calls)) / calls / len(rows) * 1e6


if __name__ == "__main__":
    main()
