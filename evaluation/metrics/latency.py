"""What an answer costs in time: quantiles over single requests.

The value is an order statistic (no interpolation), so that the exact binomial interval of the same kind fits
around it.
"""

import math
from functools import partial

import numpy as np

from evaluation.errors import Undefined
from evaluation.metrics.base import Metric, Need, Point, Quantile, Sample, Statistic, Weights, require
from evaluation.types import Direction, FloatArray, Task


def latency_p50_ms(sample: Sample) -> float:
    """Half of the requests take no longer than this.

    >>> latency_p50_ms(Sample.of_latency(np.arange(1.0, 101.0)))
    50.0
    """
    return _quantile(sample, 0.5)


def latency_p95_ms(sample: Sample) -> float:
    """95 % of the requests take no longer than this.

    >>> latency_p95_ms(Sample.of_latency(np.arange(1.0, 101.0)))
    95.0
    """
    return _quantile(sample, 0.95)


def latency_p99_ms(sample: Sample) -> float:
    """99 % of the requests take no longer than this.

    >>> latency_p99_ms(Sample.of_latency(np.arange(1.0, 101.0)))
    99.0
    """
    return _quantile(sample, 0.99)


def _times(sample: Sample) -> FloatArray:
    if sample.latency_ms is None:
        raise Undefined("latency was not measured")
    return sample.latency_ms


def _quantile(sample: Sample, q: float) -> float:
    times = _times(sample)
    require(len(times) > 0, "no requests")
    return float(np.quantile(times, q, method="inverted_cdf"))


def _weighted(q: float, sample: Sample) -> Statistic:
    """The q-quantile in every resample: the least time with a share q of the draws at or below it."""
    times = _times(sample)
    order = np.argsort(times, kind="stable")
    ordered = times[order]

    def quantiles(weights: Weights) -> FloatArray:
        reached = np.cumsum(weights[:, order], axis=1, dtype=np.float64)
        drawn = reached[:, -1:] if len(times) else np.zeros((len(weights), 1))
        # The same rounding guard as a count: q * n is compared with whole numbers.
        index = (reached < drawn * q - 1e-9).sum(axis=1)
        return np.where(drawn[:, 0] > 0, ordered[np.minimum(index, len(times) - 1)], math.nan)

    return quantiles


def _metric(point: Point, q: float) -> Metric:
    return Metric(
        name=point.__name__,
        direction=Direction.LOWER_IS_BETTER,
        range=(0.0, math.inf),
        tasks=frozenset(Task),
        point=point,
        design=Quantile(q),
        weighted=partial(_weighted, q),
        needs=frozenset({Need.LATENCY}),
        unit="ms",
    )


METRICS = (
    _metric(latency_p50_ms, 0.5),
    _metric(latency_p95_ms, 0.95),
    _metric(latency_p99_ms, 0.99),
)
