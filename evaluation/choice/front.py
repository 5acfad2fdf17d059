"""Which candidates are worth looking at when several things count."""

from collections.abc import Sequence

import numpy as np

from evaluation.metrics.base import Mask
from evaluation.types import Direction, FloatArray


def pareto_front(values: FloatArray, directions: Sequence[Direction]) -> Mask:
    """Which of k candidates, (k,), no other equals or betters in everything and betters in something.

    values: (k, m), finite; directions: which way each of the m gets better.

    >>> quality_and_cost = np.array([[0.9, 5.0], [0.8, 1.0], [0.7, 2.0]])
    >>> pareto_front(quality_and_cost, [Direction.HIGHER_IS_BETTER, Direction.LOWER_IS_BETTER])
    array([ True,  True, False])
    """
    signs = np.array([1.0 if way is Direction.HIGHER_IS_BETTER else -1.0 for way in directions])
    better_high = values * signs
    mine, theirs = better_high[:, None, :], better_high[None, :, :]
    dominated = ((theirs >= mine).all(axis=2) & (theirs > mine).any(axis=2)).any(axis=1)
    return np.asarray(~dominated, dtype=np.bool_)
