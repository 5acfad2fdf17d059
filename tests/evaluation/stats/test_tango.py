"""How often the limits of paired shares are wrong, summed over every table of counts; no simulation."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from evaluation.stats.tango import cautious_score

CELLS = [
    (n, psi, difference)
    for n, psi, difference in product(
        (50, 100, 200, 500), (0.01, 0.03, 0.08), (-0.03, -0.01, 0.0, 0.01, 0.03)
    )
    if abs(difference) <= psi
]


@pytest.mark.parametrize(("level", "most"), [(0.05, 0.06), (0.0125, 0.016), (0.005, 0.006)])
def test_the_low_limit_lies_above_the_truth_hardly_more_often_than_stated(level: float, most: float) -> None:
    worst = max((missed(n, psi, difference, level), n, psi, difference) for n, psi, difference in CELLS)
    assert worst[0] <= most, worst


def missed(n: int, psi: float, difference: float, level: float) -> float:
    """The chance of counts whose low limit excludes the true difference."""
    shares = [(psi + difference) / 2, (psi - difference) / 2, 1 - psi]
    reach = int(n * psi + 6 * (n * psi) ** 0.5 + 8)
    tables = [(won, lost, n - won - lost) for won, lost in product(range(reach), repeat=2) if won + lost <= n]
    chances = stats.multinomial(n, shares).pmf(np.array(tables))
    z = stats.norm.isf(level)
    return sum(
        chance
        for (won, lost, _), chance in zip(tables, chances, strict=True)
        if chance > 1e-9 and cautious_score(won, lost, n, difference) > z
    )
