"""Rates and quotas: counted as the library counts them, told as the draft has it, and one caller's own affair."""

import asyncio
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from limits import RateLimitItemPerSecond
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from evaluation.errors import UserError
from mlops.serving.access import limits
from mlops.serving.access.callers import ANYONE, Caller, Scope
from mlops.serving.access.config import AccessConfig
from mlops.serving.access.doorkeeper import Doorkeeper
from mlops.serving.access.limits import InMemory, Over, RateLimits, Window, caller_name
from mlops.serving.access.reasons import Reason


class Time:
    now = 0.0

    def __call__(self):
        return self.now


def counted(amount, seconds, clock):
    return InMemory(Window(Reason.RATE, amount, seconds), clock=clock)


@given(
    amount=st.integers(1, 8),
    seconds=st.sampled_from([4, 10]),
    steps=st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0, 3.75, 12.5]), max_size=80),
)
def test_it_lets_through_what_the_library_lets_through(amount, seconds, steps):
    clock = Time()
    clock.now = 1_000_000.0
    ours = counted(amount, seconds, clock)

    async def compare():
        storage = MemoryStorage()
        theirs = SlidingWindowCounterRateLimiter(storage)
        item = RateLimitItemPerSecond(amount, seconds)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(time, "time", clock)
            for step in steps:
                clock.now += step
                assert (ours.take("a") is None) == await theirs.hit(item, "a")

    asyncio.run(compare())


@given(
    amount=st.integers(1, 50),
    steps=st.lists(st.floats(0, 3, allow_nan=False), min_size=1, max_size=200),
)
def test_whoever_waits_as_told_is_let_through(amount, steps):
    clock = Time()
    found = counted(amount, 10, clock)
    for step in steps:
        clock.now += step
        wait_s = found.take("a")
        if wait_s is not None:
            assert 0 <= wait_s <= 20
            clock.now += wait_s + 1e-6
            assert found.take("a") is None


@given(amount=st.integers(1, 30), steps=st.lists(st.floats(0, 2, allow_nan=False), max_size=300))
def test_no_window_ever_holds_more_than_twice_the_amount(amount, steps):
    clock = Time()
    found = counted(amount, 10, clock)
    taken = []
    for step in steps:
        clock.now += step
        if found.take("a") is None:
            taken.append(clock.now)
    for number, first in enumerate(taken):
        inside = [at for at in taken[number:] if at < first + 10]
        assert len(inside) < 2 * amount or amount == 1


def test_one_callers_requests_are_not_anothers():
    found = counted(2, 10, Time())
    assert [found.take("a") for _ in range(2)] == [None, None]
    assert found.take("a") is not None
    assert [found.take("b") for _ in range(2)] == [None, None]


def test_memory_is_bounded_and_forgets_who_was_silent_for_longest(monkeypatch):
    monkeypatch.setattr(limits, "_MOST_CALLERS", 3)
    found = counted(2, 10, Time())
    for name in "abcad":
        assert found.take(name) is None
    assert found.take("a") is not None
    assert [found.take("b") for _ in range(3)][:2] == [None, None]


@pytest.mark.parametrize(
    ("wait_s", "told"), [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (86_399.5, "86400")]
)
def test_what_is_told(wait_s, told):
    over = Over(Window.parse(Reason.QUOTA, "10000/day"), wait_s)
    assert over.headers() == {
        "ratelimit-policy": '"quota";q=10000;w=86400',
        "ratelimit": f'"quota";r=0;t={told}',
    }


def limited(**section):
    return RateLimits.of(AccessConfig.model_validate(section), namespace="lending")


def test_without_rate_and_quota_nothing_is_counted():
    assert limited() is None


def test_a_caller_over_its_rate_is_told_when_to_come_back_and_others_are_not(house, keys):
    shop, other = keys.make(), keys.make()
    there = house(Doorkeeper(keys.watch(), None), limits=limited(rate="3/day"))
    statuses = [there.ask_now(key=shop).status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    answer = there.ask_now(key=shop)
    assert 1 <= int(answer.headers["retry-after"]) <= 2 * 86_400
    assert answer.headers["ratelimit-policy"] == '"rate";q=3;w=86400'
    assert answer.headers["ratelimit"] == f'"rate";r=0;t={answer.headers["retry-after"]}'
    assert answer.json()["title"] == "Too Many Requests"
    assert [there.ask_now(key=other).status_code for _ in range(3)] == [200, 200, 200]
    assert there.counts.reasons == ["rate"] * 3
    assert there.ask_now("/health/ready", method="GET").status_code == 200


def test_the_quota_counts_only_what_the_rate_lets_through(house, keys):
    key = keys.make()
    found = limited(rate="2/hour", quota="4/day")
    clock = Time()
    for _, counter in found._counters:
        counter._clock = clock
    there = house(Doorkeeper(keys.watch(), None), limits=found)
    told = []
    for _ in range(4):
        told += [there.ask_now(key=key).status_code for _ in range(3)]
        clock.now += 7200
    assert told == [200, 200, 429] * 2 + [429] * 6
    assert there.counts.reasons == ["rate"] * 2 + ["quota", "quota", "rate"] * 2


def test_where_anyone_may_ask_an_address_is_a_caller(house):
    there = house(limits=limited(rate="1/day"))
    ask = lambda host: there.ask_now(client=(host, 5)).status_code  # noqa: E731
    assert [ask("192.0.2.1"), ask("192.0.2.1"), ask("192.0.2.2")] == [200, 429, 200]
    assert [ask("2001:db8::1"), ask("2001:db8::2"), ask("2001:db8:0:1::1")] == [200, 429, 200]


@pytest.mark.parametrize(
    ("caller", "client", "name"),
    [
        (Caller("key:1", frozenset(Scope)), ("192.0.2.1", 5), "key:1"),
        (ANYONE, ("192.0.2.1", 5), "address:192.0.2.1"),
        (ANYONE, ("2001:db8::1", 5), "address:2001:db8::/64"),
        (ANYONE, ("testclient", 5), "address:none"),
        (ANYONE, None, "address:none"),
    ],
)
def test_the_name_under_which_is_counted(caller, client, name):
    assert caller_name({"state": {"caller": caller}, "client": client}) == name


def test_a_storage_that_cannot_be_is_refused_at_the_start(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "redis", None)
    with pytest.raises(UserError, match="package redis"):
        limited(rate="1/second", storage="redis://127.0.0.1:1")
