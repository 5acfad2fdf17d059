"""From a table and a model's answers to what metrics see: class codes, groups and slices."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.columns import Coded, coded
from evaluation.config import Part, SliceBy
from evaluation.errors import UserError
from evaluation.metrics.base import Mask, Metric, Sample
from evaluation.predict import absences, unanswered
from evaluation.types import FloatArray, Form, IntArray, Outputs, Task


@dataclass(frozen=True)
class Model:
    """One model's answers as a sample of all rows, and the rows that it gave no answer for.

    answer: what such a row lacks, in words; problems: why, (n,) texts or None, where that is known.
    """

    sample: Sample
    unanswered: Mask
    answer: str = "finite answer (NaN, infinite or null)"
    problems: NDArray[Any] | None = None


def why_unmeasured(
    model: Model, metric: Metric, rows: Mask | None = None, *, who: str | None = None
) -> str | None:
    """Why a model's answers can't be weighed by a metric, or None: rows without an answer, or without a value.

    rows: (n,) those that count, all where None. who: the model in words, for a sentence about it.

    >>> said = Model(Sample(np.array(["a", "b"]), np.array(["a", None])), np.array([False, True]), "answer")
    >>> from evaluation.metrics.builtin import METRICS
    >>> why_unmeasured(said, METRICS["exact_match"], who="the champion")
    'the champion gave no answer for 1 of 2 rows'
    """
    rows = np.ones(model.sample.n, dtype=np.bool_) if rows is None else rows
    gone = rows & model.unanswered
    if gone.any():
        start = f"{who} gave no" if who else "no"
        return f"{start} {model.answer} for {_of(gone, rows)} rows{_commonest(model.problems, gone)}"
    values = model.sample.row_scores.get(metric.name)
    if values is None:
        return None
    absent = rows & np.isnan(values.reshape(len(values), -1)).any(axis=1)
    if not absent.any():
        return None
    start = f"{who}: no" if who else "no"
    why = _commonest(model.sample.row_problems.get(metric.name), absent)
    return f"{start} value for {_of(absent, rows)} answers{why}"


def _of(some: Mask, rows: Mask) -> str:
    return f"{int(some.sum()):,} of {int(rows.sum()):,}"


def _commonest(problems: NDArray[Any] | None, rows: Mask) -> str:
    """The reason that most of these rows give, if they give any."""
    given = [] if problems is None else [problem for problem in problems[rows].tolist() if problem]
    return f": {Counter(given).most_common(1)[0][0]}" if given else ""


@dataclass(frozen=True, eq=False)
class Slice:
    """Rows that share a value, or a pair of values: `rows` says which, such as {"age": "30 to 45"}.

    codes: (n,) the value of every row, one array for all slices of a column; code: this slice's.
    """

    rows: Mapping[str, str]
    codes: IntArray
    code: int

    @property
    def mask(self) -> Mask:
        """Which of the n rows are in the slice."""
        return np.equal(self.codes, self.code)


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
    if task.form is Form.NUMBER:
        return [_regression(target, outputs) for outputs in answers]
    if task.form is Form.TEXT:
        return [_text(target, outputs) for outputs in answers]
    actual = _plain(target)
    missing = [unanswered(outputs) for outputs in answers]
    labels = [_plain(o.labels[~gone]) for o, gone in zip(answers, missing, strict=True)]
    classes = _classes(task, actual, labels)
    codes = np.searchsorted(classes, actual)
    names = tuple(map(str, classes.tolist())) if task is Task.MULTICLASS else ()
    found = []
    for outputs, label, gone in zip(answers, labels, missing, strict=True):
        label_codes = np.zeros(len(target), dtype=np.int64)
        label_codes[~gone] = np.searchsorted(classes, label)
        score = _positive_score(task, outputs, gone)
        found.append(Model(Sample(codes, label_codes, score, class_names=names), gone))
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


def _text(target: NDArray[Any], outputs: Outputs) -> Model:
    """Texts as they are; what was measured of each goes with them."""
    said = Sample(target, outputs.labels, row_scores=outputs.row_scores, row_problems=outputs.row_problems)
    facts = outputs.facts
    problems = facts["problem"].to_numpy() if facts is not None and "problem" in facts.columns else None
    return Model(said, unanswered(outputs), "answer", problems)


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


def with_groups(sample: Sample, frame: pl.DataFrame, parts: Sequence[Part]) -> Sample:
    """The sample with each row's group, a combination of values such as `sex=female, age=30 to 45`."""
    found = coded(frame, parts)
    return replace(sample, groups=found.codes, group_names=tuple(map(_named(found), found.values)))


def _named(found: Coded) -> Callable[[tuple[str, ...]], str]:
    return lambda value: ", ".join(f"{k}={v}" for k, v in zip(found.columns, value, strict=True))


def slices(frame: pl.DataFrame, by: SliceBy) -> list[Slice]:
    """One slice for every value, range or combination, in rising order; rows without a value are one too.

    >>> [part.rows for part in slices(pl.DataFrame({"sex": ["f", None]}), "sex")]
    [{'sex': 'f'}, {'sex': '(missing)'}]
    """
    found = coded(frame, by if isinstance(by, tuple) else (by,))
    return [
        Slice(dict(zip(found.columns, value, strict=True)), found.codes, code)
        for code, value in enumerate(found.values)
    ]
