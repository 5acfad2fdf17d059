"""What an evaluation may spend on a chain, and what an answer takes of it."""

import threading
from dataclasses import replace

from evaluation.llm.budget import Budget
from evaluation.llm.values import Failed, FailureKind, Reply, Usage
from mlops.generation.answer import Seen


class Purse:
    """A budget that several threads draw on."""

    def __init__(self, budget: Budget) -> None:
        self._budget, self._lock = budget, threading.Lock()

    def admit(self) -> Failed | None:
        """None where one more may be asked for, which counts as in flight until `settle`; else why not."""
        with self._lock:
            return None if self._budget.admit() else Failed(FailureKind.BUDGET, str(self._budget.closed), 0)

    def settle(self, result: Reply | Failed, seen: Seen | None) -> None:
        """Count what an admitted one took now; seen: which of it was paid for earlier."""
        paid = spent(result, seen)
        with self._lock:
            self._budget.settle(paid)


def spent(came: Reply | Failed, seen: Seen | None) -> Reply | Failed | None:
    """What came, with what it took now; None where that is nothing, as all was kept.

    Money that was spent now is to that of the whole answer as the tokens are.

    >>> spent(Reply("a", Usage(3, 1), None, 1.0, None, 0.5), None).cost
    0.5
    """
    if seen is None or came.usage is None:
        return None if seen is not None and seen.cached else came
    usage = Usage(
        max(0, came.usage.prompt_tokens - seen.saved.prompt_tokens),
        max(0, came.usage.completion_tokens - seen.saved.completion_tokens),
    )
    if usage.total == 0:
        return None
    cost = None if came.cost is None else came.cost * usage.total / came.usage.total
    return replace(came, usage=usage, cost=cost)
