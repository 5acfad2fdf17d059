"""Jobs from their request to their answer, over HTTP and without it; the handler is a fake that waits."""

import asyncio
import json
import logging
from contextvars import ContextVar
from datetime import UTC, datetime, timedelta
from functools import partial

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.exceptions import HTTPException

from mlops.serving.access.callers import Caller, Scope
from mlops.serving.answers import Answer, Prediction
from mlops.serving.errors import Busy, FieldProblem, Invalid, RequestProblem
from mlops.serving.handler import Call
from mlops.serving.jobs.accept import accept, prefers_async
from mlops.serving.jobs.config import JobsConfig, WebhooksConfig
from mlops.serving.jobs.job import State
from mlops.serving.jobs.jobs import Jobs
from mlops.serving.jobs.store import JobStore
from mlops.serving.jobs.webhooks import Outcome, Webhooks
from mlops.serving.middleware import problem
from mlops.serving.routes.jobs import job_routes
from mlops.serving.routes.predict import call_of
from mlops.serving.tracing import Untraced

SECRET = "s3cr3t-4711"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


class Handler:
    """Answers once it may, or raises."""

    def __init__(self):
        self.may = asyncio.Event()
        self.may.set()
        self.error = None
        self.asked = []
        self.most_at_once = self.at_once = 0

    async def predict(self, body, call):
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await self.may.wait()
        self.at_once -= 1
        self.asked.append((body, call))
        if self.error is not None:
            raise self.error
        return Answer("lending", "3", "r", call.request_id, [Prediction("a", 1, 0.75)])


class Counts:
    lane = ("lending", "3")

    def __init__(self):
        self.counted = []

    def predicted(self, rows, lane):
        assert lane == self.lane
        self.counted.append(rows)

    def failed(self, kind, lane):
        assert lane == self.lane
        self.counted.append(kind)

    def job(self, state):
        self.counted.append(state)

    def webhook(self, outcome):
        self.counted.append(outcome)


class Traced(Untraced):
    def headers(self):
        return {"traceparent": "00-1"}


class Hooks(Webhooks):
    """Webhooks that only remember."""

    def __init__(self):
        super().__init__(WebhooksConfig(allow=("https://shop.example/*",)), "0123456789abcdef")
        self.posted = []
        self.may = asyncio.Event()
        self.may.set()

    async def deliver(self, place, body, headers):
        await self.may.wait()
        self.posted.append((place.path, json.loads(body), dict(headers)))
        return Outcome.DELIVERED


class Bench:
    """One process's jobs on a fake handler, with a clock that is set by hand."""

    def __init__(self, folder, webhooks=None, **config):
        self.handler = Handler()
        self.counts = Counts()
        self.now = NOW
        self.closed = False
        config = JobsConfig(**config)
        self.store = JobStore(folder, config, clock=lambda: self.now)
        self.jobs = Jobs(config, self.counts, self.store, webhooks, Traced(), clock=lambda: self.now)

    async def __aenter__(self):
        await self.jobs.start()
        return self

    async def __aexit__(self, *_):
        self.handler.may.set()
        if not self.closed:
            await self.close()

    async def close(self, **within):
        self.closed = True
        return await self.jobs.close(**within)

    async def submit(self, body=b"", caller="key:1", *more):
        asked = call(caller)
        return await self.jobs.submit(partial(self.handler.predict, body, asked), asked, *more)

    async def find(self, job, caller="key:1"):
        return await self.jobs.find(job.id, caller)

    async def begun(self, job):
        while (await self.find(job)).state is State.QUEUED:
            pass

    async def settled(self, job):
        while not (found := await self.find(job)).ended:
            pass
        return found

    async def told(self, job):
        return json.loads((await self.settled(job)).told())


def call(name="key:1"):
    return Call("q-1", Caller(name, frozenset(Scope)))


def run(test):
    return lambda self, tmp_path: asyncio.run(test(self, tmp_path))


class TestJobs:
    @run
    async def test_from_queued_to_done(self, tmp_path):
        async with Bench(tmp_path, at_once=1) as bench:
            bench.handler.may.clear()
            first, second = await bench.submit(b"1"), await bench.submit(b"2")
            assert json.loads(first.told()) == {
                "id": first.id,
                "state": "queued",
                "made_at": "2026-03-01T00:00:00.000+00:00",
            }
            await bench.begun(first)
            assert [(await bench.find(job)).state for job in (first, second)] == ["running", "queued"]
            bench.handler.may.set()
            for job in (first, second):
                told = await bench.told(job)
                assert told["answer"]["predictions"] == [
                    {"id": "a", "prediction": 1, "score": 0.75, "flags": []}
                ]
                assert told["state"] == "done"
            assert [body for body, _ in bench.handler.asked] == [b"1", b"2"]
            assert bench.counts.counted == ["queued", "queued", 1, "done", 1, "done"]

    @run
    async def test_so_many_at_once(self, tmp_path):
        async with Bench(tmp_path, at_once=3) as bench:
            bench.handler.may.clear()
            jobs = [await bench.submit() for _ in range(10)]
            for job in jobs[:3]:
                await bench.begun(job)
            states = [(await bench.find(job)).state for job in jobs]
            assert states.count(State.RUNNING) == 3
            bench.handler.may.set()
            for job in jobs:
                await bench.settled(job)
            assert bench.handler.most_at_once == 3

    @run
    async def test_a_refusal_is_told_as_it_would_have_been(self, tmp_path):
        async with Bench(tmp_path) as bench:
            bench.handler.error = Invalid("1 problem(s)", [FieldProblem("records.0.age", "Field required")])
            told = await bench.told(await bench.submit())
            assert told["state"] == "failed"
            assert told["problem"]["status"] == 422
            assert told["problem"]["request_id"] == "q-1"
            assert told["problem"]["errors"] == [{"field": "records.0.age", "message": "Field required"}]
            assert bench.counts.counted == ["queued", "Invalid", "failed"]

    def test_an_unexpected_error_ends_one_job_and_says_nothing(self, caplog, tmp_path):
        caplog.set_level(logging.DEBUG, "weighbridge")

        async def test():
            async with Bench(tmp_path, at_once=1) as bench:
                bench.handler.error = RuntimeError(SECRET)
                told = await bench.told(await bench.submit(SECRET.encode()))
                assert told["problem"]["detail"] == "unexpected error"
                assert SECRET not in json.dumps(told)
                bench.handler.error = None
                assert (await bench.settled(await bench.submit())).state is State.DONE

        asyncio.run(test())
        assert [line.facts["reason"] for line in caplog.records] == ["RuntimeError"]
        assert SECRET not in caplog.text

    @run
    async def test_it_runs_in_its_requests_context(self, tmp_path):
        trace = ContextVar("trace", default=None)
        seen = []

        async def ask():
            seen.append(trace.get())
            return Answer("lending", "3", "r", "q-1", [])

        async with Bench(tmp_path) as bench:
            trace.set("of the request")
            await bench.settled(await bench.jobs.submit(ask, call()))
            assert seen == ["of the request"]

    @run
    async def test_only_so_many_wait(self, tmp_path):
        async with Bench(tmp_path, at_once=1, waiting=2) as bench:
            bench.handler.may.clear()
            running = await bench.submit()
            await bench.begun(running)
            await bench.submit()
            await bench.submit()
            with pytest.raises(Busy):
                await bench.submit()

    @run
    async def test_answers_are_kept_for_a_while_and_only_so_many(self, tmp_path):
        async with Bench(tmp_path, keep="1h", most=2) as bench:
            found = []
            for _ in range(3):
                bench.now += timedelta(minutes=10)
                found.append(await bench.settled(await bench.submit()))
            assert [await bench.find(job) for job in found] == [None, *found[1:]]
            bench.now += timedelta(minutes=50)
            assert [await bench.find(job) for job in found] == [None, None, found[2]]
            bench.now += timedelta(minutes=10)
            assert await bench.find(found[2]) is None

    @run
    async def test_it_is_its_callers_alone(self, tmp_path):
        async with Bench(tmp_path) as bench:
            job = await bench.settled(await bench.submit())
            assert await bench.find(job, "key:2") is None
            assert await bench.jobs.find("no-such-job", "key:1") is None

    @run
    async def test_the_answer_is_posted_once(self, tmp_path):
        hooks = Hooks()
        async with Bench(tmp_path, hooks) as bench:
            place = hooks.place("https://shop.example/done")
            job = await bench.submit(b"", "key:1", place)
            await bench.submit()
            assert await bench.close() == 0
            ((path, body, headers),) = hooks.posted
            assert (path, headers) == ("/done", {"traceparent": "00-1"})
            assert (body["id"], body["state"]) == (job.id, "done")
            assert body["answer"]["predictions"] == [{"id": "a", "prediction": 1, "score": 0.75, "flags": []}]
            assert bench.counts.counted.count("delivered") == 1

    @run
    async def test_an_end_waits_for_what_runs_and_counts_what_is_lost(self, tmp_path):
        async with Bench(tmp_path, at_once=1) as bench:
            bench.handler.may.clear()
            await bench.submit()
            await bench.submit()
            asyncio.get_running_loop().call_later(0.01, bench.handler.may.set)
            assert await bench.close() == 0
            assert bench.counts.counted.count("done") == 2
        async with Bench(tmp_path, at_once=1) as bench:
            bench.handler.may.clear()
            await bench.submit()
            await bench.submit()
            assert await bench.close(within_s=0.01) == 2


class TestOthers:
    """Two benches on one folder are two processes of one server."""

    @run
    async def test_each_tells_of_all(self, tmp_path):
        async with Bench(tmp_path) as one, Bench(tmp_path) as other:
            one.handler.may.clear()
            job = await one.submit()
            await one.begun(job)
            assert (await other.find(job)).state is State.RUNNING
            assert await other.find(job, "key:2") is None
            one.handler.may.set()
            assert (await other.told(job))["answer"]["predictions"][0]["id"] == "a"

    @run
    async def test_what_an_end_leaves_is_told_as_lost_by_the_next(self, tmp_path):
        async with Bench(tmp_path, at_once=1) as bench:
            bench.handler.may.clear()
            left = [await bench.submit() for _ in range(2)]
            await bench.begun(left[0])
            assert await bench.close(within_s=0.01) == 2
            assert bench.counts.counted == ["queued", "queued", "lost", "lost"]
            async with Bench(tmp_path) as later:
                for job in left:
                    told = await later.told(job)
                    assert (told["state"], told["problem"]["status"]) == ("failed", 503)
                    assert told["problem"]["request_id"] == "q-1"

    @run
    async def test_what_was_not_posted_is_posted_by_another(self, tmp_path):
        hooks, place = Hooks(), Hooks().place("https://shop.example/done?order=7")
        slow = Hooks()
        slow.may.clear()
        async with Bench(tmp_path, slow) as bench:
            job = await bench.submit(b"", "key:1", place)
            await bench.settled(job)
            assert await bench.close(within_s=0.01) == 1
            async with Bench(tmp_path, hooks) as later:
                await later.jobs.look_after()
                assert await later.close() == 0
                ((path, body, headers),) = hooks.posted
                assert (path, body["id"], body["state"]) == ("/done", job.id, "done")
                assert headers == {"traceparent": "00-1"}
                assert later.counts.counted == ["delivered"]
        assert slow.posted == []

    @run
    async def test_an_answer_that_cannot_be_kept(self, tmp_path):
        async with Bench(tmp_path) as bench:
            keep, refused = bench.store.end, []

            def full(job_id, state, outcome):
                if len(refused) < 2:
                    refused.append(outcome)
                    raise Busy("jobs cannot be kept for now")
                keep(job_id, state, outcome)

            bench.store.end = full
            job = await bench.submit()
            await bench.jobs.join()
            await bench.jobs.look_after()
            told = await bench.told(job)
            assert (told["state"], told["problem"]["detail"]) == ("failed", "the answer could not be kept")
            assert len(refused) == 2


def application(jobs, handler):
    app = FastAPI()

    @app.middleware("http")
    async def named(request: Request, call_next):
        who = request.headers.get("authorization", "key:1")
        request.scope["state"] = {"request_id": "q-1", "caller": Caller(who, frozenset(Scope))}
        return await call_next(request)

    @app.exception_handler(RequestProblem)
    async def refuse(request, error):
        return problem(error.status, error.detail, "q-1", fields=error.fields)

    @app.exception_handler(HTTPException)
    async def refuse_http(request, error):
        return problem(error.status_code, str(error.detail), "q-1")

    @app.post("/v1/predict")
    async def predict(request: Request):
        assert prefers_async(request.headers.getlist("prefer"))
        asked = call_of(request)
        return await accept(jobs, request, partial(handler.predict, await request.body(), asked), asked)

    app.include_router(job_routes(jobs))
    return app


async def talk(bench, *requests):
    transport = httpx.ASGITransport(application(bench.jobs, bench.handler))
    async with httpx.AsyncClient(transport=transport, base_url="http://lane") as client:
        return [await client.request(method, path, **options) for method, path, options in requests]


PREFER = {"prefer": "respond-async", "content-type": "application/json"}


class TestHttp:
    @run
    async def test_accepted_then_fetched(self, tmp_path):
        async with Bench(tmp_path) as bench:
            (accepted,) = await talk(bench, ("POST", "/v1/predict", {"content": b"{}", "headers": PREFER}))
            assert accepted.status_code == 202
            assert accepted.headers["preference-applied"] == "respond-async"
            place = accepted.headers["location"]
            assert place == f"/v1/jobs/{accepted.json()['id']}"
            await bench.settled(await bench.jobs.find(accepted.json()["id"], "key:1"))
            done, others, unknown = await talk(
                bench,
                ("GET", place, {}),
                ("GET", place, {"headers": {"authorization": "key:2"}}),
                ("GET", "/v1/jobs/%00%0a", {}),
            )
            assert done.json()["state"] == "done"
            assert done.json()["answer"]["predictions"][0]["score"] == 0.75
            assert done.headers["cache-control"] == "no-store"
            assert (others.status_code, unknown.status_code) == (404, 404)
            assert others.content == unknown.content

    @run
    async def test_a_callback_is_checked_before_anything_is_taken(self, tmp_path):
        headers = {**PREFER, "weighbridge-callback": f"https://evil.example/{SECRET}"}
        for hooks in (None, Hooks()):
            async with Bench(tmp_path, hooks) as bench:
                (refused,) = await talk(
                    bench, ("POST", "/v1/predict", {"content": b"{}", "headers": headers})
                )
                assert refused.status_code == 422
                assert refused.json()["errors"][0]["field"] == "Weighbridge-Callback"
                assert SECRET not in refused.text
                assert bench.counts.counted == []

    @run
    async def test_a_callback_that_is_listed(self, tmp_path):
        hooks = Hooks()
        async with Bench(tmp_path, hooks) as bench:
            headers = {**PREFER, "weighbridge-callback": "https://shop.example/done"}
            (accepted,) = await talk(bench, ("POST", "/v1/predict", {"content": b"{}", "headers": headers}))
            assert accepted.status_code == 202
            assert await bench.close() == 0
            assert hooks.posted[0][1]["id"] == accepted.json()["id"]


@pytest.mark.parametrize(
    ("prefer", "asked"),
    [
        ([], False),
        (["respond-async"], True),
        (["wait=5, respond-async"], True),
        (["return=minimal", "RESPOND-ASYNC;q=1"], True),
        (["respond-asynchronously"], False),
        (['foo="respond-async"'], False),
    ],
)
def test_what_prefers_an_answer_later(prefer, asked):
    assert prefers_async(prefer) is asked
