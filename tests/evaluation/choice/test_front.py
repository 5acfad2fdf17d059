"""The front against a search that compares one by one."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from evaluation.choice.front import pareto_front
from evaluation.types import Direction

UP, DOWN = Direction.HIGHER_IS_BETTER, Direction.LOWER_IS_BETTER


def plainly(values, signs):
    """Whether none is at least as good everywhere and better somewhere."""
    better = [[value * sign for value, sign in zip(row, signs, strict=True)] for row in values]
    return [
        not any(
            all(there >= here for there, here in zip(other, row, strict=True)) and other != row
            for other in better
        )
        for row in better
    ]


@given(arrays(np.float64, st.tuples(st.integers(1, 8), st.just(3)), elements=st.integers(0, 3).map(float)))
def test_it_is_what_a_plain_search_finds(values):
    assert pareto_front(values, [UP, DOWN, UP]).tolist() == plainly(values.tolist(), [1, -1, 1])


def test_equals_are_both_on_it():
    assert pareto_front(np.array([[1.0, 2.0], [1.0, 2.0], [0.0, 2.0]]), [UP, DOWN]).tolist() == [
        True,
        True,
        False,
    ]
