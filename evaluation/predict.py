"""Asking a model: checked answers for many rows, and how long one row takes."""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from evaluation.errors import UserError
from evaluation.types import FloatArray, Form, Outputs, Predictor, Task

CHUNK_ROWS = 10_000


def predict(
    predictor: Predictor,
    features: pl.DataFrame | Iterable[pl.DataFrame],
    *,
    task: Task,
    classes: Sequence[Any] | None = None,
    progress: Callable[[int], None] | None = None,
) -> Outputs:
    """Ask a model about every row, in chunks, and check what comes back.

    features: (n, columns), or parts of it in order, of which only one is held at a time.
    progress: takes the rows that were answered so far.

    An answer that is NaN, infinite or null is kept: it is a finding about the model, which `measure`
    records as inconclusive. `classes`, where given, are the labels that the model may use.

    Raises UserError where the model raises, gives another number of rows, an unknown label, or scores
    outside 0..1.
    """
    parts, answered = [], 0
    for chunk in _chunks([features] if isinstance(features, pl.DataFrame) else features):
        parts.append(_ask(predictor, chunk, answered))
        answered += chunk.height
        if progress is not None:
            progress(answered)
    if not parts:
        return Outputs(labels=np.empty(0), scores=None)
    outputs = _join(parts)
    _check_scores(outputs.scores, task)
    if classes is not None:
        _check_labels(outputs.labels, classes)
    return outputs


def _chunks(tables: Iterable[pl.DataFrame]) -> Iterator[pl.DataFrame]:
    for table in tables:
        yield from table.iter_slices(CHUNK_ROWS) if table.height else ()


def measure_latency(  # noqa: PLR0913 - keyword-only settings with defaults
    predictor: Predictor,
    features: pl.DataFrame,
    *,
    seed: int,
    requests: int = 400,
    warmup: int = 20,
    clock: Callable[[], float] = time.perf_counter,
) -> FloatArray:
    """Milliseconds that single rows take, one after the other, (requests,); warm-up requests are not counted.

    Rows are drawn with `seed`, repeats allowed. This is the model in this process with one thread, as the
    server gives it to a request, without the network or a server.

    Raises UserError where there are no rows, or the model raises.
    """
    if features.height == 0:
        raise UserError("no rows to measure latency on", expected="a holdout with at least one row")
    from threadpoolctl import threadpool_limits

    random = np.random.Generator(np.random.PCG64(seed))
    rows = random.integers(0, features.height, size=warmup + requests).tolist()
    singles = {row: features.slice(row, 1) for row in set(rows)}
    times = np.empty(len(rows))
    with threadpool_limits(limits=1):
        for request, row in enumerate(rows):
            started = clock()
            _ask(predictor, singles[row], row)
            times[request] = (clock() - started) * 1000
    return times[warmup:]


def unanswered(outputs: Outputs) -> NDArray[np.bool_]:
    """Rows for which the model gave no finite answer, (n,): a NaN score makes its label an accident.

    >>> unanswered(Outputs(np.array([0, 1, 0]), np.array([0.1, 0.9, np.nan])))
    array([False, False,  True])
    """
    missing = absences(outputs.labels)
    if outputs.scores is not None:
        finite = np.isfinite(outputs.scores)
        missing |= ~(finite if finite.ndim == 1 else finite.all(axis=1))
    return missing


def absences(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Where an array holds NaN, infinity or null, (n,).

    >>> absences(np.array(["yes", None], dtype=object))
    array([False,  True])
    """
    if values.dtype.kind == "f":
        return np.asarray(~np.isfinite(values), dtype=np.bool_)
    if values.dtype.kind == "O":
        return np.array([_is_missing(value) for value in values], dtype=np.bool_)
    return np.zeros(len(values), dtype=np.bool_)


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))


def _ask(predictor: Predictor, rows: pl.DataFrame, start: int) -> Outputs:
    last = start + rows.height - 1
    try:
        outputs = predictor.predict(rows)
        labels = np.asarray(outputs.labels)
        scores = None if outputs.scores is None else np.asarray(outputs.scores, dtype=np.float64)
    except Exception as error:
        raise UserError(
            f"the model raised {type(error).__name__} on rows {start:,} to {last:,}: {error}",
            expected="an answer for every row of the evaluation data",
            next_step="call the model on these rows, or add the transformation they need to its pipeline",
        ) from error
    for what, found in (("labels", labels), ("scores", scores)):
        if found is not None and (found.ndim == 0 or len(found) != rows.height):
            raise UserError(
                f"the model gave {what} of shape {found.shape} for {rows.height:,} rows",
                expected=f"{rows.height:,} {what}, one a row and in order",
            )
    return Outputs(labels=labels, scores=scores, facts=outputs.facts)


def _join(parts: list[Outputs]) -> Outputs:
    labels = np.concatenate([part.labels for part in parts])
    scores = [part.scores for part in parts if part.scores is not None]
    facts = [part.facts for part in parts if part.facts is not None]
    return Outputs(
        labels=labels,
        scores=np.concatenate(scores) if len(scores) == len(parts) else None,
        facts=pl.concat(facts) if len(facts) == len(parts) else None,
    )


def _check_scores(scores: FloatArray | None, task: Task) -> None:
    if scores is None or task.form is not Form.CLASS:
        return
    if scores.ndim != (1 if task is Task.BINARY else 2):
        raise UserError(
            f"the model gave scores of shape {scores.shape} in a {task} task",
            expected="the probability of the positive class" if task is Task.BINARY else "one column a class",
        )
    finite = scores[np.isfinite(scores)]
    outside = int(((finite < 0) | (finite > 1)).sum())
    if outside:
        raise UserError(
            f"{outside:,} of {scores.size:,} scores lie outside 0 to 1, "
            f"from {finite.min():.4g} to {finite.max():.4g}",
            expected="probabilities of the positive class",
            next_step="log a model with predict_proba, or calibrate its decision function",
        )


def _check_labels(labels: NDArray[Any], classes: Sequence[Any]) -> None:
    known = set(classes)
    unknown = sorted({str(label) for label in labels.tolist() if label is not None and label not in known})
    if unknown:
        raise UserError(
            f"the model gave labels that the target does not have: {', '.join(unknown[:5])}",
            expected=f"one of: {', '.join(str(label) for label in classes)}",
            next_step="train on the same target column as the evaluation data has",
        )
