"""Metrics of a real-valued prediction; `label` is the predicted value."""

import math

import numpy as np

from evaluation.metrics.base import Design, Mean, Metric, Point, Sample, Sums, divide, require
from evaluation.types import Direction, FloatArray, Task

# Below this share of the sample's own spread what is left of it counts as constant.
_CONSTANT = 1e-6


def mae(sample: Sample) -> float:
    """Mean absolute error, in the target's unit.

    >>> mae(Sample(np.array([1.0, 2.0]), np.array([1.5, 3.0])))
    0.75
    """
    from sklearn.metrics import mean_absolute_error

    require(sample.n > 0, "no rows")
    return float(mean_absolute_error(sample.target, sample.label))


def _off(sample: Sample) -> FloatArray:
    return np.asarray(np.abs(sample.target - sample.label), dtype=np.float64)


def rmse(sample: Sample) -> float:
    """Root of the mean squared error, in the target's unit.

    >>> rmse(Sample(np.array([1.0, 2.0]), np.array([2.0, 1.0])))
    1.0
    """
    from sklearn.metrics import root_mean_squared_error

    require(sample.n > 0, "no rows")
    return float(root_mean_squared_error(sample.target, sample.label))


def _squares(sample: Sample) -> FloatArray:
    return np.stack([np.ones(sample.n), _off(sample) ** 2], axis=1)


def _rmse(sums: FloatArray) -> FloatArray:
    return np.sqrt(divide(sums[:, 1], sums[:, 0]))


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


def _share_off(sample: Sample) -> FloatArray:
    return divide(_off(sample), np.abs(sample.target))


def r2(sample: Sample) -> float:
    """Share of the target's variance that is explained; below 0 it is worse than the mean.

    >>> r2(Sample(np.array([1.0, 2.0, 3.0]), np.array([1.0, 2.0, 3.0])))
    1.0
    """
    from sklearn.metrics import r2_score

    require(sample.n > 1, "fewer than two rows")
    require(bool(np.ptp(sample.target) > 0), "the target is constant")
    return float(r2_score(sample.target, sample.label))


def _moments(sample: Sample) -> FloatArray:
    # Centred first, so that a large mean does not eat the digits of the variance.
    target = sample.target - sample.target.mean()
    return np.stack([np.ones(sample.n), target, target**2, _off(sample) ** 2], axis=1)


def _r2(sums: FloatArray) -> FloatArray:
    n, target, squares, residual = sums.T
    total = squares - divide(target**2, n)
    constant = ~(total > _CONSTANT * squares)
    return np.where(constant, math.nan, 1 - divide(residual, total))


def _metric(point: Point, design: Design, unit: str = "target's unit") -> Metric:
    return Metric(
        name=point.__name__,
        direction=Direction.LOWER_IS_BETTER,
        range=(0.0, math.inf),
        tasks=frozenset({Task.REGRESSION}),
        point=point,
        design=design,
        unit=unit,
    )


METRICS = (
    _metric(mae, Mean(_off)),
    _metric(rmse, Sums(_squares, _rmse)),
    _metric(mape, Mean(_share_off), unit=""),
    Metric(
        name="r2",
        direction=Direction.HIGHER_IS_BETTER,
        range=(-math.inf, 1.0),
        tasks=frozenset({Task.REGRESSION}),
        point=r2,
        design=Sums(_moments, _r2),
    ),
)
