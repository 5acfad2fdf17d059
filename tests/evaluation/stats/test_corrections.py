"""Holm's correction against statsmodels and against the closed testing procedure that it is a shortcut of."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from evaluation.stats.corrections import holm

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=8)


@given(P_VALUES)
def test_holm_is_statsmodels(p_values: list[float]) -> None:
    assert holm(p_values) == pytest.approx(multipletests(p_values, method="holm")[1].tolist())


@given(st.lists(st.floats(0, 1), min_size=1, max_size=5))
def test_holm_is_closed_testing_with_bonferroni(p_values: list[float]) -> None:
    """A hypothesis is rejected where every set of hypotheses with it in is, each by Bonferroni's test."""
    everyone = range(len(p_values))
    sets = [chosen for size in everyone for chosen in combinations(everyone, size + 1)]
    closed = [
        max(min(1.0, len(chosen) * min(p_values[i] for i in chosen)) for chosen in sets if one in chosen)
        for one in everyone
    ]
    assert holm(p_values) == pytest.approx(closed)


def test_no_p_value_none_adjusted() -> None:
    assert holm([]) == []


@pytest.mark.parametrize("wrong", [-0.1, 1.1, float("nan")])
def test_what_is_no_p_value_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="p-values lie in 0 to 1"):
        holm([0.5, wrong])


def test_a_false_rejection_among_twenty_is_as_rare_as_stated() -> None:
    random = np.random.Generator(np.random.PCG64(20261121))
    runs = 4000
    wrong = sum(min(holm(random.random(20).tolist())) <= 0.05 for _ in range(runs)) / runs
    # Exactly 1 - 0.9975**20 = 4.88 %; three standard errors of the simulation.
    assert wrong == pytest.approx(0.0488, abs=3 * (0.0488 * 0.9512 / runs) ** 0.5)
