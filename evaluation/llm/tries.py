"""One request until it is answered, or not worth another try."""

import asyncio
from dataclasses import replace

from evaluation.llm.config import EndpointConfig
from evaluation.llm.connection import Connection
from evaluation.llm.faults import Fault
from evaluation.llm.timing import Timing
from evaluation.llm.values import Ask, Failed, FailureKind, Reply


async def answer(ask: Ask, config: EndpointConfig, connection: Connection, timing: Timing) -> Reply | Failed:
    """The reply, without its cost, or what the last try failed of.

    Only what may pass is tried again, after a wait; before each try the endpoint's own wish for rest is kept.
    """
    ends = timing.clock() + config.deadline_s
    fault = Fault(FailureKind.RATE_LIMITED, "the endpoint wants no calls yet", again=True)
    for attempt in range(1, config.attempts + 1):
        wait_s = timing.backoff(attempt - 1) if attempt > 1 else 0.0
        if not await _rested(wait_s, ends, connection, timing):
            detail = (
                f"{fault.detail}; the wait for the next try passes the deadline of {config.deadline_s:g} s"
            )
            return Failed(fault.kind, detail, attempt - 1)
        came = await _once(ask, min(config.timeout_s, ends - timing.clock()), connection, timing)
        if isinstance(came, Reply):
            return replace(came, attempts=attempt)
        fault = came
        if not fault.again:
            break
    return Failed(fault.kind, fault.detail, attempt, fault.usage)


async def _rested(wait_s: float, ends: float, connection: Connection, timing: Timing) -> bool:
    """Wait, and as long as the endpoint wishes; False at once where that passes the end."""
    while wait_s > 0 or connection.pace.wait_s() > 0:
        wait_s = max(wait_s, connection.pace.wait_s(spread=True))
        if timing.clock() + wait_s >= ends:
            return False
        await timing.sleep(wait_s)
        wait_s = 0.0
    return True


async def _once(ask: Ask, limit_s: float, connection: Connection, timing: Timing) -> Reply | Fault:
    chat = await connection.chat()
    try:
        async with asyncio.timeout(limit_s):
            return await chat.send(ask, timing.clock)
    except TimeoutError:
        return Fault(FailureKind.TIMEOUT, f"no whole answer within {limit_s:.3g} s", again=True)
