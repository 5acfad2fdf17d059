"""Tokens and money that one evaluation may spend, and the point from which nothing more is asked."""

from dataclasses import dataclass

from evaluation.errors import UserError
from evaluation.llm.config import BudgetConfig, EndpointConfig, Price
from evaluation.llm.values import Failed, Reply, Usage


def cost_of(usage: Usage | None, price: Price | None) -> float | None:
    """Money for one reply; None without usage or price.

    >>> cost_of(Usage(1000, 500), Price(input=2.0, output=8.0))
    0.006
    """
    if usage is None or price is None:
        return None
    return (usage.prompt_tokens * price.input + usage.completion_tokens * price.output) / 1e6


@dataclass
class _Purse:
    """One bound and what went of it."""

    bound: float | None
    unit: str
    spent: float = 0.0

    def holds(self, replies: int, in_flight: int) -> bool:
        """Whether one more fits, if what is in flight takes as much as the replies did so far on average."""
        mean = self.spent / replies if replies else 0.0
        return self.bound is None or self.spent + in_flight * mean < self.bound


class Budget:
    """What is left; may be shared by several endpoints, such as a generator and its judges.

    Once it is spent it stays closed. What is in flight finishes, so the bound may be passed by as much as those
    calls differ from the mean; before the first reply came, by as many calls as are let in at once.
    """

    def __init__(self, config: BudgetConfig) -> None:
        self.config = config
        self.closed: str | None = None
        self._tokens = _Purse(config.tokens, "tokens")
        self._money = _Purse(config.money, "money")
        self._replies = self._in_flight = 0

    @property
    def tokens(self) -> int:
        """Tokens spent so far."""
        return int(self._tokens.spent)

    @property
    def money(self) -> float:
        """Money spent so far."""
        return self._money.spent

    def check(self, config: EndpointConfig) -> None:
        """Refuse a bound that can't be kept.

        Raises UserError for a bound on money where the endpoint has no price.
        """
        if self.config.money is not None and config.price is None:
            raise UserError(
                f"a budget in money, but no price for {config.model}",
                expected="price: {input: ..., output: ...}, money per million tokens, at the endpoint",
                next_step="add the price, or bound tokens instead",
            )

    def admit(self) -> bool:
        """Whether one more may be asked; if so it counts as in flight until `settle`."""
        if self.closed is None:
            for purse in (self._tokens, self._money):
                if not purse.holds(self._replies, self._in_flight):
                    self.closed = f"the budget of {purse.bound:,.10g} {purse.unit} is spent"
        if self.closed is None:
            self._in_flight += 1
        return self.closed is None

    def settle(self, came: Reply | Failed | None) -> None:
        """Count what came of an admitted one; None where nothing came. A failure costs what is told of it."""
        self._in_flight -= 1
        if came is None or (isinstance(came, Failed) and came.usage is None):
            return
        self._replies += 1
        if came.usage is not None:
            self._tokens.spent += came.usage.total
            self._money.spent += came.cost or 0.0
        elif self.config.tokens is not None or self.config.money is not None:
            self.closed = "the endpoint does not tell how many tokens it took, so no budget can be kept"
