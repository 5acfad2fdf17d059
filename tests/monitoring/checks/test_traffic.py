"""How much there is to look at."""

import numpy as np
import pytest

from evaluation.types import Verdict
from monitoring.checks.traffic import Traffic


def test_enough_records_pass_with_their_span_and_missing_values(make_context, make_frame):
    half = np.where(np.arange(600) % 2 == 0, np.nan, 1.0)
    (found,) = Traffic().look(make_context(make_frame(600, **{"input.age": half})))
    assert found.verdict is Verdict.PASS
    assert (found.estimate.value, found.bound) == (600, 200)
    assert (found.detail["span_s"], found.detail["newest_age_s"]) == (599 * 60, 60)
    assert found.detail["missing"] == pytest.approx(1 / 6)
    assert found.detail["missing_by_feature"] == {"age": 0.5}
    assert (
        found.message
        == "600 records, over 35940 s, the newest 60 s ago, 16.7% of the feature values are missing"
    )


@pytest.mark.parametrize("rows", [0, 1, 199])
def test_too_few_records_are_inconclusive(make_context, make_frame, rows):
    (found,) = Traffic().look(make_context(make_frame(rows)))
    assert found.verdict is Verdict.INCONCLUSIVE
    assert f"{rows} records are too few, 200 are needed" in found.message


def test_an_empty_window_has_no_span(make_context, make_frame):
    (found,) = Traffic().look(make_context(make_frame(0)))
    assert (found.detail["first"], found.detail["span_s"], found.detail["missing"]) == (None, None, None)
