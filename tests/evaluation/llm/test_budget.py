"""An evaluation stops cleanly where its budget ends, and says what is missing."""

from typing import Any

import pytest

from evaluation.errors import UserError
from evaluation.llm.budget import Budget, cost_of
from evaluation.llm.config import BudgetConfig, Price
from evaluation.llm.facts import facts_of
from evaluation.llm.tally import Tally
from evaluation.llm.values import Ask, Failed, FailureKind, Reply, Usage

ASKS = [Ask.of(str(number)) for number in range(20)]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_nothing_is_asked_beyond_the_tokens(
    concurrency: int, server: Any, answers: Any, make_endpoint: Any
) -> None:
    server.does(answers.says(tokens=(7, 3)))
    endpoint = make_endpoint(concurrency=concurrency, budget=BudgetConfig(tokens=100))
    said = endpoint.ask_now(ASKS)
    assert len(server.requests) == 10
    assert [type(result) for result in said] == [Reply] * 10 + [Failed] * 10
    assert said[-1] == Failed(FailureKind.BUDGET, "the budget of 100 tokens is spent", 0)
    assert endpoint.budget.tokens == 100


def test_nothing_is_asked_beyond_the_money(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says(tokens=(1000, 500)))
    budget = BudgetConfig(money=0.024)
    endpoint = make_endpoint(concurrency=1, price={"input": 2, "output": 8}, budget=budget)
    said = endpoint.ask_now(ASKS)
    assert len(server.requests) == 4
    assert said[-1].detail == "the budget of 0.024 money is spent"
    assert endpoint.budget.money == pytest.approx(0.024)


def test_what_is_in_flight_finishes(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says(tokens=(700, 300)))
    said = make_endpoint(concurrency=3, budget=BudgetConfig(tokens=1)).ask_now(ASKS)
    assert [type(result) for result in said] == [Reply] * 3 + [Failed] * 17


def test_two_endpoints_may_share_a_budget(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says(tokens=(7, 3)))
    budget = Budget(BudgetConfig(tokens=50))
    make_endpoint(concurrency=1, budget=budget).ask_now(ASKS[:4])
    said = make_endpoint(concurrency=1, model="judge", budget=budget).ask_now(ASKS[:4])
    assert [type(result) for result in said] == [Reply] + [Failed] * 3


def test_a_failure_costs_what_is_told_of_it(server: Any, answers: Any, make_endpoint: Any) -> None:
    """As one of a model that spends all its tokens on thinking."""
    server.does(answers.says("", tokens=(1000, 500), finish="length"))
    endpoint = make_endpoint(concurrency=1, price={"input": 2, "output": 8}, budget=BudgetConfig(tokens=3000))
    said = endpoint.ask_now(ASKS)
    assert [result.kind for result in said] == [FailureKind.EMPTY] * 2 + [FailureKind.BUDGET] * 18
    assert (said[0].usage, said[0].cost) == (Usage(1000, 500), 0.006)
    told = Tally.of([facts_of(said)])
    assert (told.answered, told.tokens, told.money) == (0, 3000, 0.012)
    assert told.words() == (
        "0 of 20 requests answered; 3,000 tokens for 0.012; 2 empty; "
        "18 not asked, the budget is spent (they would take about 27,000 tokens for 0.108)"
    )


def test_a_failure_costs_nothing_that_is_not_told(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.refuses(400, "unknown_model"))
    said = make_endpoint(budget=BudgetConfig(tokens=1)).ask_now(ASKS)
    assert {result.kind for result in said} == {FailureKind.REJECTED}


def test_no_budget_can_be_kept_without_usage(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says(tokens=None))
    said = make_endpoint(concurrency=1, budget=BudgetConfig(tokens=100)).ask_now(ASKS)
    assert [type(result) for result in said] == [Reply] + [Failed] * 19
    assert "does not tell how many tokens" in said[-1].detail


def test_without_bounds_usage_does_not_matter(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says(tokens=None))
    assert {type(result) for result in make_endpoint().ask_now(ASKS)} == {Reply}


def test_a_bound_on_money_needs_a_price(make_endpoint: Any) -> None:
    with pytest.raises(UserError, match="no price for m"):
        make_endpoint(budget=BudgetConfig(money=1))


@pytest.mark.parametrize(
    ("usage", "price", "cost"),
    [
        (Usage(1_000_000, 0), Price(input=0.15, output=0.6), 0.15),
        (Usage(0, 1_000_000), Price(input=0.15, output=0.6), 0.6),
        (Usage(1, 1), None, None),
        (None, Price(input=1, output=1), None),
    ],
)
def test_cost(usage: Usage | None, price: Price | None, cost: float | None) -> None:
    assert cost_of(usage, price) == cost


USAGE = Usage(6, 4)


def reply(cost: float | None = 0.5, usage: Usage | None = USAGE, *, cached: bool = False) -> Reply:
    return Reply("a", usage, 1.0, 2.0, "stop", cost, cached)


SPENT = Failed(FailureKind.BUDGET, "spent", 0)
DOWN = Failed(FailureKind.RATE_LIMITED, "HTTP 429", 5)


@pytest.mark.parametrize(
    ("results", "words"),
    [
        ([], "0 of 0 requests answered"),
        ([reply(), reply()], "2 of 2 requests answered; 20 tokens for 1"),
        ([reply(None), reply(None)], "2 of 2 requests answered; 20 tokens"),
        ([reply(usage=None)], "1 of 1 requests answered"),
        (
            [reply(), reply(cached=True)],
            "2 of 2 requests answered, 1 of them from the cache; 10 tokens for 0.5",
        ),
        ([reply(cached=True)], "1 of 1 requests answered, 1 of them from the cache"),
        (
            [reply(), DOWN, DOWN, SPENT, SPENT, SPENT],
            (
                "1 of 6 requests answered; 10 tokens for 0.5; 2 rate limited; "
                "3 not asked, the budget is spent (they would take about 30 tokens for 1.5)"
            ),
        ),
        ([SPENT], "0 of 1 requests answered; 1 not asked, the budget is spent"),
    ],
)
def test_a_tally_in_words(results: list[Reply | Failed], words: str) -> None:
    assert Tally.of([facts_of(results[:1]), facts_of(results[1:])]).words() == words


def test_a_tally_in_numbers() -> None:
    tally = Tally.of([facts_of([reply(), reply(cached=True), DOWN, SPENT])])
    assert tally == Tally(4, 2, 1, {DOWN.kind: 1, SPENT.kind: 1}, 10, 0.5, 10, 0.5)
