"""What calls cost, learnt from those that were made."""

import pytest

from mlops.serving.cost import Cost


def learnt(fixed, each):
    cost = Cost()
    for rows in (1, 16, 1, 16):
        cost.learn(rows, fixed + each * rows)
    return cost


@pytest.mark.parametrize(
    ("fixed", "each", "pays"),
    [(0.002, 0.00001, True), (0.0, 0.001, False), (0.001, 0.001, False), (0.002, 0.0002, True)],
)
def test_two_rows_in_a_call_pay_where_they_cost_little_more_than_one(fixed, each, pays):
    assert learnt(fixed, each).pays is pays


def test_where_nothing_is_known_it_does_not_pay_and_knows_no_bound():
    assert (Cost().pays, Cost().most_seconds, Cost().most_rows) == (False, 0.0, 2**31)


def test_a_call_never_costs_more_than_four_single_ones():
    cost = learnt(0.002, 0.0001)
    assert cost.most_seconds == pytest.approx(4 * (0.002 + 0.0001))
    assert cost.fixed + cost.each * cost.most_rows <= cost.most_seconds
