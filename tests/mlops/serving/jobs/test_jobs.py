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
from mlops.serving.errors import Busy, FieldProblem, Invalid, RequestProblem
from mlops.serving.handler import Answer, Call, Prediction
from mlops.serving.jobs.accept import accept, prefers_async
from mlops.serving.jobs.config import JobsConfig, WebhooksConfig
from mlops.serving.jobs.jobs import Jobs, State
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

    async def deliver(self, place, body, headers):
        self.posted.append((place.path, json.loads(body), dict(headers)))
        return Outcome.DELIVERED


class Bench:
    """Jobs on a fake handler, with a clock that is set by hand."""

    def __init__(self, webhooks=None, **config):
        self.handler = Handler()
        self.counts = Counts()
        self.now = NOW
        self.jobs = Jobs(JobsConfig(**config), self.counts, webhooks, Traced(), clock=lambda: self.now)

    async def __aenter__(self):
        self.jobs.start()
        return self

    async def __aexit__(self, *_):
        self.handler.may.set()
        await self.jobs.close()

    def submit(self, body=b"", caller="key:1", *more):
        asked = call(caller)
        return self.jobs.submit(partial(self.handler.predict, body, asked), asked, *more)

    async def begun(self, job):
        while job.state is State.QUEUED:
            await asyncio.sleep(0)

    async def settled(self, job):
        while job.state in {State.QUEUED, State.RUNNING}:
            await asyncio.sleep(0)
        return job


def call(name="key:1"):
    return Call("q-1", Caller(name, frozenset(Scope)))


def run(test):
    return lambda self: asyncio.run(test(self))


class TestJobs:
    @run
    async def test_from_queued_to_done(self):
        async with Bench(at_once=1) as bench:
            bench.handler.may.clear()
            first, second = bench.submit(b"1"), bench.submit(b"2")
            assert first.told() == {
                "id": first.id,
                "state": "queued",
                "made_at": "2026-03-01T00:00:00.000+00:00",
            }
            await bench.begun(first)
            assert (first.state, second.state) == (State.RUNNING, State.QUEUED)
            bench.handler.may.set()
            for job in (first, second):
                assert (await bench.settled(job)).told()["answer"].predictions == [Prediction("a", 1, 0.75)]
                assert bench.jobs.find(job.id, "key:1") is job
            assert [body for body, _ in bench.handler.asked] == [b"1", b"2"]
            assert bench.counts.counted == ["queued", "queued", 1, "done", 1, "done"]

    @run
    async def test_so_many_at_once(self):
        async with Bench(at_once=3) as bench:
            bench.handler.may.clear()
            jobs = [bench.submit() for _ in range(10)]
            await bench.begun(jobs[2])
            assert [job.state for job in jobs].count(State.RUNNING) == 3
            bench.handler.may.set()
            for job in jobs:
                await bench.settled(job)
            assert bench.handler.most_at_once == 3

    @run
    async def test_a_refusal_is_told_as_it_would_have_been(self):
        async with Bench() as bench:
            bench.handler.error = Invalid("1 problem(s)", [FieldProblem("records.0.age", "Field required")])
            told = (await bench.settled(bench.submit())).told()
            assert told["state"] == "failed"
            assert told["problem"]["status"] == 422
            assert told["problem"]["request_id"] == "q-1"
            assert told["problem"]["errors"] == [{"field": "records.0.age", "message": "Field required"}]
            assert bench.counts.counted == ["queued", "Invalid", "failed"]

    def test_an_unexpected_error_ends_one_job_and_says_nothing(self, caplog):
        caplog.set_level(logging.DEBUG, "weighbridge")

        async def test():
            async with Bench(at_once=1) as bench:
                bench.handler.error = RuntimeError(SECRET)
                told = (await bench.settled(bench.submit(SECRET.encode()))).told()
                assert told["problem"]["detail"] == "unexpected error"
                assert SECRET not in json.dumps(told)
                bench.handler.error = None
                assert (await bench.settled(bench.submit())).state is State.DONE

        asyncio.run(test())
        assert [line.facts["reason"] for line in caplog.records] == ["RuntimeError"]
        assert SECRET not in caplog.text

    @run
    async def test_it_runs_in_its_requests_context(self):
        trace = ContextVar("trace", default=None)
        seen = []

        async def ask():
            seen.append(trace.get())
            return Answer("lending", "3", "r", "q-1", [])

        async with Bench() as bench:
            trace.set("of the request")
            await bench.settled(bench.jobs.submit(ask, call()))
            assert seen == ["of the request"]

    @run
    async def test_only_so_many_wait(self):
        async with Bench(at_once=1, waiting=2) as bench:
            bench.handler.may.clear()
            running = bench.submit()
            await bench.begun(running)
            bench.submit()
            bench.submit()
            with pytest.raises(Busy):
                bench.submit()

    @run
    async def test_answers_are_kept_for_a_while_and_only_so_many(self):
        async with Bench(keep="1h", most=2) as bench:
            found = []
            for _ in range(3):
                bench.now += timedelta(minutes=10)
                found.append(await bench.settled(bench.submit()))
            known = [bench.jobs.find(job.id, "key:1") for job in found]
            assert known == [None, *found[1:]]
            bench.now += timedelta(minutes=50)
            assert bench.jobs.find(found[1].id, "key:1") is None
            assert bench.jobs.find(found[2].id, "key:1") is found[2]
            bench.now += timedelta(minutes=10)
            assert bench.jobs.find(found[2].id, "key:1") is None

    @run
    async def test_it_is_its_callers_alone(self):
        async with Bench() as bench:
            job = await bench.settled(bench.submit())
            assert bench.jobs.find(job.id, "key:2") is None
            assert bench.jobs.find("no-such-job", "key:1") is None

    @run
    async def test_the_answer_is_posted_once(self):
        hooks = Hooks()
        async with Bench(hooks) as bench:
            place = hooks.place("https://shop.example/done")
            job = bench.submit(b"", "key:1", place)
            bench.submit()
            assert await bench.jobs.close() == 0
            ((path, body, headers),) = hooks.posted
            assert (path, headers) == ("/done", {"traceparent": "00-1"})
            assert (body["id"], body["state"]) == (job.id, "done")
            assert body["answer"]["predictions"] == [{"id": "a", "prediction": 1, "score": 0.75, "flags": []}]
            assert bench.counts.counted.count("delivered") == 1

    @run
    async def test_an_end_waits_for_what_runs_and_counts_what_is_lost(self):
        async with Bench(at_once=1) as bench:
            bench.handler.may.clear()
            job = bench.submit()
            bench.submit()
            await asyncio.sleep(0)
            asyncio.get_running_loop().call_later(0.01, bench.handler.may.set)
            assert await bench.jobs.close() == 0
            assert job.state is State.DONE
        async with Bench(at_once=1) as bench:
            bench.handler.may.clear()
            bench.submit()
            bench.submit()
            assert await bench.jobs.close(within_s=0.01) == 2


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
        return accept(jobs, request, partial(handler.predict, await request.body(), asked), asked)

    app.include_router(job_routes(jobs))
    return app


async def talk(bench, *requests):
    transport = httpx.ASGITransport(application(bench.jobs, bench.handler))
    async with httpx.AsyncClient(transport=transport, base_url="http://lane") as client:
        return [await client.request(method, path, **options) for method, path, options in requests]


PREFER = {"prefer": "respond-async", "content-type": "application/json"}


class TestHttp:
    @run
    async def test_accepted_then_fetched(self):
        async with Bench() as bench:
            (accepted,) = await talk(bench, ("POST", "/v1/predict", {"content": b"{}", "headers": PREFER}))
            assert accepted.status_code == 202
            assert accepted.headers["preference-applied"] == "respond-async"
            place = accepted.headers["location"]
            assert place == f"/v1/jobs/{accepted.json()['id']}"
            await bench.settled(bench.jobs.find(accepted.json()["id"], "key:1"))
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
    async def test_a_callback_is_checked_before_anything_is_taken(self):
        headers = {**PREFER, "weighbridge-callback": f"https://evil.example/{SECRET}"}
        for hooks in (None, Hooks()):
            async with Bench(hooks) as bench:
                (refused,) = await talk(
                    bench, ("POST", "/v1/predict", {"content": b"{}", "headers": headers})
                )
                assert refused.status_code == 422
                assert refused.json()["errors"][0]["field"] == "Weighbridge-Callback"
                assert SECRET not in refused.text
                assert bench.counts.counted == []

    @run
    async def test_a_callback_that_is_listed(self):
        hooks = Hooks()
        async with Bench(hooks) as bench:
            headers = {**PREFER, "weighbridge-callback": "https://shop.example/done"}
            (accepted,) = await talk(bench, ("POST", "/v1/predict", {"content": b"{}", "headers": headers}))
            assert accepted.status_code == 202
            assert await bench.jobs.close() == 0
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
