"""Metrics of a real-valued prediction; `label` is the predicted value."""

import math

import numpy as np

from evaluation.metrics.base import Metric, Point, Sample, Weighted, Weights, divide, means, require, totals
from evaluation.types import Direction, FloatArray, Task

# Below this share of the sample's own spread a resample counts as constant: float64 keeps about 1e-16.
_CONSTANT = 1e-12


def mae(sample: Sample) -> float:
    """Mean absolute error, in the target's unit.

    >>> mae(Sample(np.array([1.0, 2.0]), np.array([1.5, 3.0])))
    0.75
    """
    from sklearn.metrics import mean_absolute_error

    require(sample.n > 0, "no rows")
    return float(mean_absolute_error(sample.target, sample.label))


def _mae_weighted(sample: Sample, weights: Weights) -> FloatArray:
    return means(np.abs(sample.target - sample.label), weights)


def rmse(sample: Sample) -> float:
    """Root of the mean squared error, in the target's unit.

    >>> rmse(Sample(np.array([1.0, 2.0]), np.array([2.0, 1.0])))
    1.0
    """
    from sklearn.metrics import root_mean_squared_error

    require(sample.n > 0, "no rows")
    return float(root_mean_squared_error(sample.target, sample.label))


def _rmse_weighted(sample: Sample, weights: Weights) -> FloatArray:
    return np.sqrt(means((sample.target - sample.label) ** 2, weights))


def mape(sample: Sample) -> float:
    """Mean absolute error as a share of the target; undefined where a target is 0.

    >>> mape(Sample(np.array([1.0, 2.0]), np.array([1.5, 3.0])))
    0.5
    """
    from sklearn.metrics import mean_absolute_percentage_error

    require(sample.n > 0, "no rows")
    zeros = int((sample.target == 0).sum())
    require(zeros == 0, f"{zeros:,} rows have target 0, a share of it has no value")
    return float(mean_absolute_percentage_error(sample.target, sample.label))


def _mape_weighted(sample: Sample, weights: Weights) -> FloatArray:
    share = divide(np.abs(sample.target - sample.label), np.abs(sample.target))
    drawn_zeros = weights @ (sample.target == 0).astype(np.float32)
    return np.where(drawn_zeros > 0, math.nan, means(np.nan_to_num(share), weights))


def r2(sample: Sample) -> float:
    """Share of the target's variance that is explained; below 0 it is worse than the mean.

    >>> r2(Sample(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])))
    1.0
    """
    from sklearn.metrics import r2_score

    require(sample.n > 1, "fewer than two rows")
    require(bool(np.ptp(sample.target) > 0), "the target is constant")
    return float(r2_score(sample.target, sample.label))


def _r2_weighted(sample: Sample, weights: Weights) -> FloatArray:
    # Centred first, so that a large mean does not eat the digits of the variance.
    target = sample.target - sample.target.mean()
    n, squares = totals(weights), weights @ target**2
    total = squares - divide((weights @ target) ** 2, n)
    constant = ~(total > _CONSTANT * squares)
    residual = weights @ (sample.target - sample.label) ** 2
    return np.where(constant, math.nan, 1 - divide(residual, total))


def _metric(point: Point, weighted: Weighted, unit: str = "target's unit") -> Metric:
    return Metric(
        name=point.__name__,
        direction=Direction.LOWER_IS_BETTER,
        range=(0.0, math.inf),
        tasks=frozenset({Task.REGRESSION}),
        point=point,
        weighted=weighted,
        unit=unit,
    )


METRICS = (
    _metric(mae, _mae_weighted),
    _metric(rmse, _rmse_weighted),
    _metric(mape, _mape_weighted, unit=""),
    Metric(
        name="r2",
        direction=Direction.HIGHER_IS_BETTER,
        range=(-math.inf, 1.0),
        tasks=frozenset({Task.REGRESSION}),
        point=r2,
        weighted=_r2_weighted,
    ),
)
