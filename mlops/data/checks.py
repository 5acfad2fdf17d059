"""What must hold of two tables before anything is trained on them, one function a check."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import polars as pl

from evaluation.types import Form, Task, Verdict
from mlops.config import DataConfig
from mlops.data.load import Dataset
from mlops.data.names import listed

MIN_CLASS_SHARE = 0.001
"""A class rarer than one row in a thousand needs sampling or another target before a gate can weigh it."""

MIN_CLASS_ROWS = 10
"""Below ten rows of a class, intervals of recall and AUC no longer keep their stated error."""

_MOST_GROUPS = 100

Tables = tuple[tuple[str, pl.DataFrame], tuple[str, pl.DataFrame]]


@dataclass(frozen=True)
class DataCheck:
    """What one check of the data found; `message` is one plain sentence, `detail` holds JSON values only."""

    name: str
    verdict: Verdict
    message: str
    detail: Mapping[str, Any] = field(default_factory=dict)


def check_rows(dataset: Dataset) -> DataCheck:
    """Both tables have rows."""
    rows = {name: table.height for name, table in _tables(dataset)}
    empty = [name for name, count in rows.items() if not count]
    if empty:
        return DataCheck("rows", Verdict.FAIL, f"{' and '.join(empty)} without a row", rows)
    return DataCheck("rows", Verdict.PASS, f"{rows['train']:,} train, {rows['holdout']:,} holdout", rows)


def check_schema(dataset: Dataset) -> DataCheck:
    """Both tables have the same columns of the same types; their order is free, columns are taken by name."""
    train, holdout = dataset.train.schema, dataset.evaluate.schema
    problems = [f"the holdout lacks '{name}'" for name in train if name not in holdout]
    problems += [f"only the holdout has '{name}'" for name in holdout if name not in train]
    problems += [
        f"'{name}' is {dtype} in train and {holdout[name]} in the holdout"
        for name, dtype in train.items()
        if name in holdout and holdout[name] != dtype
    ]
    detail = {"columns": {name: str(dtype) for name, dtype in train.items()}, "problems": problems}
    if problems:
        return DataCheck("schema", Verdict.FAIL, _first(problems), detail)
    return DataCheck("schema", Verdict.PASS, f"{len(train)} columns, the same in both tables", detail)


_TEXTS = (pl.String, pl.List(pl.String))


def check_target(dataset: Dataset, data: DataConfig, task: Task) -> DataCheck:
    """The target is there in every row and of the kind that the task needs."""
    problems: list[str] = []
    for name, table in _tables(dataset):
        target = table[data.target]
        if absent := _absent(target):
            problems.append(f"{absent:,} of {table.height:,} {name} rows have no target")
        if table.height and (wrong := _wrong_kind(target.drop_nulls(), task)):
            problems.append(f"in {name}, {wrong}")
    if task.form is Form.CLASS and not problems:
        problems += _wrong_classes(dataset, data.target, task)
    detail = {"dtype": str(dataset.train.schema[data.target]), "task": task.value, "problems": problems}
    if problems:
        return DataCheck("target", Verdict.FAIL, f"'{data.target}': {_first(problems)}", detail)
    return DataCheck("target", Verdict.PASS, f"'{data.target}' suits task {task.value} in every row", detail)


def check_classes(dataset: Dataset, data: DataConfig) -> DataCheck:
    """Every class has enough rows in both tables for a model to learn it and a gate to weigh it."""
    counts = {name: _counts(table[data.target]) for name, table in _tables(dataset)}
    classes = sorted({label for found in counts.values() for label in found})
    detail: dict[str, Any] = {"counts": counts, "min_share": MIN_CLASS_SHARE, "min_rows": MIN_CLASS_ROWS}
    problems = []
    for name, found in counts.items():
        total = sum(found.values())
        if len(found) < 2:
            held = f"one class only, {next(iter(found))}" if found else "no class at all"
            problems.append(f"{name} holds {held}")
            continue
        least = max(MIN_CLASS_ROWS, math.ceil(MIN_CLASS_SHARE * total))
        problems += [
            f"{name} holds {found.get(label, 0):,} rows of class {label}, of at least {least:,}"
            for label in classes
            if found.get(label, 0) < least
        ]
    if problems:
        return DataCheck("class balance", Verdict.FAIL, _first(problems), detail)
    shares = "; ".join(f"{name}: {_shares(found)}" for name, found in counts.items())
    return DataCheck("class balance", Verdict.PASS, shares, detail)


def check_features(dataset: Dataset) -> DataCheck:
    """Features hold values: none is all missing, infinite, or constant in train and varying in the holdout."""
    problems, constant = [], []
    for name in dataset.features:
        for table, frame in _tables(dataset):
            if name in frame.columns and (problem := _useless(frame[name])):
                problems.append(f"'{name}' {problem} in {table}")
        if dataset.train.height and dataset.train[name].n_unique() == 1:
            constant.append(name)
            if name in dataset.evaluate.columns and dataset.evaluate[name].n_unique() > 1:
                problems.append(f"'{name}' never varies in train, but does in the holdout")
    detail = {"features": list(dataset.features), "constant": constant, "problems": problems}
    if problems:
        return DataCheck("features", Verdict.FAIL, _first(problems), detail)
    message = f"{len(dataset.features)} features with values"
    if constant:
        message += f"; constant: {listed(constant)}"
    return DataCheck("features", Verdict.PASS, message, detail)


def check_groups(dataset: Dataset, columns: Sequence[str]) -> DataCheck:
    """Every value of the columns that the gate slices or groups by occurs in train, so that it could be learned.

    Columns that train has not, and numbers with more than 100 values, are left aside.
    """
    unseen, rows = {}, {}
    for name in columns:
        if name not in dataset.train.columns or name not in dataset.evaluate.columns:
            continue
        train, holdout = _counts(dataset.train[name]), _counts(dataset.evaluate[name])
        new = {value: count for value, count in holdout.items() if value not in train}
        if new and len(holdout) <= _MOST_GROUPS:
            unseen[name], rows[name] = list(new), sum(new.values())
    detail = {"columns": list(columns), "unseen": unseen}
    if unseen:
        told = [f"{rows[name]:,} holdout rows have {name} {listed(new)}" for name, new in unseen.items()]
        return DataCheck("groups", Verdict.INCONCLUSIVE, f"{_first(told)}, which train never had", detail)
    return DataCheck("groups", Verdict.PASS, f"train has every value of {listed(columns)}", detail)


def _tables(dataset: Dataset) -> Tables:
    return (("train", dataset.train), ("holdout", dataset.evaluate))


def _first(problems: list[str]) -> str:
    return "; ".join(problems[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")


def _absent(series: pl.Series) -> int:
    nans = series.is_nan().sum() if series.dtype.is_float() else 0
    return series.null_count() + int(nans or 0)


def _wrong_kind(target: pl.Series, task: Task) -> str | None:
    kinds = {Form.TEXT: _no_text, Form.NUMBER: _no_number, Form.CLASS: _no_class}
    return kinds[task.form](target)


def _no_text(target: pl.Series) -> str | None:
    return None if target.dtype in _TEXTS else f"{target.dtype} is no text and no list of texts"


def _no_number(target: pl.Series) -> str | None:
    if not target.dtype.is_numeric():
        return f"{target.dtype} is no number, as task regression needs"
    if target.dtype.is_float() and target.is_infinite().any():
        return "values are infinite"
    return "every value is the same" if target.n_unique() < 2 else None


def _no_class(target: pl.Series) -> str | None:
    dtype = target.dtype
    if dtype.is_float() and (target.drop_nans() % 1 != 0).any():
        return f"fractions are no classes; for numbers set task: {Task.REGRESSION.value}"
    if dtype.is_temporal() or dtype.is_nested() or dtype == pl.Binary:
        return f"{dtype} is no class"
    return None


def _wrong_classes(dataset: Dataset, target: str, task: Task) -> list[str]:
    train, holdout = _counts(dataset.train[target]), _counts(dataset.evaluate[target])
    unseen = [f"class {label} occurs in the holdout only" for label in holdout if label not in train]
    every = {**train, **holdout}
    if task is Task.BINARY and len(every) > 2:
        return [f"{len(every)} classes ({listed(islice(every, 5))}), of two at most for task binary"]
    return unseen if train else []


def _counts(target: pl.Series) -> dict[str, int]:
    """Rows by class, in order; a class is known by its text, absent targets are left out."""
    valid = target.drop_nulls()
    valid = valid.drop_nans() if valid.dtype.is_float() else valid
    found = valid.value_counts().sort(target.name)
    return {str(label): count for label, count in found.iter_rows()}


def _shares(counts: Mapping[str, int]) -> str:
    total = sum(counts.values())
    return ", ".join(f"{label} {count / total:.1%}" for label, count in islice(counts.items(), 10))


def _useless(series: pl.Series) -> str | None:
    if series.len() and _absent(series) == series.len():
        return "is missing everywhere"
    if series.dtype.is_float() and series.is_infinite().any():
        return "is infinite somewhere"
    return None
