"""So many requests in the house, for so long; and what becomes of those that take too long."""

import asyncio
import threading

import anyio
import httpx
import pytest

from mlops.serving.access.house import Timeout, _Timed
from mlops.serving.errors import ModelFailed


async def until(true):
    async with asyncio.timeout(60):
        while not true():
            await asyncio.sleep(0.001)


def test_one_request_too_many_is_sent_away_at_once(house):
    async def story():
        leave, inside = asyncio.Event(), []

        async def work(request):
            inside.append(request)
            await leave.wait()

        there = house(most=2, work=work)
        busy = [asyncio.create_task(there.ask()) for _ in range(2)]
        await until(lambda: len(inside) == 2)
        answer = await there.ask()
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        assert answer.json()["detail"] == "as many requests are in the house as it takes"
        leave.set()
        assert [(await each).status_code for each in busy] == [200, 200]
        assert (await there.ask()).status_code == 200
        assert there.counts.reasons == ["full"]

    asyncio.run(story())


def test_what_the_model_has_no_part_in_is_answered_when_the_house_is_full(house):
    async def story():
        there = house(most=0)
        for path in ("/health/ready", "/metrics", "/model"):
            assert (await there.ask(path, method="GET")).status_code == 200
        assert (await there.ask("/v1/feedback")).status_code == 503

    asyncio.run(story())


def test_a_request_that_fails_leaves_its_place(house):
    async def story():
        async def work(request):
            raise ModelFailed("the model could not answer")

        there = house(most=1, work=work)
        assert [(await there.ask()).status_code for _ in range(3)] == [500] * 3

    asyncio.run(story())


def test_no_answer_in_time_is_504_and_the_place_is_kept_until_the_model_is_done(house):
    async def story():
        done, started = threading.Event(), []

        async def work(request):
            started.append(request)
            if len(started) == 1:
                await anyio.to_thread.run_sync(done.wait)

        there = house(most=1, seconds=0.05, work=work)
        late = asyncio.create_task(there.ask())
        await until(lambda: there.counts.reasons)
        assert there.counts.reasons == ["timed_out"]
        assert (await there.ask()).status_code == 503
        done.set()
        answer = await late
        assert answer.status_code == 504
        assert answer.json()["title"] == "Gateway Timeout"
        assert (await there.ask()).status_code == 200
        assert there.counts.kinds == ["TimedOut", "Full"]
        assert there.counts.statuses == [504, 503, 200]

    asyncio.run(story())


def test_the_answer_is_sent_when_the_time_is_over_and_not_when_the_model_is_done(house):
    async def story():
        done, sent = asyncio.Event(), []

        async def app(scope, receive, send):
            await done.wait()
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await send({"type": "http.response.body", "body": b"late"})

        async def send(message):
            sent.append(message)

        timed = Timeout(app, seconds=0.02, metrics=house().counts)
        scope = {"type": "http", "path": "/v1/predict", "headers": [], "state": {"request_id": "r-1"}}
        running = asyncio.create_task(timed(scope, None, send))
        await until(lambda: len(sent) == 2)
        assert sent[0]["status"] == 504
        assert not running.done()
        done.set()
        await running
        assert len(sent) == 2

    asyncio.run(story())


def slow_post(there, parts, gate):
    """A body whose last part comes when the gate opens."""

    async def body():
        for part in parts:
            yield part
        await gate.wait()
        yield b"}"

    async def post():
        transport = httpx.ASGITransport(there.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://lane") as http:
            return await http.post("/v1/predict", content=body())

    return post()


@pytest.mark.parametrize("parts", [[], [b"{"], [b"{", b" ", b" "]])
def test_a_body_that_does_not_arrive_is_408(house, parts):
    async def story():
        there = house(seconds=0.05)
        answer = await slow_post(there, parts, asyncio.Event())
        assert answer.status_code == 408
        assert answer.headers["connection"] == "close"
        assert answer.json()["detail"] == "the body did not arrive in time"
        assert (there.counts.reasons, there.counts.kinds) == (["slow_body"], ["SlowBody"])
        assert (await there.ask()).status_code == 200

    asyncio.run(story())


def test_a_body_in_parts_that_arrives_is_read(house):
    async def story():
        gate = asyncio.Event()
        gate.set()
        there = house(seconds=30)
        assert (await slow_post(there, [b"{", b" "], gate)).json()["bytes"] == 3

    asyncio.run(story())


def test_a_server_that_stops_can_still_cancel_a_request(house):
    async def story():
        there = house(seconds=30)
        waiting = asyncio.create_task(slow_post(there, [b"{"], asyncio.Event()))
        await asyncio.sleep(0.01)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert there.counts.reasons == []

    asyncio.run(story())


def test_a_server_that_stops_just_when_the_time_is_over_is_obeyed(house):
    async def story():
        timed = _Timed({}, asyncio.Event().wait, None, house().counts)
        reading = asyncio.create_task(timed._receive_timed())
        await asyncio.sleep(0)
        timed._expire()
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(story())


def test_an_answer_that_has_begun_is_not_cut_off(house):
    async def story():
        more, sent = asyncio.Event(), []

        async def app(scope, receive, send):
            await send({"type": "http.response.start", "status": 200, "headers": []})
            await more.wait()
            await send({"type": "http.response.body", "body": b"whole"})

        async def send(message):
            sent.append(message)

        counts = house().counts
        timed = Timeout(app, seconds=0.01, metrics=counts)
        scope = {"type": "http", "path": "/v1/predict", "headers": [], "state": {"request_id": "r-1"}}
        running = asyncio.create_task(timed(scope, None, send))
        await asyncio.sleep(0.03)
        more.set()
        await running
        assert [message.get("body") for message in sent] == [None, b"whole"]
        assert counts.reasons == []

    asyncio.run(story())


def test_the_lifespan_passes_through(house):
    async def story():
        seen = []

        async def app(scope, receive, send):
            seen.append(scope["type"])

        there = house()
        chain = there.app
        while hasattr(chain, "_app"):
            inner = chain._app
            if not hasattr(inner, "_app"):
                chain._app = app
                break
            chain = inner
        await there.app({"type": "lifespan"}, None, None)
        assert seen == ["lifespan"]

    asyncio.run(story())
