"""What is kept of placements, and how few rows of a class a difference can rest on."""

import gc
import weakref

import numpy as np
import pytest

from evaluation.metrics.base import Sample
from evaluation.stats.delong import placements, spread


def test_a_sample_is_sorted_once_and_not_kept_for_it() -> None:
    sample = Sample(np.array([0, 1, 1, 0]), np.zeros(4), np.array([0.1, 0.4, 0.8, 0.6]))
    assert placements(sample) is placements(sample)
    gone = weakref.ref(sample)
    del sample
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize(("rows", "lost", "freedom"), [(12, 1, 11.0), (12, 3, 9.0), (3, 3, 1.0), (2, 3, 1.0)])
def test_a_class_that_varies_alone_gives_its_degrees_of_freedom(rows: int, lost: int, freedom: float) -> None:
    found = spread(np.arange(rows) / rows, np.full(50, 0.5), lost)
    assert found.freedom == pytest.approx(freedom)
