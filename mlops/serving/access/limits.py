"""How often a caller may ask: a rate and a quota, counted in this process or in Redis."""

import asyncio
import ipaddress
import logging
import os
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil, floor
from typing import Any

from starlette.types import Scope

from evaluation.errors import UserError
from mlops.serving.access.callers import ANYONE, Caller
from mlops.serving.access.config import REDIS_PASSWORD, AccessConfig
from mlops.serving.access.reasons import Reason

_LOG = logging.getLogger("weighbridge.door")
_UNITS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400}
# A Redis nearby answers in a millisecond or so; no caller should wait long for one that does not.
_REDIS_WITHIN_S = 0.25
_REDIS_CONNECTIONS = 16
_REDIS_PAUSE_S = 1.0
# Beyond so many the caller who has been silent for the longest starts anew; a caller takes some 300 bytes.
_MOST_CALLERS = 100_000


@dataclass(frozen=True)
class Window:
    """At most `amount` requests in any `seconds`."""

    reason: Reason
    amount: int
    seconds: int

    @classmethod
    def parse(cls, reason: Reason, text: str) -> "Window":
        """Read `100/second`, in the form that AccessConfig has checked.

        >>> Window.parse(Reason.RATE, "100/minute").seconds
        60
        """
        amount, _, unit = text.partition("/")
        return cls(reason, int(amount), _UNITS[unit])


@dataclass(frozen=True)
class Over:
    """A limit that a caller is over, and in how many seconds there is room again."""

    window: Window
    wait_s: float

    @property
    def reason(self) -> Reason:
        """Rate or quota."""
        return self.window.reason

    @property
    def retry_after_s(self) -> int:
        """Whole seconds, at least one."""
        return max(1, ceil(self.wait_s))

    def headers(self) -> Mapping[str, str]:
        """RateLimit and RateLimit-Policy, as the IETF's draft on them has it."""
        return {
            "ratelimit-policy": f'"{self.reason}";q={self.window.amount};w={self.window.seconds}',
            "ratelimit": f'"{self.reason}";r=0;t={self.retry_after_s}',
        }


class InMemory:
    """Counts in this process: two fixed windows a caller, the earlier one weighted by what is left of it.

    The method is that of the `limits` package. Its own asynchronous memory looks through every caller at every
    request: 647 microseconds with 5,000 callers.
    """

    def __init__(self, window: Window, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._window = window
        self._clock = clock
        # Number of the window, requests in it, requests in the one before.
        self._counts: OrderedDict[str, tuple[int, int, int]] = OrderedDict()

    def take(self, name: str) -> float | None:
        """Count one request; None, or the seconds until there is room for it."""
        amount, length = self._window.amount, self._window.seconds
        passed = self._clock() / length
        number = floor(passed)
        share = passed - number
        at, current, previous = self._counts.get(name, (number, 0, 0))
        if at != number:
            current, previous = 0, current if at == number - 1 else 0
        if floor(previous * (1 - share) + current) + 1 > amount:
            return length * _until_room(amount, current, previous, share)
        self._counts[name] = (number, current + 1, previous)
        self._counts.move_to_end(name)
        if len(self._counts) > _MOST_CALLERS:
            self._counts.popitem(last=False)
        return None


def _until_room(amount: int, current: int, previous: int, share: float) -> float:
    """Windows until the weighted count is below the amount."""
    if current >= amount:
        return 1 - share
    return 1 - (amount - current) / previous - share


class InRedis:
    """Counts in Redis, for all processes together; while it is down each process counts for itself.

    Neither are callers shut out by a broken Redis, nor are they without limits.
    """

    def __init__(self, window: Window, url: str, namespace: str, password: str | None) -> None:
        from limits import RateLimitItemPerSecond
        from limits.aio.strategies import SlidingWindowCounterRateLimiter
        from limits.errors import ConfigurationError
        from limits.storage import storage_from_string

        try:
            from redis.asyncio import BlockingConnectionPool

            # A burst waits for one of a few connections; as many new ones as requests took longer than the limit.
            options = {"password": password} if password else {}
            self._pool = BlockingConnectionPool.from_url(url, max_connections=_REDIS_CONNECTIONS, **options)
            more: dict[str, Any] = {"implementation": "redispy", "connection_pool": self._pool}
            storage: Any = storage_from_string(f"async+{url}", **more)
        except (ConfigurationError, ImportError, ValueError):
            raise UserError(
                "no limits can be counted in Redis",
                expected="the package redis, and serve.access.storage as redis://HOST:PORT/NUMBER",
                next_step="pip install 'redis>=5.2', or set storage: memory",
            ) from None
        self._window = window
        self._item = RateLimitItemPerSecond(window.amount, window.seconds, namespace)
        self._limiter = SlidingWindowCounterRateLimiter(storage)
        self._own = InMemory(window)
        self._ask_again_at = 0.0
        self._down = False

    async def take(self, name: str) -> float | None:
        """Count one request; None, or the seconds until there is room for it."""
        if self._down:
            if time.monotonic() < self._ask_again_at:
                return self._own.take(name)
            # One request finds out whether it is back; those beside it do not wait.
            self._ask_again_at = time.monotonic() + _REDIS_PAUSE_S
        try:
            async with asyncio.timeout(_REDIS_WITHIN_S):
                wait_s = await self._ask(name)
        except Exception as error:  # noqa: BLE001 - whatever a client of Redis raises, it is Redis that is down
            self._note(error)
            return self._own.take(name)
        if self._down:
            self._down = False
            _LOG.info("redis is back", extra={"facts": {"limit": str(self._window.reason)}})
        return wait_s

    async def close(self) -> None:
        """Let go of its connections."""
        await self._pool.aclose()

    async def _ask(self, name: str) -> float | None:
        if await self._limiter.hit(self._item, self._window.reason, name):
            return None
        stats = await self._limiter.get_window_stats(self._item, self._window.reason, name)
        return max(0.0, stats.reset_time - time.time())

    def _note(self, error: Exception) -> None:
        self._ask_again_at = time.monotonic() + _REDIS_PAUSE_S
        if not self._down:
            self._down = True
            # The message of a client may hold its URL.
            facts = {"limit": str(self._window.reason), "reason": type(error).__name__}
            _LOG.error("redis is down, limits are counted in this process", extra={"facts": facts})


class RateLimits:
    """The rate and the quota of every caller."""

    def __init__(self, counters: Mapping[Window, InMemory | InRedis]) -> None:
        self._counters = tuple(counters.items())

    @classmethod
    def of(cls, config: AccessConfig, *, namespace: str) -> "RateLimits | None":
        """What the policy asks for, None where it asks for no limit; raises UserError without a client of Redis.

        namespace: keeps apart what several models count in one Redis.
        """
        texts = {Reason.RATE: config.rate, Reason.QUOTA: config.quota}
        windows = [Window.parse(reason, text) for reason, text in texts.items() if text]
        if not windows:
            return None
        if config.storage == "memory":
            return cls({window: InMemory(window) for window in windows})
        password = os.environ.get(REDIS_PASSWORD)
        return cls({window: InRedis(window, config.storage, namespace, password) for window in windows})

    async def take(self, name: str) -> Over | None:
        """Count one request of a caller; None, or the limit that it is over."""
        for window, counter in self._counters:
            found = counter.take(name)
            wait_s = found if found is None or isinstance(found, float) else await found
            if wait_s is not None:
                return Over(window, wait_s)
        return None

    async def close(self) -> None:
        """Let go of connections."""
        for _, counter in self._counters:
            if isinstance(counter, InRedis):
                await counter.close()


def caller_name(scope: Scope) -> str:
    """Under which name a request is counted: its caller's, or its address where anyone may ask."""
    caller: Caller = scope["state"]["caller"]
    if caller is not ANYONE:
        return caller.id
    client = scope.get("client")
    return _network(client[0]) if client else "address:none"


@lru_cache(maxsize=10_000)
def _network(host: str) -> str:
    """An IPv4 address, or the /64 that one customer gets of IPv6."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return "address:none"
    if isinstance(address, ipaddress.IPv6Address):
        return f"address:{ipaddress.ip_network((address.packed, 64), strict=False)}"
    return f"address:{address}"
