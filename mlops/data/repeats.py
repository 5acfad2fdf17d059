"""Rows that occur more than once: within train, and in train and holdout both."""

import math
from collections.abc import Iterable
from typing import Any

import polars as pl
import polars.selectors as cs

from evaluation.types import Verdict
from mlops.config import DataConfig
from mlops.data.checks import DataCheck
from mlops.data.load import Dataset

MAX_DUPLICATE_SHARE = 0.2
"""An export that holds everything twice repeats half its rows, and a quarter after a split in halves."""

MAX_COPIED_SHARE = 0.01
"""One copy in a hundred rows narrows an interval by half a percent of its width; more is no longer rounding."""

ROOM = 100
"""Columns that can form fewer than this many different rows per row held repeat themselves naturally."""

MAX_LEAK_SHARE = 0.01
"""Holdout rows found in train beyond what chance explains: at one in a hundred, a score is flattered visibly."""

MIN_LEAKED_ROWS = 5
"""Fewer rows than this may be chance in a small holdout."""


def check_duplicates(dataset: Dataset, data: DataConfig) -> DataCheck:
    """How many train rows repeat an earlier one in every column, ignored ones included.

    Repeats are natural where the columns can form few different rows (see ROOM); then they are told, not judged.
    So are rows that differ in ignored columns only, such as two customers of the same kind.
    """
    train = dataset.train
    content = [*dataset.features, data.target]
    whole, alike = (_repeats(train.select(columns)) for columns in (train.columns, content))
    rows, room = max(1, train.height), math.prod(train[name].n_unique() for name in train.columns)
    natural = room < ROOM * train.height
    detail = {"rows": whole, "share": whole / rows, "same_content": alike, "at_most": MAX_DUPLICATE_SHARE}
    message = f"{whole:,} of {train.height:,} train rows ({whole / rows:.1%}) repeat an earlier one"
    if natural and whole:
        message += "; natural, as the columns can form few different rows"
    if alike > whole:
        message += f"; {alike:,} but for ignored columns"
    failed = whole / rows > MAX_DUPLICATE_SHARE and not natural
    return DataCheck(
        "duplicates", Verdict.FAIL if failed else Verdict.PASS, message, {**detail, "judged": not natural}
    )


def check_copies(dataset: Dataset) -> DataCheck:
    """How many holdout rows repeat an earlier one in every column; each copy counts as evidence that is not there.

    Repeats are natural where the columns can form few different rows (see ROOM); then they are told, not judged.
    """
    holdout = dataset.evaluate
    copies, rows = _repeats(holdout), max(1, holdout.height)
    natural = math.prod(holdout[name].n_unique() for name in holdout.columns) < ROOM * holdout.height
    message = f"{copies:,} of {holdout.height:,} holdout rows ({copies / rows:.1%}) repeat an earlier one"
    detail = {"rows": copies, "share": copies / rows, "at_most": MAX_COPIED_SHARE, "judged": not natural}
    if copies / rows > MAX_COPIED_SHARE and not natural:
        return DataCheck(
            "copies", Verdict.FAIL, f"{message}; limits would look narrower than they are", detail
        )
    told = "; natural, as the columns can form few different rows" if natural and copies else ""
    return DataCheck("copies", Verdict.PASS, message + told, detail)


def check_overlap(dataset: Dataset, data: DataConfig) -> DataCheck:
    """How many holdout rows also occur in train, beyond chance.

    Chance is known from train itself: where rows come from one source, a holdout row is found in train as often as
    a train row is found a second time there. Rows are compared by what the model sees (features and target) and,
    where columns are ignored, whole: ids tell copies from look-alikes when features alone cannot.
    """
    if dataset.train.schema != {name: dataset.evaluate.schema.get(name) for name in dataset.train.columns}:
        return DataCheck("overlap", Verdict.INCONCLUSIVE, "tables of different schema cannot be compared", {})
    rows = dataset.evaluate.height
    if dataset.train_fingerprint.sha256 == dataset.evaluate_fingerprint.sha256:
        return DataCheck(
            "overlap", Verdict.FAIL, "train and holdout are the same file", {"rows": rows, "share": 1.0}
        )
    ways = {"content": [*dataset.features, data.target], "whole": dataset.train.columns}
    found = {way: _overlap(dataset, columns) for way, columns in ways.items()}
    leaked = max(found.values(), key=lambda one: one["beyond_chance"])
    detail = {**found, "at_most": MAX_LEAK_SHARE}
    content = found["content"]
    message = (
        f"{content['rows']:,} of {rows:,} holdout rows ({content['share']:.1%}) occur in train, "
        f"{content['by_chance']:.1%} by chance"
    )
    if leaked["beyond_chance"] > MAX_LEAK_SHARE and leaked["beyond_chance"] * rows >= MIN_LEAKED_ROWS:
        ids = "" if leaked is content else f"; {leaked['rows']:,} are the same in every column, ids included"
        return DataCheck("overlap", Verdict.FAIL, message + ids, detail)
    return DataCheck("overlap", Verdict.PASS, message, detail)


def _keys(frame: pl.DataFrame) -> pl.Series:
    """A 64-bit hash a row; categories are hashed by name, their codes differ between tables."""
    return frame.with_columns(cs.categorical().cast(pl.String), cs.enum().cast(pl.String)).hash_rows(seed=0)


def _repeats(frame: pl.DataFrame) -> int:
    keys = _keys(frame)
    return keys.len() - keys.n_unique()


def _overlap(dataset: Dataset, columns: Iterable[str]) -> dict[str, Any]:
    train, holdout = (_keys(table.select(columns)) for table in (dataset.train, dataset.evaluate))
    rows = int(holdout.is_in(train.implode()).sum())
    share = rows / max(1, holdout.len())
    by_chance = int(train.is_duplicated().sum()) / max(1, train.len())
    return {
        "rows": rows,
        "share": share,
        "by_chance": by_chance,
        "beyond_chance": max(0.0, share - by_chance),
    }
