"""What came of all that was asked: answered, failed by kind, spent, and what the missing ones would take."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from evaluation.llm.values import FailureKind

if TYPE_CHECKING:
    import polars as pl

_READ = ("problem", "cached", "prompt_tokens", "completion_tokens", "cost")


@dataclass(frozen=True)
class Tally:
    """Counts of one evaluation's requests.

    tokens and money are what was paid now, without cached replies, with failures that tell what they took; None where
    the endpoint or the price table did not tell for each reply. needed_tokens and needed_money: what the requests
    that the budget left out would take, at the mean of the others; None where that is not known.
    """

    asked: int
    answered: int
    cached: int
    failures: Mapping[str, int]
    tokens: int | None
    money: float | None
    needed_tokens: int | None
    needed_money: float | None

    @classmethod
    def of(cls, tables: Iterable[pl.DataFrame]) -> Tally:
        """Count the rows of tables of facts, as `facts_of` makes them; a column that is absent tells nothing."""
        rows = [row for table in tables for row in table.select(set(_READ) & set(table.columns)).to_dicts()]
        replies = [row for row in rows if row.get("problem") is None]
        failures = Counter(row["problem"].partition(":")[0] for row in rows if row.get("problem") is not None)
        paid = [row for row in replies if not row.get("cached")]
        # A failure may have cost something; of one that does not tell nothing is known.
        wasted = [row for row in rows if row.get("problem") is not None and None not in _tokens([row])]
        missing = failures[FailureKind.BUDGET]
        mean_tokens, mean_money = _mean(_tokens([*replies, *wasted])), _mean(_costs([*replies, *wasted]))
        tokens, money = _total(_tokens([*paid, *wasted])), _total(_costs([*paid, *wasted]))
        return cls(
            asked=len(rows),
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

        >>> from evaluation.llm.facts import facts_of
        >>> from evaluation.llm.values import Failed
        >>> Tally.of([facts_of([Failed(FailureKind.DOWN, "no connection", 5)])]).words()
        '0 of 1 requests answered; 1 down'
        """
        said = [f"{self.answered:,} of {self.asked:,} requests answered"]
        if self.cached:
            said[0] += f", {self.cached:,} of them from the cache"
        if self.tokens:
            money = "" if self.money is None else f" for {self.money:.4g}"
            said.append(f"{self.tokens:,} tokens{money}")
        said += [
            f"{count:,} {kind.replace('_', ' ')}"
            for kind, count in self.failures.items()
            if kind != FailureKind.BUDGET
        ]
        if missing := self.failures.get(FailureKind.BUDGET, 0):
            said.append(f"{missing:,} not asked, the budget is spent{self._would_take()}")
        return "; ".join(said)

    def _would_take(self) -> str:
        if self.needed_tokens is None:
            return ""
        money = "" if self.needed_money is None else f" for {self.needed_money:.4g}"
        return f" (they would take about {self.needed_tokens:,} tokens{money})"


def _tokens(rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
    each = [(row.get("prompt_tokens"), row.get("completion_tokens")) for row in rows]
    return [None if asked is None or said is None else asked + said for asked, said in each]


def _costs(rows: Sequence[Mapping[str, Any]]) -> list[float | None]:
    return [row.get("cost") for row in rows]


def _mean(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) / len(known) if known else None


def _total(amounts: Sequence[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return sum(known) if len(known) == len(amounts) else None
