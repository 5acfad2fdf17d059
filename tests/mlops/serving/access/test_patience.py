"""Whoever is refused waits a moment; others do not."""

import asyncio

import pytest

from mlops.serving.access import refusals
from mlops.serving.access.doorkeeper import Doorkeeper
from mlops.serving.access.limits import InMemory, RateLimits, Window
from mlops.serving.access.middleware import REFUSAL_AFTER_S, Authenticate, LimitRate
from mlops.serving.access.reasons import Reason
from mlops.serving.access.refusals import Patience


@pytest.fixture
def pauses(monkeypatch):
    """How long each pause would have been."""
    slept = []

    async def sleep(seconds):
        slept.append(seconds)

    monkeypatch.setattr(refusals.asyncio, "sleep", sleep)
    return slept


def test_a_refusal_comes_late_and_an_answer_does_not(house, keys, pauses):
    there = house()
    limits = RateLimits({(window := Window(Reason.RATE, 1, 60)): InMemory(window)})
    limited = LimitRate(there.app, limits=limits, metrics=there.counts)
    there.app = _named(
        Authenticate(limited, authenticator=Doorkeeper(keys.watch(), None), metrics=there.counts)
    )
    assert (there.ask_now(key="x").status_code, pauses) == (401, [REFUSAL_AFTER_S])
    key = keys.make()
    there.app = _named(
        Authenticate(limited, authenticator=Doorkeeper(keys.watch(), None), metrics=there.counts)
    )
    assert (there.ask_now(key=key).status_code, pauses) == (200, [REFUSAL_AFTER_S])
    assert (there.ask_now(key=key).status_code, pauses) == (429, [REFUSAL_AFTER_S] * 2)


def _named(app):
    async def named(scope, receive, send):
        scope["state"] = {"request_id": "r-1"}
        await app(scope, receive, send)

    return named


def test_only_so_many_are_kept_waiting():
    async def story():
        patience = Patience(3600, most=1)
        first = asyncio.create_task(patience.pause())
        await asyncio.sleep(0)
        await asyncio.wait_for(patience.pause(), 30)
        assert not first.done()
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        second = asyncio.create_task(patience.pause())
        await asyncio.sleep(0)
        assert not second.done()
        second.cancel()

    asyncio.run(story())
