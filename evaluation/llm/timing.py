"""Clock, sleep and chance of retries; a test hands over its own."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

_FIRST_S = 0.5
_LONGEST_S = 20.0


@dataclass(frozen=True)
class Timing:
    """What waiting is made of: seconds that only rise, a sleep, and numbers from 0 to below 1."""

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    # Chance spreads calls over time here and decides nothing that is measured, so it takes no seed.
    chance: Callable[[], float] = random.random

    def backoff(self, attempt: int) -> float:
        """Seconds before the try after this one: anywhere up to a bound that doubles each time (full jitter).

        Source: Brooker (2015), Exponential Backoff and Jitter, AWS Architecture Blog.

        >>> Timing(chance=lambda: 0.5).backoff(3)
        1.0
        """
        bound: float = min(_LONGEST_S, _FIRST_S * 2 ** (attempt - 1))
        return self.chance() * bound
