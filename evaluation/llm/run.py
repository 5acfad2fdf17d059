"""One list of requests, asked to its end: the cache first, then calls within budget."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from evaluation.llm.budget import Budget, cost_of
from evaluation.llm.cache import ReplyCache, key_of
from evaluation.llm.config import EndpointConfig
from evaluation.llm.connection import Connection, check_key
from evaluation.llm.health import Health
from evaluation.llm.timing import Timing
from evaluation.llm.tries import answer
from evaluation.llm.values import Ask, Failed, FailureKind, Reply

Progress = Callable[[int, int], None]


@dataclass
class Run:
    """The requests of one call of `Endpoint.ask`; `cached` is None where replies are not kept."""

    config: EndpointConfig
    connection: Connection
    timing: Timing
    budget: Budget
    health: Health
    progress: Progress
    asks: Sequence[Ask]
    cached: ReplyCache | None

    async def results(self) -> list[Reply | Failed]:
        """One for each request, in order; where replies are kept, equal requests are asked once."""
        found: list[Reply | Failed | None] = [None] * len(self.asks)
        left: dict[str, list[int]] = {}
        for index, ask in enumerate(self.asks):
            key = str(index) if self.cached is None else key_of(self.config, ask)
            left.setdefault(key, []).append(index)
        done = 0

        def finish(key: str, result: Reply | Failed) -> None:
            nonlocal done
            for place in left[key]:
                found[place] = result
                # What was asked once is paid once.
                result = replace(result, cached=True) if isinstance(result, Reply) else result
                done += 1
            self.progress(done, len(self.asks))

        new = []
        for key in left:
            if self.cached is not None and (kept := self.cached.get(key)) is not None:
                finish(key, self._priced(kept))
            else:
                new.append(key)
        if new:
            check_key(self.config.key)
            await self.connection.chat()
            workers = min(self.config.concurrency, len(new))
            await _all_of(workers, new, lambda key: self._one(key, left[key][0], finish))
        return [result for result in found if result is not None]

    async def _one(self, key: str, index: int, finish: Callable[[str, Reply | Failed], None]) -> None:
        async with self.connection.places:
            result = self._refused() or await self._asked(self.asks[index])
        if self.cached is not None and isinstance(result, Reply):
            self.cached.put(key, result)
        finish(key, result)

    def _refused(self) -> Failed | None:
        """Why nothing more is asked."""
        if self.health.given_up is not None:
            return self.health.given_up
        return None if self.budget.admit() else Failed(FailureKind.BUDGET, str(self.budget.closed), 0)

    async def _asked(self, ask: Ask) -> Reply | Failed:
        result: Reply | Failed | None = None
        try:
            result = self._priced(await answer(ask, self.config, self.connection, self.timing))
        finally:
            self.budget.settle(result)
        self.health.note(result)
        return result

    def _priced(self, came: Reply | Failed) -> Reply | Failed:
        return replace(came, cost=cost_of(came.usage, self.config.price))


async def _all_of(workers: int, items: Iterable[str], do: Callable[[str], Awaitable[None]]) -> None:
    """Do it for every item, so many at a time; when one raises, or the caller is cancelled, none stays behind."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await do(item)

    tasks = [asyncio.create_task(work()) for _ in range(workers)]
    try:
        await asyncio.gather(*tasks)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
