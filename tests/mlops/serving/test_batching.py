"""When requests share a call of the model, and that nobody notices but the clock."""

import asyncio
import threading
from contextvars import ContextVar

import pytest

from mlops.serving.batching import Batcher, Said
from mlops.serving.cost import Cost


def learnt(fixed=0.002, each=0.00001):
    cost = Cost()
    for rows in (1, 16, 1, 16):
        cost.learn(rows, fixed + each * rows)
    return cost


class Model:
    """Doubles its rows' values, and keeps the sizes of its calls; a gate holds it up."""

    def __init__(self, *, bad=None):
        self.calls = []
        self.bad = bad
        self.gate = threading.Event()
        self.gate.set()

    def __call__(self, rows):
        self.gate.wait(30)
        self.calls.append(len(rows))
        if any(row == (self.bad,) for row in rows):
            raise ValueError("cannot double")
        return Said([2 * value for (value,) in rows], [value / 100 for (value,) in rows])


async def ask(batcher, values):
    said = await batcher.submit([(value,) for value in values])
    return said.labels, said.scores


@pytest.mark.parametrize(
    ("fixed", "each", "pays"),
    [(0.002, 0.00001, True), (0.0, 0.001, False), (0.001, 0.001, False), (0.002, 0.0002, True)],
)
def test_together_only_where_it_pays(fixed, each, pays):
    assert Batcher(Model(), cost=learnt(fixed, each), threads=2).together is pays


def test_a_cost_that_nothing_is_known_of_does_not_pay():
    assert not Batcher(Model(), cost=Cost(), threads=1).together


def test_what_arrives_while_the_model_is_busy_goes_together():
    model = Model()
    batcher = Batcher(model, cost=learnt(), threads=1)

    async def many():
        model.gate.clear()
        first = asyncio.ensure_future(ask(batcher, [0]))
        while not batcher._busy:
            await asyncio.sleep(0)
        rest = [asyncio.ensure_future(ask(batcher, [value, value + 1])) for value in range(1, 20)]
        await asyncio.sleep(0)
        model.gate.set()
        return await asyncio.gather(first, *rest)

    answers = asyncio.run(many())
    assert answers[0] == ([0], [0.0])
    for value, (labels, scores) in enumerate(answers[1:], start=1):
        assert labels == [2 * value, 2 * value + 2]
        assert scores == [value / 100, (value + 1) / 100]
    assert model.calls == [1, 38]


def test_a_single_caller_never_waits_for_others():
    """No timer is set: each of its requests is asked for as it comes."""
    model = Model()
    batcher = Batcher(model, cost=learnt(), threads=1)

    async def one_after_the_other():
        held = []
        for value in range(5):
            task = asyncio.ensure_future(ask(batcher, [value]))
            await asyncio.sleep(0)
            held.append(batcher._hold)
            await task
        return held

    assert asyncio.run(one_after_the_other()) == [None] * 5
    assert model.calls == [1] * 5


def test_a_request_that_is_larger_than_a_call_should_be_goes_alone_and_whole():
    model = Model()
    batcher = Batcher(model, cost=learnt(0.001, 0.0005), threads=1)
    most = learnt(0.001, 0.0005).most_rows

    async def large():
        return await asyncio.gather(ask(batcher, range(3 * most)), ask(batcher, [1]), ask(batcher, [2]))

    answers = asyncio.run(large())
    assert [len(labels) for labels, _ in answers] == [3 * most, 1, 1]
    assert model.calls[0] == 3 * most


def test_one_that_fails_fails_alone():
    model = Model(bad=7)
    batcher = Batcher(model, cost=learnt(), threads=1)

    async def many():
        model.gate.clear()
        tasks = [asyncio.ensure_future(ask(batcher, [value])) for value in range(10)]
        await asyncio.sleep(0)
        model.gate.set()
        return await asyncio.gather(*tasks, return_exceptions=True)

    answers = asyncio.run(many())
    assert isinstance(answers[7], ValueError)
    assert [labels for labels, _ in answers[:7] + answers[8:]] == [
        [2 * value] for value in range(10) if value != 7
    ]


def test_who_gave_up_is_not_asked_for():
    model = Model()
    batcher = Batcher(model, cost=learnt(), threads=1)

    async def impatient():
        model.gate.clear()
        first = asyncio.ensure_future(ask(batcher, [0]))
        while not batcher._busy:
            await asyncio.sleep(0)
        gone = asyncio.ensure_future(ask(batcher, [1]))
        kept = asyncio.ensure_future(ask(batcher, [2]))
        await asyncio.sleep(0)
        gone.cancel()
        model.gate.set()
        return await asyncio.gather(first, gone, kept, return_exceptions=True)

    answers = asyncio.run(impatient())
    assert isinstance(answers[1], asyncio.CancelledError)
    assert answers[2] == ([4], [0.02])
    assert sum(model.calls) == 2


@pytest.mark.parametrize("cost", [None, learnt(0.0, 0.001)])
def test_apart_every_request_has_its_own_call(cost):
    model = Model()
    batcher = Batcher(model, cost=cost, threads=2)

    async def some():
        return await asyncio.gather(*(ask(batcher, [value]) for value in range(6)))

    assert asyncio.run(some()) == [([2 * value], [value / 100]) for value in range(6)]
    assert model.calls == [1] * 6


def test_calls_are_told_to_whoever_counts():
    seen = []
    batcher = Batcher(
        Model(),
        cost=learnt(),
        threads=1,
        timer=iter(range(100)).__next__,
        done=lambda *call: seen.append(call),
    )
    asyncio.run(ask(batcher, [1, 2, 3]))
    assert seen == [(3, 1)]


@pytest.mark.parametrize("cost", [None, learnt()])
def test_each_request_is_told_how_long_it_waited_and_with_how_many_rows(cost):
    """Its own context is the one that is told: a span of it belongs to the request's trace."""
    whose = ContextVar("whose")
    seen = {}
    model = Model(bad=2)
    batcher = Batcher(model, cost=cost, threads=1, waited=lambda *wait: seen.update({whose.get(): wait}))

    async def one(value):
        whose.set(value)
        await ask(batcher, [value] * (value + 1))

    async def some():
        model.gate.clear()
        tasks = [asyncio.ensure_future(one(value)) for value in range(3)]
        await asyncio.sleep(0)
        model.gate.set()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(some())
    assert sorted(seen) == [0, 1, 2]
    assert all(since <= until for since, until, _ in seen.values())
    together = {value: rows for value, (_, _, rows) in seen.items()}
    assert together == ({0: 1, 1: 2, 2: 3} if cost is None else {0: 1, 1: 5, 2: 5})


def test_who_was_never_asked_for_is_told_nothing():
    seen = []
    model = Model()
    batcher = Batcher(model, cost=learnt(), threads=1, waited=lambda *wait: seen.append(wait))

    async def ended():
        model.gate.clear()
        first = asyncio.ensure_future(ask(batcher, [0]))
        while not batcher._busy:
            await asyncio.sleep(0)
        gone = asyncio.ensure_future(ask(batcher, [1]))
        await asyncio.sleep(0)
        gone.cancel()
        model.gate.set()
        await asyncio.gather(first, gone, return_exceptions=True)

    asyncio.run(ended())
    assert len(seen) == 1


def test_after_its_end_nobody_waits_for_ever():
    model = Model()
    batcher = Batcher(model, cost=learnt(), threads=1)

    async def ended():
        model.gate.clear()
        first = asyncio.ensure_future(ask(batcher, [0]))
        while not batcher._busy:
            await asyncio.sleep(0)
        waits = asyncio.ensure_future(ask(batcher, [1]))
        await asyncio.sleep(0)
        batcher.close()
        late = asyncio.ensure_future(ask(batcher, [2]))
        model.gate.set()
        return await asyncio.gather(first, waits, late, return_exceptions=True)

    first, waits, late = asyncio.run(ended())
    assert first == ([0], [0.0])
    assert isinstance(waits, RuntimeError)
    assert isinstance(late, RuntimeError)


def test_a_call_of_one_requests_own_is_made_in_its_context():
    asked_by = ContextVar("asked_by", default="nobody")

    async def come(batcher, name):
        asked_by.set(name)
        return (await batcher.submit([(name,)])).labels

    async def main():
        batcher = Batcher(lambda rows: Said([asked_by.get()] * len(rows), [None]), cost=None, threads=2)
        return await asyncio.gather(*(come(batcher, name) for name in "abc"))

    assert asyncio.run(main()) == [["a"], ["b"], ["c"]]
