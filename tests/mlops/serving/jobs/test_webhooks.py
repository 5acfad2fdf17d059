"""Deliveries: where they go, how often, and what the receiver can check."""

import asyncio
import ipaddress
import json
import logging
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import httpx
import pytest

from evaluation.errors import UserError
from mlops.serving.errors import Invalid
from mlops.serving.jobs.config import WebhooksConfig
from mlops.serving.jobs.signature import HEADER, is_genuine
from mlops.serving.jobs.webhooks import SECRET, Outcome, Surroundings, Webhooks, resolve

KEY = "0123456789abcdef-s3cr3t"
URL = "https://shop.example/hooks/7?order=1"
PUBLIC, LOOPBACK = ipaddress.ip_address("93.184.216.34"), ipaddress.ip_address("127.0.0.1")


class Receiver:
    """Plays answers, and names that stand for one list of addresses after the other."""

    def __init__(self, *answers, names=([PUBLIC],)):
        self.answers = list(answers)
        self.names = list(names)
        self.seen = []
        self.slept = []

    async def __call__(self, request):
        await request.aread()
        self.seen.append(request)
        said = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(said, Exception):
            raise said
        return httpx.Response(said, headers={"location": "http://127.0.0.1/"}, stream=Unread())

    async def resolve(self, host, port):
        assert (host, port) == ("shop.example", 443)
        return self.names.pop(0) if len(self.names) > 1 else self.names[0]

    async def sleep(self, seconds):
        self.slept.append(seconds)

    def deliver(self, url=URL, **config):
        around = Surroundings(
            resolve=self.resolve,
            sleep=self.sleep,
            now_s=lambda: 1000.9,
            draw=lambda: 1.0,
            transport=httpx.MockTransport(self),
        )

        async def call():
            hooks = Webhooks(WebhooksConfig(allow=("https://shop.example/*",), **config), KEY, around)
            found = await hooks.deliver(hooks.place(url), b'{"id": 1}', {"traceparent": "00-1"})
            await hooks.close()
            return found

        return asyncio.run(call())


class Unread(httpx.AsyncByteStream):
    """The body of an answer, which may be without end."""

    async def __aiter__(self):
        pytest.fail("the receiver's answer is not read")
        yield b""


class TestDelivery:
    def test_it_goes_to_the_address_that_was_looked_at_under_its_name(self):
        receiver = Receiver(204)
        assert receiver.deliver() is Outcome.DELIVERED
        (request,) = receiver.seen
        assert str(request.url) == "https://93.184.216.34/hooks/7?order=1"
        assert request.headers["host"] == "shop.example"
        assert request.extensions["sni_hostname"] == "shop.example"
        assert request.headers["traceparent"] == "00-1"
        assert request.content == b'{"id": 1}'
        assert is_genuine(KEY.encode(), request.content, request.headers[HEADER], 1000)

    @pytest.mark.parametrize(
        "fault", [500, 503, 429, 408, httpx.ConnectError("no"), httpx.ReadTimeout("slow")]
    )
    def test_again_with_growing_waits(self, fault):
        receiver = Receiver(fault, fault, 200)
        assert receiver.deliver() is Outcome.DELIVERED
        assert len(receiver.seen) == 3
        assert receiver.slept == [1, 2]

    def test_not_for_ever(self):
        receiver = Receiver(503)
        assert receiver.deliver() is Outcome.GAVE_UP
        assert len(receiver.seen) == 6
        assert receiver.slept == [1, 2, 4, 8, 16]

    @pytest.mark.parametrize("status", [301, 302, 307, 308, 400, 401, 404, 410])
    def test_a_redirect_or_a_refusal_is_the_end(self, status):
        receiver = Receiver(status)
        assert receiver.deliver() is Outcome.REFUSED
        assert len(receiver.seen) == 1

    @pytest.mark.parametrize(
        ("names", "outcome", "asked"),
        [
            ([[LOOPBACK]], Outcome.FORBIDDEN, 0),
            ([[PUBLIC, LOOPBACK]], Outcome.FORBIDDEN, 0),
            # The name stands for another address a moment later.
            ([[PUBLIC], [LOOPBACK]], Outcome.FORBIDDEN, 1),
            ([[]], Outcome.GAVE_UP, 0),
        ],
    )
    def test_names_that_lead_inside(self, names, outcome, asked):
        receiver = Receiver(503, names=names)
        assert receiver.deliver() is outcome
        assert len(receiver.seen) == asked

    def test_a_private_network_that_is_listed(self):
        receiver = Receiver(200, names=[[ipaddress.ip_address("10.1.2.3")]])
        assert receiver.deliver(private=("10.1.0.0/16",)) is Outcome.DELIVERED

    def test_the_log_names_the_host_and_nothing_else_of_the_url(self, caplog):
        caplog.set_level(logging.DEBUG, "weighbridge")
        Receiver(500).deliver()
        (line,) = [line for line in caplog.records if line.name == "weighbridge.webhooks"]
        assert line.facts == {"host": "shop.example", "outcome": "gave_up", "tries": 6, "last": "HTTP 500"}

    @pytest.mark.parametrize("url", ["https://evil.example/s3cr3t", "s3cr3t", "https://shop.example:s3cr3t/"])
    def test_places_that_are_not_on_the_list(self, url):
        hooks = Webhooks(WebhooksConfig(allow=("https://shop.example/*",)), KEY)
        with pytest.raises(Invalid) as error:
            hooks.place(url)
        assert error.value.fields[0].field == "Weighbridge-Callback"
        assert "s3cr3t" not in str(error.value.fields) + error.value.detail


class TestPolicy:
    def test_none_are_posted_where_none_are_listed(self):
        assert Webhooks.of(WebhooksConfig(), {}) is None

    @pytest.mark.parametrize("environment", [{}, {SECRET: "short"}])
    def test_a_secret_is_needed(self, environment):
        with pytest.raises(UserError, match=SECRET) as error:
            Webhooks.of(WebhooksConfig(allow=("https://shop.example/*",)), environment)
        assert "short" not in str(error.value).replace("too short", "")

    def test_with_one_there_are_webhooks(self):
        assert Webhooks.of(WebhooksConfig(allow=("https://shop.example/*",)), {SECRET: KEY}) is not None


class Posted(BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.posted.append((self.path, self.headers, body))
        self.send_response(503 if len(self.server.posted) == 1 else 200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


def test_a_real_receiver_on_an_address_that_is_listed(monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    with HTTPServer(("127.0.0.1", 0), Posted) as server:
        server.posted = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        base = f"http://127.0.0.1:{server.server_port}"

        async def call():
            async def no_wait(_):
                pass

            hooks = Webhooks(WebhooksConfig(allow=(f"{base}/*",)), KEY, Surroundings(sleep=no_wait))
            found = await hooks.deliver(hooks.place(f"{base}/hooks"), b'{"id": 1}', {})
            await hooks.close()
            return found

        assert asyncio.run(call()) is Outcome.DELIVERED
        server.shutdown()
        thread.join(30)
    assert [(path, json.loads(body)) for path, _, body in server.posted] == [("/hooks", {"id": 1})] * 2
    for _, headers, body in server.posted:
        at_s = int(headers[HEADER].partition("t=")[2].partition(",")[0])
        assert is_genuine(KEY.encode(), body, headers[HEADER], at_s)


def test_names_are_looked_up():
    assert LOOPBACK in asyncio.run(resolve("localhost", 80))
    assert asyncio.run(resolve("no-such-name.invalid", 80)) == []
