"""From a table and a model's answers to what metrics see: class codes, groups and slices."""

import difflib
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.errors import UserError
from evaluation.metrics.base import Mask, Sample
from evaluation.predict import absences, unanswered
from evaluation.types import FloatArray, IntArray, Outputs, Task

# More values than this in a slice or group column is a number or an id, not a category.
MAX_VALUES = 100
MISSING = "(missing)"


@dataclass(frozen=True)
class Model:
    """One model's answers as a sample of all rows, and the rows that it gave no finite answer for."""

    sample: Sample
    unanswered: Mask


@dataclass(frozen=True)
class Slice:
    """Rows that share a value of a column; `rows` is empty for all rows."""

    rows: dict[str, str]
    mask: Mask


def models(task: Task, target: NDArray[Any], answers: Sequence[Outputs]) -> list[Model]:
    """Bring target and the answers of one or two models onto the same class codes.

    Classes are the values found, in sorted order; in a binary task the last is positive, as in
    scikit-learn. A target of 0 and 1 (or false and true) keeps its meaning even if only one of them occurs.

    Raises UserError for null targets, answers of another length, labels of another kind, or a third binary
    class.
    """
    if absent := int(absences(target).sum()):
        raise UserError(
            f"the target has no value in {absent:,} of {len(target):,} rows",
            expected="a target in every row of the evaluation data",
            next_step="remove these rows, or correct data.target in weighbridge.yaml",
        )
    for outputs in answers:
        if len(outputs.labels) != len(target):
            raise UserError(f"{len(outputs.labels):,} answers for {len(target):,} rows", expected="one a row")
    if task is Task.REGRESSION:
        return [_regression(target, outputs) for outputs in answers]
    actual = _plain(target)
    missing = [unanswered(outputs) for outputs in answers]
    labels = [_plain(o.labels[~gone]) for o, gone in zip(answers, missing, strict=True)]
    classes = _classes(task, actual, labels)
    codes = np.searchsorted(classes, actual)
    found = []
    for outputs, label, gone in zip(answers, labels, missing, strict=True):
        label_codes = np.zeros(len(target), dtype=np.int64)
        label_codes[~gone] = np.searchsorted(classes, label)
        found.append(Model(Sample(codes, label_codes, _positive_score(task, outputs, gone)), gone))
    return found


def _regression(target: NDArray[Any], outputs: Outputs) -> Model:
    if target.dtype.kind not in "fiub" or outputs.labels.dtype.kind not in "fiub":
        raise UserError(
            f"the target is {target.dtype}, the model's answers are {outputs.labels.dtype}",
            expected="numbers, as the task is regression",
            next_step="set task: binary or task: multiclass",
        )
    missing = unanswered(outputs)
    predicted = np.where(missing, 0.0, outputs.labels.astype(np.float64))
    return Model(Sample(target.astype(np.float64), predicted), missing)


def _plain(values: NDArray[Any]) -> NDArray[Any]:
    """Whole numbers as int64, all else as text, so that 1, 1.0 and true are one class."""
    if values.dtype.kind == "O":
        kinds = {type(value) for value in values.tolist()}
        values = np.array(values.tolist()) if kinds <= {bool, int, float} else values.astype(str)
    if values.dtype.kind in "biu":
        return values.astype(np.int64)
    if values.dtype.kind == "f" and bool((values == np.floor(values)).all()):
        return values.astype(np.int64)
    return values.astype(str)


def _classes(task: Task, actual: NDArray[Any], labels: Sequence[NDArray[Any]]) -> NDArray[Any]:
    filled = [values for values in (actual, *labels) if len(values)]
    if len({values.dtype.kind for values in filled}) > 1:
        shown = [", ".join(map(str, np.unique(values)[:4])) for values in (actual, *labels)]
        raise UserError(
            f"the model's labels are {shown[-1]}, the target's values are {shown[0]}",
            expected="labels of the same kind as the target",
            next_step="return the classes that the model was trained on",
        )
    classes = np.unique(np.concatenate(filled)) if filled else np.array([0, 1])
    if task is Task.MULTICLASS:
        return classes
    if classes.dtype.kind == "i" and set(classes.tolist()) <= {0, 1}:
        return np.array([0, 1])
    if len(classes) > 2:
        raise UserError(
            f"{len(classes)} classes in target and labels: {', '.join(map(str, classes[:6]))}",
            expected="two classes, as the task is binary",
            next_step="set task: multiclass or task: regression in weighbridge.yaml",
        )
    return classes


def _positive_score(task: Task, outputs: Outputs, gone: Mask) -> FloatArray | None:
    """Scores of the positive class; none in a multi-class task, whose metrics here are about labels."""
    if task is not Task.BINARY or outputs.scores is None or outputs.scores.ndim != 1:
        return None
    return np.where(gone, 0.0, outputs.scores)


def with_groups(sample: Sample, frame: pl.DataFrame, columns: Sequence[str]) -> Sample:
    """The sample with each row's group, a combination of the columns' values such as `sex=female, age=30`."""
    codes, names = _groups(frame, columns)
    return replace(sample, groups=codes, group_names=names)


def _groups(frame: pl.DataFrame, columns: Sequence[str]) -> tuple[IntArray, tuple[str, ...]]:
    parts = [_texts(frame, column) for column in columns]
    joined = [
        ", ".join(f"{column}={value}" for column, value in zip(columns, values, strict=True))
        for values in zip(*parts, strict=True)
    ]
    names, codes = np.unique(np.array(joined, dtype=np.str_), return_inverse=True)
    _check_count(len(names), " and ".join(columns))
    return codes.astype(np.int64), tuple(names.tolist())


def slices(frame: pl.DataFrame, column: str) -> list[Slice]:
    """One slice for every value of a column, sorted; rows without a value are a slice too."""
    texts = np.array(_texts(frame, column), dtype=np.str_)
    values = np.unique(texts)
    _check_count(len(values), column)
    return [Slice({column: value}, texts == value) for value in values.tolist()]


def _texts(frame: pl.DataFrame, column: str) -> list[str]:
    require_columns([column], frame.columns, "the evaluation data")
    return [_text(value) for value in frame[column].to_list()]


def _text(value: Any) -> str:
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return MISSING
    return str(value).lower() if isinstance(value, bool) else str(value)


def _check_count(values: int, what: str) -> None:
    if values > MAX_VALUES:
        raise UserError(
            f"{what} has {values:,} values in the evaluation data",
            expected=f"at most {MAX_VALUES} slices or groups",
            next_step="put the values into bins, in a column of their own",
        )


def require_columns(wanted: Sequence[str], known: Sequence[str], where: str) -> None:
    """Raise UserError, with the nearest known name, unless every wanted column is there."""
    for column in wanted:
        if column not in known:
            near = difflib.get_close_matches(column, known, n=1)
            raise UserError(
                f"column '{column}' is not in {where}",
                expected=f"one of: {', '.join(known)}",
                next_step=f"did you mean '{near[0]}'?" if near else "correct the name in weighbridge.yaml",
            )
