"""Asking a language model: from a list of requests to a list of replies and failures, in order."""

from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from types import TracebackType
from typing import Self

from evaluation.llm.budget import Budget
from evaluation.llm.cache import opened
from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.llm.connection import Connection, connection_of
from evaluation.llm.embedded import EmbeddedServer
from evaluation.llm.health import Health
from evaluation.llm.loop import Work
from evaluation.llm.run import Progress, Run
from evaluation.llm.timing import Timing
from evaluation.llm.values import Ask, Failed, Reply

_TIMING = Timing()


class Endpoint:
    """An OpenAI-compatible endpoint, or the embedded model, with a cache and a budget.

    Connections, the limit on calls at a time, what the endpoint says of its rate, and the embedded model are
    shared by all endpoints of one configuration in this process. They are opened by the first request and closed
    with the process, or earlier: when the last `with` block on them ends. Both ways to ask may be used from any
    thread and any event loop.

    cache: file of kept replies; budget: a configuration, or a Budget that several endpoints share; health: that of
    another endpoint that asks the same model. An endpoint that was given up is not asked again through this object,
    whose other requests fail as not asked; a new one tries anew.

    Raises UserError for a bound on money without a price.

    >>> with Endpoint(EndpointConfig()) as endpoint:
    ...     endpoint.ask_now([])
    []
    """

    def __init__(
        self,
        config: EndpointConfig,
        *,
        cache: Path | None = None,
        budget: Budget | BudgetConfig | None = None,
        health: Health | None = None,
        timing: Timing = _TIMING,
    ) -> None:
        self.config = config
        self.budget = budget if isinstance(budget, Budget) else Budget(budget or BudgetConfig())
        self.budget.check(config)
        self._health = health or Health(config.concurrency)
        self._cache = cache
        self._timing = timing

    @classmethod
    def of(
        cls,
        config: EndpointConfig,
        *,
        cache: Path | None = None,
        budget: Budget | BudgetConfig | None = None,
        health: Health | None = None,
    ) -> Self:
        """An endpoint that nobody closes: what it opened ends with the process."""
        return cls(config, cache=cache, budget=budget, health=health)

    async def ask(self, asks: Sequence[Ask], *, progress: Progress | None = None) -> list[Reply | Failed]:
        """A reply or a failure for each request, in order.

        progress: called with how many are done, and of how many, in another thread. Cancelling stops all calls.

        Raises UserError where the key or a library is missing or the cache is another file, EnvironmentProblem
        where the embedded model does not start.
        """
        return await Work(self._run(asks, progress)).join()

    def ask_now(self, asks: Sequence[Ask], *, progress: Progress | None = None) -> list[Reply | Failed]:
        """The same for callers without an event loop; Ctrl-C stops all calls."""
        return Work(self._run(asks, progress)).wait()

    def __enter__(self) -> Self:
        self._connection.users += 1
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        connection = self._connection
        connection.users -= 1
        if connection.users == 0:
            Work(connection.close()).wait()

    @property
    def servers(self) -> tuple[EmbeddedServer, ...]:
        """The embedded model's processes, once it was asked; none for any other endpoint."""
        return self._connection.servers

    @property
    def _connection(self) -> Connection:
        return connection_of(self.config, self._timing)

    async def _run(self, asks: Sequence[Ask], progress: Progress | None) -> list[Reply | Failed]:
        connection, told = self._connection, progress or _untold
        connection.users += 1
        try:
            with nullcontext() if self._cache is None else opened(self._cache) as cached:
                return await Run(
                    self.config,
                    connection,
                    self._timing,
                    self.budget,
                    self._health,
                    told,
                    tuple(asks),
                    cached,
                ).results()
        finally:
            connection.users -= 1


def _untold(_done: int, _all: int) -> None:
    """Nobody wants to know."""
