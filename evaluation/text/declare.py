"""Making a metric of a scorer: its mean over the answers, or a function of what it sums over them."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluation.errors import Undefined
from evaluation.metrics.base import Mask, Mean, Metric, Need, Proportion, Sample, Scorer, Sums, require
from evaluation.types import Direction, FloatArray, Task

TEXT_TASKS = frozenset({Task.GENERATION, Task.RAG})
RAG_ONLY = frozenset({Task.RAG})


def mean_of(  # noqa: PLR0913 - keyword-only, one a fact about the metric
    scorer: Scorer,
    *,
    higher_is_better: bool = True,
    range: tuple[float, float] = (0.0, 1.0),  # noqa: A002 - the field's name
    unit: str = "",
    tasks: frozenset[Task] = TEXT_TASKS,
    ranked: bool = True,
    judged: bool = False,
    name: str | None = None,
) -> Metric:
    """The mean of what a scorer gives for every answer; name and summary are the scorer's own.

    judged: it asks the judge of `texts.ragas`.

    >>> def words(rows):
    ...     "Words in an answer."
    ...     return np.array([len(answer.split()) for answer in rows.answers])
    >>> metric = mean_of(words, range=(0, math.inf), ranked=False)
    >>> metric.name, metric.summary
    ('words', 'Words in an answer.')
    """
    called = name or scorer.__name__

    def values(sample: Sample) -> FloatArray:
        return measured(sample, called)

    def point(sample: Sample) -> float:
        found = measured(sample, called)
        require(len(found) > 0, "no rows")
        return math.fsum(found) / len(found)

    point.__doc__, point.__module__ = scorer.__doc__, scorer.__module__
    return Metric(
        name=called,
        direction=_direction(higher_is_better),
        range=range,
        tasks=tasks,
        point=point,
        design=Mean(values),
        unit=unit,
        ranked=ranked,
        needs=frozenset({Need.JUDGE} if judged else ()),
        scorer=scorer,
    )


def share_of(scorer: Scorer, *, higher_is_better: bool = True, ranked: bool = True) -> Metric:
    """The share of the answers for which a scorer, which gives 0 or 1, gives 1; its limits are those of a share.

    >>> def shouts(rows):
    ...     "Share of answers in capitals."
    ...     return np.array([float(answer.isupper()) for answer in rows.answers])
    >>> share_of(shouts, higher_is_better=False).direction
    <Direction.LOWER_IS_BETTER: 'lower'>
    """
    metric = mean_of(scorer, higher_is_better=higher_is_better, ranked=ranked)

    def counts(sample: Sample) -> tuple[Mask, Mask]:
        found = measured(sample, metric.name)
        return found > 0, np.ones(len(found), dtype=np.bool_)

    return replace(metric, design=Proportion(metric.name, counts, shared_base=True))


def sums_of(  # noqa: PLR0913 - keyword-only, one a fact about the metric
    scorer: Scorer,
    value: Callable[[FloatArray], FloatArray],
    *,
    higher_is_better: bool = True,
    range: tuple[float, float] = (0.0, 1.0),  # noqa: A002 - the field's name
    unit: str = "",
    tasks: frozenset[Task] = TEXT_TASKS,
    ranked: bool = True,
    averages: bool = False,
    name: str | None = None,
) -> Metric:
    """A smooth function of sums: a scorer gives (n, k), `value` takes sums (b, k) to (b,), NaN where undefined.

    averages: it is the mean of the rows that count, as `Sums` says.
    """
    called = name or scorer.__name__

    def columns(sample: Sample) -> FloatArray:
        return measured(sample, called)

    def point(sample: Sample) -> float:
        found = float(value(measured(sample, called).sum(axis=0, keepdims=True))[0])
        require(math.isfinite(found), "the sums over these rows have no value")
        return found

    point.__doc__, point.__module__ = scorer.__doc__, scorer.__module__
    return Metric(
        name=called,
        direction=_direction(higher_is_better),
        range=range,
        tasks=tasks,
        point=point,
        design=Sums(columns, value, averages),
        unit=unit,
        ranked=ranked,
        scorer=scorer,
    )


def measured(sample: Sample, name: str) -> FloatArray:
    """What was measured of every answer under a metric's name; raises Undefined where nothing was."""
    if name not in sample.row_scores:
        raise Undefined(f"{name} was not measured when the answers were given")
    return np.asarray(sample.row_scores[name])


def _direction(higher_is_better: bool) -> Direction:
    return Direction.HIGHER_IS_BETTER if higher_is_better else Direction.LOWER_IS_BETTER
