"""Whether the passages that an answer was given are of the right documents."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from evaluation.errors import UserError
from evaluation.metrics.base import Mask, Metric, Proportion, Sample, Scorer, divide
from evaluation.text.config import TextConfig
from evaluation.text.declare import RAG_ONLY, measured, sums_of
from evaluation.text.references import once
from evaluation.text.rows import TextRows
from evaluation.types import FloatArray


def retrieval_recall_at_1(rows: TextRows) -> FloatArray:
    """Share of the right documents that the first passage is of; cases without a right document do not count.

    (n, 2) sums: the case's share, and 1; two zeros for a case whose answer is in no document.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x", "y"], sources=[["b", "a"], ["c"]], right=["a", None], settings=settings)
    >>> retrieval_recall_at_1(rows).tolist()
    [[0.0, 1.0], [0.0, 0.0]]
    """
    return _recall(rows, 1)


def retrieval_recall_at_3(rows: TextRows) -> FloatArray:
    """Share of the right documents among the first three passages; cases without a right document do not count.

    (n, 2) sums, as in `retrieval_recall_at_1`. A model that gives fewer passages is taken by what it gives.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "a"]], right=[["a", "c"]], settings=settings)
    >>> retrieval_recall_at_3(rows).tolist()
    [[0.5, 1.0]]
    """
    return _recall(rows, 3)


def retrieval_recall_at_5(rows: TextRows) -> FloatArray:
    """Share of the right documents among the first five passages; cases without a right document do not count.

    (n, 2) sums, as in `retrieval_recall_at_1`. A model that gives fewer passages is taken by what it gives.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "b", "d", "e", "a"]], right=["a"], settings=settings)
    >>> retrieval_recall_at_5(rows).tolist()
    [[1.0, 1.0]]
    """
    return _recall(rows, 5)


def retrieval_recall_at_10(rows: TextRows) -> FloatArray:
    """Share of the right documents among the first ten passages; cases without a right document do not count.

    (n, 2) sums, as in `retrieval_recall_at_1`. A model that gives fewer passages is taken by what it gives.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b"] * 9 + ["a"]], right=["a"], settings=settings)
    >>> retrieval_recall_at_10(rows).tolist()
    [[1.0, 1.0]]
    """
    return _recall(rows, 10)


def retrieval_hit_at_1(rows: TextRows) -> FloatArray:
    """Share of cases whose first passage is of a right document; cases without a right document do not count.

    (n, 2) sums, as in `retrieval_recall_at_1`, which it equals where a case has one right document. A share has
    better limits: also where every case, or almost none, is a hit.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "a"]], right=[["a", "b"]], settings=settings)
    >>> retrieval_hit_at_1(rows).tolist()
    [[1.0, 1.0]]
    """
    return _hit(rows, 1)


def retrieval_hit_at_3(rows: TextRows) -> FloatArray:
    """Share of cases with a right document among the first three passages, as `retrieval_hit_at_1` of one.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "c", "a"]], right=["a"], settings=settings)
    >>> retrieval_hit_at_3(rows).tolist()
    [[1.0, 1.0]]
    """
    return _hit(rows, 3)


def retrieval_hit_at_5(rows: TextRows) -> FloatArray:
    """Share of cases with a right document among the first five passages, as `retrieval_hit_at_1` of one.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "c"]], right=["a"], settings=settings)
    >>> retrieval_hit_at_5(rows).tolist()
    [[0.0, 1.0]]
    """
    return _hit(rows, 5)


def retrieval_hit_at_10(rows: TextRows) -> FloatArray:
    """Share of cases with a right document among the first ten passages, as `retrieval_hit_at_1` of one.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b"] * 10 + ["a"]], right=["a"], settings=settings)
    >>> retrieval_hit_at_10(rows).tolist()
    [[0.0, 1.0]]
    """
    return _hit(rows, 10)


def retrieval_ndcg_at_3(rows: TextRows) -> FloatArray:
    """Normalised discounted cumulative gain of the first three passages; higher where right ones come early.

    A right document gains 1 where it comes first, and nothing when it comes again. (n, 2) sums, as in
    `retrieval_recall_at_1`. Source: Järvelin and Kekäläinen 2002, "Cumulated gain-based evaluation of IR
    techniques".

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "a"]], right=["a"], settings=settings)
    >>> retrieval_ndcg_at_3(rows).round(2).tolist()
    [[0.63, 1.0]]
    """
    return _ndcg(rows, 3)


def retrieval_ndcg_at_5(rows: TextRows) -> FloatArray:
    """Normalised discounted cumulative gain of the first five passages, as `retrieval_ndcg_at_3` of three.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "c", "d", "a"]], right=["a"], settings=settings)
    >>> retrieval_ndcg_at_5(rows).round(2).tolist()
    [[0.43, 1.0]]
    """
    return _ndcg(rows, 5)


def retrieval_ndcg_at_10(rows: TextRows) -> FloatArray:
    """Normalised discounted cumulative gain of the first ten passages, as `retrieval_ndcg_at_3` of three.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b"] * 9 + ["a"]], right=["a"], settings=settings)
    >>> retrieval_ndcg_at_10(rows).round(2).tolist()
    [[0.29, 1.0]]
    """
    return _ndcg(rows, 10)


def retrieval_mrr(rows: TextRows) -> FloatArray:
    """Mean reciprocal rank: 1 over the place of the first passage of a right document, 0 where none is.

    (n, 2) sums, as in `retrieval_recall_at_1`.

    >>> settings = TextConfig(documents="right")
    >>> rows = TextRows.of(["x"], sources=[["b", "a", "a"]], right=["a"], settings=settings)
    >>> retrieval_mrr(rows).tolist()
    [[0.5, 1.0]]
    """
    return _averaged(rows, lambda hits, _: 1 / (1 + int(hits.argmax())) if hits.any() else 0.0)


def _recall(rows: TextRows, k: int) -> FloatArray:
    return _averaged(rows, lambda hits, right: hits[:k].sum() / right)


def _hit(rows: TextRows, k: int) -> FloatArray:
    return _averaged(rows, lambda hits, _: float(hits[:k].any()))


def _ndcg(rows: TextRows, k: int) -> FloatArray:
    discounts = 1 / np.log2(np.arange(2, k + 2))
    return _averaged(
        rows, lambda hits, right: hits[:k] @ discounts[: len(hits)] / discounts[: min(right, k)].sum()
    )


def _averaged(rows: TextRows, value: Callable[[NDArray[np.bool_], int], float]) -> FloatArray:
    """Sums for the mean over cases with a right document; `value` gets which passage is the first of one."""
    found = np.zeros((rows.n, 2))
    for row, (right, sources) in enumerate(zip(right_documents(rows), rows.sources, strict=True)):
        if right:
            hits = [source in right and source not in sources[:place] for place, source in enumerate(sources)]
            found[row] = value(np.array(hits, dtype=np.bool_), len(right)), 1.0
    return found


def right_documents(rows: TextRows) -> list[frozenset[str]]:
    """The ids of the documents that hold each case's answer, none where the column is empty."""
    column = _column(rows.settings)
    return once(rows, "right documents", lambda: [frozenset(_ids(value)) for value in rows.column(column)])


def _column(settings: TextConfig) -> str:
    if settings.documents is None:
        raise UserError(
            "nothing says which document holds the answer",
            expected="a column with the id, or a list of ids, of the right documents",
            next_step="texts: {documents: COLUMN} in weighbridge.yaml",
        )
    return settings.documents


def _ids(value: Any) -> list[str]:
    several = value if isinstance(value, list | tuple) else [value]
    return [str(each) for each in several if each is not None and str(each).strip()]


def _mean(sums: FloatArray) -> FloatArray:
    return divide(sums[:, 0], sums[:, 1])


def _average(scorer: Scorer) -> Metric:
    return sums_of(scorer, _mean, tasks=RAG_ONLY, averages=True)


def share_of_rows(scorer: Scorer, *, higher_is_better: bool = True) -> Metric:
    """A share of the rows that count, which have 1 in the second of the two sums."""
    metric = sums_of(scorer, _mean, tasks=RAG_ONLY, higher_is_better=higher_is_better)

    def counts(sample: Sample) -> tuple[Mask, Mask]:
        found = measured(sample, metric.name)
        return found[:, 0] > 0, found[:, 1] > 0

    return replace(metric, design=Proportion(metric.name, counts, shared_base=True))


METRICS = (
    _average(retrieval_recall_at_1),
    _average(retrieval_recall_at_3),
    _average(retrieval_recall_at_5),
    _average(retrieval_recall_at_10),
    share_of_rows(retrieval_hit_at_1),
    share_of_rows(retrieval_hit_at_3),
    share_of_rows(retrieval_hit_at_5),
    share_of_rows(retrieval_hit_at_10),
    _average(retrieval_ndcg_at_3),
    _average(retrieval_ndcg_at_5),
    _average(retrieval_ndcg_at_10),
    _average(retrieval_mrr),
)
