"""Agreement: Cohen's kappa and Krippendorff's alpha as metrics, so that they get the gate's own intervals."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np

from evaluation.judges.config import Measure
from evaluation.metrics.base import Cells, Metric, Sample, Sums, divide, require
from evaluation.stats.differing import most
from evaluation.stats.estimate import Question, Settings, estimate
from evaluation.types import Direction, Estimate, FloatArray, IntArray, Task

_WEIGHTS = {Measure.KAPPA: None, Measure.LINEAR_KAPPA: "linear", Measure.QUADRATIC_KAPPA: "quadratic"}
BOUND = "bound on disagreements"
# Of fewer answers that are disagreed on no spread can be told; of a few more the bound may still be the better limit.
_FEW = 5


def agreement(
    measure: Measure,
    ratings: FloatArray,
    categories: int,
    settings: Settings,
    units: IntArray | None = None,
) -> Estimate:
    """How well raters agree on n answers; ratings (n, raters) are codes 0..k-1 of categories, NaN for none.

    Kappa takes two raters that both said something. Answers that fewer than two raters scored count for nothing.
    Inconclusive (`problem`) where all ratings are one and the same: nothing then shows that anybody can tell
    answers apart.

    >>> said = np.array([[0, 0], [1, 1], [2, 1], [2, 2], [0, 0]] * 20, dtype=float)
    >>> found = agreement(Measure.ORDINAL_ALPHA, said, 3, Settings())
    >>> round(found.value, 3), round(found.low, 3), round(found.high, 3)
    (0.878, 0.815, 0.938)
    """
    kept = np.isfinite(ratings).sum(axis=1) >= 2
    ratings, units = ratings[kept], None if units is None else units[kept]
    if measure in _WEIGHTS:
        metric = _kappa(measure, categories)
        codes = ratings.astype(np.int64) if len(ratings) else np.zeros((0, 2), dtype=np.int64)
        sample = Sample(codes[:, 0], codes[:, 1], units=units)
    else:
        metric = _alpha(measure, categories)
        sample = Sample(np.zeros(len(ratings)), np.zeros(len(ratings)), units=units)
        sample = replace(sample, row_scores={metric.name: coincidences(ratings, categories)})
    [answer] = estimate([Question(metric, sample)], settings)
    found = answer.estimate
    if found.value is None or found.n < settings.min_rows:
        return found
    rows = np.nanmin(ratings, axis=1) != np.nanmax(ratings, axis=1)
    disagreed = int(rows.sum()) if units is None else len(np.unique(units[rows]))
    least = _least(measure, ratings, categories, most(disagreed, found.n, settings.level))
    if disagreed < _FEW:
        return replace(found, low=least, high=1.0, method=BOUND, problem=None)
    if found.low is None or found.high is None:
        return found
    return replace(found, low=max(found.low, least), high=min(1.0, found.high))


def coincidences(ratings: FloatArray, categories: int) -> FloatArray:
    """What each of n answers adds to Krippendorff's coincidence matrix, (n, k * k); ratings are codes, NaN for none.

    Source: Krippendorff 2011, "Computing Krippendorff's alpha-reliability".
    """
    n = len(ratings)
    counts = np.stack([(ratings == code).sum(axis=1) for code in range(categories)], axis=1).astype(
        np.float64
    )
    together = counts[:, :, None] * counts[:, None, :]
    own = np.arange(categories)
    together[:, own, own] -= counts
    pairs = np.maximum(counts.sum(axis=1) - 1, 1)
    return np.asarray((together / pairs[:, None, None]).reshape(n, categories * categories))


def _alpha(measure: Measure, categories: int) -> Metric:
    def columns(sample: Sample) -> FloatArray:
        return np.asarray(sample.row_scores[measure.value])

    def value(sums: FloatArray) -> FloatArray:
        table = sums.reshape(-1, categories, categories)
        margins = table.sum(axis=2)
        apart = _apart(measure, margins)
        seen, expected = (table * apart).sum(axis=(1, 2)), np.einsum("bi,bij,bj->b", margins, apart, margins)
        return np.asarray(1 - (margins.sum(axis=1) - 1) * divide(seen, expected))

    def point(sample: Sample) -> float:
        """Krippendorff's alpha: 1 for perfect agreement, 0 for what chance gives."""
        require(sample.n > 0, "no answers that two raters scored")
        found = float(value(columns(sample).sum(axis=0, keepdims=True))[0])
        require(math.isfinite(found), _ONE_THING)
        return found

    return _metric(measure, point, Sums(columns, value))


def _apart(measure: Measure, margins: FloatArray) -> FloatArray:
    """Squared distances of categories, (b, k, k); margins: (b, k) how often each was said."""
    k = margins.shape[1]
    if measure is Measure.NOMINAL_ALPHA:
        return np.broadcast_to(1 - np.eye(k), (len(margins), k, k))
    # Ordinal: how many ratings lie between two categories, half of each end's own included.
    ranks = np.cumsum(margins, axis=1) - margins / 2
    places = ranks if measure is Measure.ORDINAL_ALPHA else np.broadcast_to(np.arange(k, dtype=float), (1, k))
    return np.asarray((places[:, :, None] - places[:, None, :]) ** 2)


def _kappa(measure: Measure, categories: int) -> Metric:
    def codes(sample: Sample) -> tuple[IntArray, int]:
        return np.asarray(sample.target * categories + sample.label), categories**2

    def value(counts: FloatArray) -> FloatArray:
        table = counts.reshape(-1, categories, categories)
        weights = _penalties(measure, categories)
        n, rows, columns = table.sum(axis=(1, 2)), table.sum(axis=2), table.sum(axis=1)
        expected = np.einsum("bi,ij,bj->b", rows, weights, columns)
        return np.asarray(1 - n * divide((table * weights).sum(axis=(1, 2)), expected))

    def point(sample: Sample) -> float:
        """Cohen's kappa: 1 for perfect agreement, 0 for what chance gives."""
        from sklearn.metrics import cohen_kappa_score

        require(sample.n > 0, "no answers that two raters scored")
        require(len(np.unique([sample.target, sample.label])) > 1, _ONE_THING)
        known = np.arange(categories)
        return float(cohen_kappa_score(sample.target, sample.label, labels=known, weights=_WEIGHTS[measure]))

    return _metric(measure, point, Cells(codes, value))


_ONE_THING = "all ratings are the same, which shows nothing of agreement"


def _penalties(measure: Measure, categories: int) -> FloatArray:
    places = np.arange(categories)
    off = np.abs(places[:, None] - places[None, :]).astype(np.float64)
    if measure is Measure.KAPPA:
        off = np.sign(off)
    return np.asarray(off**2 if measure is Measure.QUADRATIC_KAPPA else off)


def _metric(measure: Measure, point: Callable[[Sample], float], design: Cells | Sums) -> Metric:
    return Metric(
        name=measure.value,
        direction=Direction.HIGHER_IS_BETTER,
        # Not -1 to 1: on the scale of log odds, which that asks for, good judges have limits that tell nothing.
        range=(-math.inf, math.inf),
        tasks=frozenset({Task.GENERATION, Task.RAG}),
        point=point,
        design=design,
    )


def _least(measure: Measure, ratings: FloatArray, categories: int, share: float) -> float:
    """What is left of agreement if this share of the answers is disagreed on, each as far apart as what was said is."""
    counts = np.array([(ratings == code).sum() for code in range(categories)], dtype=np.float64)
    kept = np.flatnonzero(counts)
    apart = _penalties(measure, categories) if measure in _WEIGHTS else _apart(measure, counts[None])[0]
    shares = counts / counts.sum()
    return max(-1.0, 1 - share * float(apart[kept[0], kept[-1]]) / float(shares @ apart @ shares))
