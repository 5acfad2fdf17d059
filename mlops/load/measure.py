"""A load on a server, closed or open, and what came of it."""

import asyncio
import math
import time
from array import array
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import uvloop

from evaluation.errors import EnvironmentProblem
from mlops.load.wire import Connection, Fault, NoAnswer, Target

PERCENTILES = (50, 90, 95, 99)
_TELL_EVERY_S = 0.1
# A server that takes no connections is asked for one this often by each client.
_RECONNECT_S = 0.05
# Planned requests that wait for a client at the end may still be sent in a tenth of the time.
_GRACE = 1.1


@dataclass(frozen=True)
class Load:
    """How hard a server is asked.

    rate: requests a second over all clients, at planned times; None: each client asks again when it is answered.
    """

    clients: int = 32
    seconds: float = 10.0
    rate: float | None = None
    timeout_s: float = 30.0


@dataclass(frozen=True)
class Measured:
    """What came of it; `seconds` to the last answer, latencies of what was answered with 2xx.

    failed: how many by status or fault. unsent: planned requests whose time came while every client still waited.
    """

    answered: int
    seconds: float
    failed: Mapping[str, int]
    unsent: int
    p_ms: Mapping[int, float]
    max_ms: float | None

    @property
    def per_second(self) -> float:
        """Answers a second."""
        return self.answered / self.seconds if self.seconds else 0.0


def measure(
    target: Target, request: bytes, load: Load, tell: Callable[[float], None] = lambda _: None
) -> Measured:
    """Put the load on the server; `tell` hears the share of the time that has passed.

    With a rate, a request's latency runs from the time for which it was planned, not from when a client was free to
    send it: a server that stalls is charged for everyone who would have come meanwhile (no coordinated omission).

    Raises EnvironmentProblem when no connection can be made at the start.
    Source: G. Tene, How NOT to Measure Latency, 2013.
    """
    return uvloop.run(_Run(target, request, load).measured(tell))


def percentile(ordered: Sequence[float], share: float) -> float:
    """The smallest value that this share (0 to 100) of the ordered ones does not exceed (nearest rank).

    >>> percentile([1.0, 2.0, 3.0, 4.0], 50)
    2.0
    """
    return ordered[max(0, math.ceil(share / 100 * len(ordered)) - 1)]


class _Run:
    """One load; its clients share the plan and the counts."""

    def __init__(self, target: Target, request: bytes, load: Load) -> None:
        self._target = target
        self._request = request
        self._load = load
        self._planned = math.inf if load.rate is None else round(load.rate * load.seconds)
        self._next = 0
        # Not the loop's own clock, which uvloop keeps in whole milliseconds.
        self._now = time.perf_counter
        self._ms = array("d")
        self._failed: Counter[str] = Counter()

    async def measured(self, tell: Callable[[float], None]) -> Measured:
        try:
            connections = [await Connection.to(self._target) for _ in range(self._load.clients)]
        except NoAnswer as error:
            raise EnvironmentProblem(
                f"no connection to {self._target.host}:{self._target.port}: {error.__cause__}",
                expected="a server that listens there",
                next_step="weighbridge deploy, or correct the address",
            ) from error
        self._began = self._now()
        self._ends = self._began + self._load.seconds * (1.0 if self._load.rate is None else _GRACE)
        progress = asyncio.create_task(self._tell(tell))
        async with asyncio.TaskGroup() as clients:
            for connection in connections:
                clients.create_task(self._client(connection))
        took_s = self._now() - self._began
        progress.cancel()
        return self._result(took_s)

    async def _client(self, connection: Connection) -> None:
        while self._next < self._planned and self._now() < self._ends:
            planned = await self._turn()
            try:
                async with asyncio.timeout(self._load.timeout_s):
                    if not connection.open:
                        connection = await Connection.to(self._target)
                    status = await connection.ask(self._request)
            except NoAnswer as error:
                self._failed[error.fault] += 1
                if error.fault is Fault.UNREACHABLE:
                    await asyncio.sleep(_RECONNECT_S)
            except TimeoutError:
                self._failed[Fault.TIMEOUT] += 1
                connection.abort()
            else:
                if 200 <= status < 300:
                    self._ms.append((self._now() - planned) * 1000)
                else:
                    self._failed[f"HTTP {status}"] += 1
        connection.abort()

    async def _turn(self) -> float:
        """Wait for the time of the next request; returns the time from which its latency runs."""
        number, self._next = self._next, self._next + 1
        if self._load.rate is None:
            return self._now()
        planned = self._began + number / self._load.rate
        while (early := planned - self._now()) > 0:
            # Timers of the loop have a resolution of a millisecond.
            await asyncio.sleep(max(0.0, early - 0.002))
        return planned

    async def _tell(self, tell: Callable[[float], None]) -> None:
        while True:
            tell(min(1.0, (self._now() - self._began) / self._load.seconds))
            await asyncio.sleep(_TELL_EVERY_S)

    def _result(self, took_s: float) -> Measured:
        ordered = sorted(self._ms)
        return Measured(
            answered=len(ordered),
            seconds=took_s,
            failed=dict(self._failed.most_common()),
            unsent=0 if self._load.rate is None else int(self._planned) - self._next,
            p_ms={share: percentile(ordered, share) for share in PERCENTILES} if ordered else {},
            max_ms=ordered[-1] if ordered else None,
        )
