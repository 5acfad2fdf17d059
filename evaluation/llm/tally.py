"""What came of a list of requests: answered, failed by kind, spent, and what the missing ones would take."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from evaluation.llm.values import Failed, FailureKind, Reply


@dataclass(frozen=True)
class Tally:
    """Counts of one evaluation's requests.

    tokens and money are what was paid now, without cached replies; None where the endpoint or the price table
    did not tell for each of them. needed_tokens and needed_money: what the requests that the budget left out
    would take, at the mean of the replies; None where that is not known.
    """

    asked: int
    answered: int
    cached: int
    failures: Mapping[FailureKind, int]
    tokens: int | None
    money: float | None
    needed_tokens: int | None
    needed_money: float | None

    @classmethod
    def of(cls, results: Sequence[Reply | Failed]) -> "Tally":
        """Count them."""
        replies = [result for result in results if isinstance(result, Reply)]
        failures = Counter(result.kind for result in results if isinstance(result, Failed))
        paid = [reply for reply in replies if not reply.cached]
        missing = failures[FailureKind.BUDGET]
        mean_tokens, mean_money = _mean(_tokens(replies)), _mean([reply.cost for reply in replies])
        tokens, money = _total(_tokens(paid)), _total([reply.cost for reply in paid])
        return cls(
            asked=len(results),
            answered=len(replies),
            cached=len(replies) - len(paid),
            failures=dict(failures),
            tokens=None if tokens is None else int(tokens),
            money=money,
            needed_tokens=None if mean_tokens is None else round(missing * mean_tokens),
            needed_money=None if mean_money is None else missing * mean_money,
        )

    def words(self) -> str:
        """One line for a person.

        >>> Tally.of([Failed(FailureKind.DOWN, "no connection", 5)]).words()
        '0 of 1 requests answered; 1 down'
        """
        said = [f"{self.answered:,} of {self.asked:,} requests answered"]
        if self.cached:
            said[0] += f", {self.cached:,} of them from the cache"
        if self.answered > self.cached and self.tokens is not None:
            money = "" if self.money is None else f" for {self.money:.4g}"
            said.append(f"{self.tokens:,} tokens{money}")
        said += [
            f"{count:,} {kind.value.replace('_', ' ')}"
            for kind, count in self.failures.items()
            if kind is not FailureKind.BUDGET
        ]
        if missing := self.failures.get(FailureKind.BUDGET, 0):
            said.append(f"{missing:,} not asked, the budget is spent{self._would_take()}")
        return "; ".join(said)

    def _would_take(self) -> str:
        if self.needed_tokens is None:
            return ""
        money = "" if self.needed_money is None else f" for {self.needed_money:.4g}"
        return f" (they would take about {self.needed_tokens:,} tokens{money})"


def _tokens(replies: Sequence[Reply]) -> list[float | None]:
    return [None if reply.usage is None else reply.usage.total for reply in replies]


def _mean(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) / len(known) if known else None


def _total(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
