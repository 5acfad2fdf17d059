"""Both clients by one table each: what is sent, what is asked again and when, and what an error says."""

import asyncio
import inspect
import json
import subprocess
import sys
import traceback
from datetime import UTC, datetime

import httpx
import pytest

from mlops.client import (
    AsyncClient,
    CallFailed,
    Client,
    Generation,
    Patience,
    Prediction,
    Refused,
    ServerFailed,
    TooManyRequests,
    Unreachable,
)
from mlops.client.calls import TaskWorld, ThreadWorld

KEY = "wb_s3cr3t-4711"
URL = "http://lane:8000"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
PROBLEM = {"type": "about:blank", "title": "Unprocessable", "status": 422, "detail": "1 problem(s)",
           "request_id": "r-9", "errors": [{"field": "records.0.age", "message": "Field required"}]}  # fmt: skip


def answer_for(request):
    body = json.loads(request.content)
    rows = [{"id": name, "prediction": 1, "score": 0.75, "new": 0} for name in body["ids"]]
    about = {
        "model": "lending",
        "version": "3",
        "release_id": "r",
        "request_id": request.headers["x-request-id"],
    }
    return httpx.Response(200, json={**about, "predictions": rows})


class Server:
    """Plays a list of answers, each a Response, an exception, or a function of the request; the last one stays."""

    def __init__(self, *answers):
        self.answers = list(answers)
        self.seen = []
        self.now = 1000.0
        self.slept = []

    def __call__(self, request):
        self.seen.append(request)
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, Exception):
            raise said
        # A response is read only once.
        return (
            said(request)
            if callable(said)
            else httpx.Response(said.status_code, headers=said.headers, content=said.content)
        )

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    async def sleep_task(self, seconds):
        self.sleep(seconds)

    def client(self, draw=0.5, **options):
        return Both(self, draw, options)


class Both:
    """Calls the client that waits and the one for asyncio, and wants the same of them."""

    def __init__(self, server, draw, options):
        self.server = server
        self.options = {"key": KEY, **options}
        self.world = {
            "clock": lambda: server.now,
            "now": lambda: NOW,
            "draw": lambda: draw,
            "transport": httpx.MockTransport(server),
        }

    def __getattr__(self, name):
        def call(*given, **named):
            answers = list(self.server.answers)
            self.server.seen.clear()
            waited = outcome(lambda: self.by_thread(name, given, named))
            seen, slept = list(self.server.seen), list(self.server.slept)
            self.server.answers, self.server.now = answers, 1000.0
            self.server.seen.clear()
            self.server.slept.clear()
            awaited = outcome(lambda: asyncio.run(self.by_task(name, given, named)))
            assert plain(waited, seen) == plain(awaited, self.server.seen)
            assert slept == self.server.slept
            if isinstance(waited, Exception):
                raise waited
            return waited

        return call

    def by_thread(self, name, given, named):
        world = ThreadWorld(sleep=self.server.sleep, **self.world)
        with Client(URL, world=world, **self.options) as client:
            return getattr(client, name)(*given, **named)

    async def by_task(self, name, given, named):
        world = TaskWorld(sleep=self.server.sleep_task, **self.world)
        async with AsyncClient(URL, world=world, **self.options) as client:
            return await getattr(client, name)(*given, **named)


def outcome(call):
    try:
        return call()
    except (CallFailed, ValueError) as error:
        return error


def plain(result, seen):
    """A result without what differs by chance: the ids."""
    text = f"{type(result).__name__} {result}"
    for request in seen:
        text = text.replace(request.headers["x-request-id"], "ID")
    return text, [(request.method, request.url.path) for request in seen]


GOOD = Server(answer_for)


class TestWhatIsSent:
    def test_a_prediction(self):
        server = Server(answer_for)
        found = server.client().predict([{"age": 31}, {"age": None}], ids=["a", "b"])
        assert found.predictions == (Prediction("a", 1, 0.75), Prediction("b", 1, 0.75))
        assert (found.model, found.version, found.release_id) == ("lending", "3", "r")
        (request,) = server.seen
        assert (request.method, request.url) == ("POST", f"{URL}/v1/predict")
        assert json.loads(request.content) == {"records": [{"age": 31}, {"age": None}], "ids": ["a", "b"]}
        assert request.headers["authorization"] == f"Bearer {KEY}"
        assert request.headers["content-type"] == "application/json"
        assert found.request_id == request.headers["x-request-id"] or len(found.request_id) == 36

    def test_labels(self):
        server = Server(httpx.Response(200, json={"accepted": 2}))
        assert server.client().feedback({"a": 1, "b": "good"}) == 2
        content = json.loads(server.seen[0].content)
        assert content == {"labels": [{"id": "a", "label": 1}, {"id": "b", "label": "good"}]}

    def test_model_and_ready(self):
        server = Server(httpx.Response(200, json={"model": "lending"}))
        assert server.client().model() == {"model": "lending"}
        assert server.client().ready() is True
        assert server.seen[0].url.path == "/health/ready"

    @pytest.mark.parametrize(
        "said", [httpx.Response(503, json={"status": "draining"}), httpx.ConnectError("no")]
    )
    def test_not_ready_is_told_at_once(self, said):
        server = Server(said)
        assert server.client().ready() is False
        assert len(server.seen) == 1

    def test_the_key_comes_from_the_environment_too(self, monkeypatch):
        monkeypatch.setenv("WEIGHBRIDGE_API_KEY", "from-there")
        server = Server(answer_for)
        server.client(key=None).predict([{"age": 1}])
        assert server.seen[0].headers["authorization"] == "Bearer from-there"
        monkeypatch.delenv("WEIGHBRIDGE_API_KEY")
        server.client(key=None).predict([{"age": 1}])
        assert "authorization" not in server.seen[0].headers

    @pytest.mark.parametrize(
        ("records", "ids", "said"),
        [
            ([{"age": 1}] * 4, None, "4 records in one request; expected 1 to 3"),
            ([], None, "0 records"),
            ([{"age": 1}], ["a", "b"], "2 ids for 1 records"),
            ([{"age": 1}] * 2, ["a", "a"], "2 ids for 2 records"),
            ([{"age": 1}, {"age": float("nan")}], None, "row 1, field 'age' is float"),
            ([{"age": NOW}], None, "row 0, field 'age' is datetime"),
            ([{"age": 1}], [{1}], "an id is no text"),
        ],
    )
    def test_what_no_server_would_take_is_not_sent(self, records, ids, said):
        server = Server(answer_for)
        with pytest.raises(ValueError) as error:
            server.client(max_records=3).predict(records, ids)
        assert said in str(error.value)
        assert server.seen == []

    @pytest.mark.parametrize("labels", [{}, {"a": float("inf")}, dict.fromkeys("abcd", 1)])
    def test_labels_that_no_server_would_take(self, labels):
        with pytest.raises(ValueError, match="expected"):
            GOOD.client(max_records=3).feedback(labels)

    @pytest.mark.parametrize(
        "url", ["lane:8000", "ftp://lane", "http://", "http://me:pw@lane", "http://lane?a=1"]
    )
    def test_addresses_that_are_none(self, url):
        with pytest.raises(ValueError, match="expected an address") as error:
            Client(url)
        assert "pw" not in str(error.value)


def limited(status, **headers):
    return httpx.Response(status, headers={name.replace("_", "-"): text for name, text in headers.items()})


class TestTriesAgain:
    @pytest.mark.parametrize(
        "fault",
        [
            *[httpx.Response(status) for status in (408, 425, 429, 502, 503, 504)],
            httpx.ConnectError("refused"),
            httpx.ReadError("reset"),
            httpx.RemoteProtocolError("Server disconnected without sending a response."),
            httpx.ReadTimeout("slow"),
        ],
        ids=lambda fault: str(getattr(fault, "status_code", type(fault).__name__)),
    )
    def test_the_same_request_with_the_same_ids(self, fault):
        server = Server(fault, fault, answer_for)
        answer = server.client().predict([{"age": 31}])
        assert len(server.seen) == 3
        assert len({request.headers["x-request-id"] for request in server.seen}) == 1
        assert len({request.content for request in server.seen}) == 1
        assert len(answer.predictions) == 1
        # Half of 0.1 and 0.2 s.
        assert server.slept == pytest.approx([0.05, 0.1])

    @pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 413, 415, 422, 500, 501])
    def test_only_there(self, status):
        server = Server(httpx.Response(status))
        with pytest.raises(CallFailed) as error:
            server.client().predict([{"age": 31}])
        assert isinstance(error.value, Refused if 400 <= status < 500 else ServerFailed)
        assert len(server.seen) == 1

    def test_a_bounded_number_of_times_with_growing_bounded_waits(self):
        server = Server(httpx.ConnectError("no"))
        patience = Patience(tries=6, first_wait_s=1, longest_wait_s=4, deadline_s=100)
        with pytest.raises(Unreachable, match="no answer from http://lane:8000: ConnectError"):
            server.client(draw=1.0, patience=patience).predict([{"age": 31}])
        assert server.slept == [1, 2, 4, 4, 4]

    def test_the_wait_is_drawn_from_zero_on(self):
        server = Server(httpx.ConnectError("no"), answer_for)
        server.client(draw=0.0).predict([{"age": 31}])
        assert server.slept == [0.0]

    @pytest.mark.parametrize(
        ("headers", "waited"),
        [
            ({"retry_after": "7"}, 7.0),
            ({"retry_after": "Sun, 01 Mar 2026 12:00:09 GMT"}, 9.0),
            # The server's clock is a day off, the distance is what counts.
            ({"retry_after": "Mon, 02 Mar 2026 12:00:09 GMT", "date": "Mon, 02 Mar 2026 12:00:00 GMT"}, 9.0),
            ({"retry_after": "Sun, 01 Mar 2026 11:00:00 GMT"}, 0.0),
            ({"retry_after": "soon"}, 0.0),
            ({"retry_after": "-5"}, 0.0),
            ({"retry_after": "9" * 400}, 0.0),
            ({}, 0.0),
        ],
    )
    def test_not_before_the_server_said(self, headers, waited):
        server = Server(limited(429, **headers), answer_for)
        server.client(draw=0.5).predict([{"age": 31}])
        assert server.slept == pytest.approx([waited + 0.05])

    @pytest.mark.parametrize("asked", ["30", "99999999999", "Thu, 01 Jan 2099 00:00:00 GMT"])
    def test_not_at_all_when_that_is_after_the_deadline(self, asked):
        server = Server(limited(503, retry_after=asked), answer_for)
        with pytest.raises(ServerFailed):
            server.client(patience=Patience(deadline_s=30)).predict([{"age": 31}])
        assert (server.slept, len(server.seen)) == ([], 1)

    def test_the_deadline_bounds_all_tries(self):
        def slow(request):
            server.now += 8
            raise httpx.ReadTimeout("slow")

        server = Server(slow)
        with pytest.raises(Unreachable):
            server.client(draw=0.0, patience=Patience(tries=99, deadline_s=30)).predict([{"age": 31}])
        assert len(server.seen) == 4
        # The last try had only what was left.
        assert [request.extensions["timeout"]["read"] for request in server.seen] == [10, 10, 10, 6]

    def test_an_answer_that_drips_ends_at_the_deadline(self):
        def drip():
            for _ in range(100):
                server.now += 1
                yield b" "

        server = Server(lambda _: httpx.Response(200, content=drip()))
        world = ThreadWorld(clock=lambda: server.now, transport=httpx.MockTransport(server))
        with Client(URL, world=world) as client, pytest.raises(Unreachable, match="ReadTimeout"):
            client.predict([{"age": 31}])
        assert server.now == 1030


class TestErrors:
    def test_a_problem_is_carried_over(self):
        server = Server(httpx.Response(422, json=PROBLEM))
        with pytest.raises(Refused) as caught:
            server.client().predict([{"age": 31}])
        error = caught.value
        assert (error.status, error.title, error.detail) == (422, "Unprocessable", "1 problem(s)")
        assert error.errors == (("records.0.age", "Field required"),)
        assert error.request_id == "r-9"
        assert str(error) == "422: 1 problem(s); records.0.age: Field required (request r-9)"

    def test_too_many_requests_says_when(self):
        server = Server(limited(429, retry_after="60"))
        with pytest.raises(TooManyRequests) as caught:
            server.client().predict([{"age": 31}])
        assert caught.value.retry_after_s == 60

    @pytest.mark.parametrize(
        "said",
        [
            httpx.Response(200, content=b"<html>"),
            httpx.Response(200, content=b"[" * 100_000),
            httpx.Response(200, json=[]),
            httpx.Response(200, json={"predictions": 1}),
            httpx.Response(200, json={"predictions": [None]}),
            httpx.Response(200, json={"model": "m", "version": "1", "release_id": "r", "request_id": "q",
                                      "predictions": [{"id": "another", "prediction": 1}]}),
        ],
    )  # fmt: skip
    def test_an_answer_of_another_server(self, said):
        with pytest.raises(ServerFailed, match="not the answer that was expected"):
            Server(said).client().predict([{"age": 31}])
        with pytest.raises(ServerFailed, match="not the answer that was expected"):
            Server(said).client().feedback({"a": 1})

    @pytest.mark.parametrize(
        "content", [b"<html>bad gateway", b'{"detail": 7, "errors": [1]}', b'{"detail": "x", "errors": 3}']
    )
    def test_what_a_proxy_says(self, content):
        with pytest.raises(ServerFailed) as caught:
            Server(httpx.Response(500, content=content)).client().predict([{"age": 31}])
        assert caught.value.status == 500

    @pytest.mark.parametrize(
        "fault", [httpx.ConnectError(KEY), httpx.Response(422, json=PROBLEM), httpx.Response(200, json=[])]
    )
    def test_the_key_is_nowhere(self, fault):
        server = Server(fault)
        world = ThreadWorld(sleep=server.sleep, transport=httpx.MockTransport(server))
        client = Client(URL, key=KEY, world=world)
        with pytest.raises(CallFailed) as caught:
            client.predict([{"age": 31}])
        told = (
            "".join(traceback.format_exception(caught.value)) + repr(caught.value) + repr(vars(caught.value))
        )
        assert caught.value.__cause__ is None
        for text in (told, repr(client), str(client), repr(AsyncClient(URL, key=KEY))):
            assert KEY not in text
        client.close()

    @pytest.mark.parametrize("key", ["a\nb", "  a", "ключ", "a\r\nx-admin: 1"])
    def test_a_key_that_is_no_header(self, key):
        with pytest.raises(ValueError, match="the key is no text for a header") as caught:
            Client(URL, key=key)
        assert key not in str(caught.value)


def test_a_text_comes_with_what_it_took():
    def answer(request):
        rows = [
            {
                "id": name,
                "text": "A mug.",
                "usage": {"prompt_tokens": 7, "cost": 0.5},
                "sources": ["d-1"],
                "new": 0,
            }
            for name in json.loads(request.content)["ids"]
        ]
        about = {
            "model": "shop",
            "version": "3",
            "release_id": "r",
            "request_id": "q",
            "prompt": "shop.facts/2",
        }
        return httpx.Response(200, json={**about, "generations": rows})

    server = Server(answer)
    found = server.client().generate([{"title": "RED MUG"}], ids=["a"])
    (request,) = server.seen
    assert request.url == f"{URL}/v1/generate"
    assert found.prompt == "shop.facts/2"
    assert found.generations == (Generation("a", "A mug.", 7, None, 0.5, ("d-1",)),)


@pytest.mark.parametrize(
    "content", [{}, {"generations": [{"id": "a"}]}, {"generations": [{"id": "b", "text": ""}]}]
)
def test_what_is_no_text_for_these_records_is_the_servers_fault(content):
    about = {"model": "shop", "version": "3", "release_id": "r", "request_id": "q"}
    with pytest.raises(ServerFailed, match="not the answer"):
        Server(httpx.Response(200, json={**about, **content})).client().generate([{"t": "x"}], ids=["a"])


def test_it_brings_nothing_heavy():
    program = "import sys, mlops.client; print(*{name.partition('.')[0] for name in sys.modules})"
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60
    )
    # httpx brings rich and click itself, where they are installed.
    heavy = {"cryptography", "fastapi", "mlflow", "numpy", "pandas", "polars", "psutil", "pyarrow", "pydantic",
             "skops", "sklearn", "typer", "uvicorn", "yaml"}  # fmt: skip
    found = set(done.stdout.split())
    assert found & heavy == set()
    assert {"httpx", "tenacity"} <= found


def test_both_clients_have_the_same_calls():
    for name in ("predict", "feedback", "ready", "model", "close"):
        mine, theirs = (inspect.signature(getattr(kind, name)) for kind in (Client, AsyncClient))
        assert mine == theirs
