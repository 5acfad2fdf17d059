"""A local endpoint that does as a test says, badly if need be, and time that passes when someone sleeps."""

import asyncio
import json
import re
import threading
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest

from evaluation.llm.client import Endpoint
from evaluation.llm.config import EndpointConfig
from evaluation.llm.timing import Timing

Behaviour = Callable[[asyncio.StreamWriter], Awaitable[None]]
STREAM = {"content-type": "text/event-stream"}
CHUNK = {"id": "1", "object": "chat.completion.chunk", "model": "m", "created": 1}


@dataclass
class Request:
    """What came: the first line, headers, the body, and when by the test's clock."""

    line: str
    headers: dict[str, str]
    body: dict[str, Any]
    at: float


@dataclass(eq=False)
class FakeTime:
    """A clock that only a sleep moves."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def clock(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        await asyncio.sleep(0)

    @staticmethod
    def chance() -> float:
        return 0.5

    @property
    def timing(self) -> Timing:
        return Timing(clock=self.clock, sleep=self.sleep, chance=self.chance)


class Answers:
    """What a server may do; each gives a behaviour or a part of one."""

    STREAM = STREAM

    @staticmethod
    def head(status: int, headers: dict[str, str]) -> bytes:
        """A status line and headers; the connection ends with the answer."""
        lines = [
            f"HTTP/1.1 {status} So",
            "connection: close",
            *(f"{name}: {to}" for name, to in headers.items()),
        ]
        return "\r\n".join([*lines, "", ""]).encode()

    @classmethod
    def sends(cls, status: int, body: bytes | str, headers: dict[str, str] | None = None) -> Behaviour:
        """Sends this, then closes."""

        async def behave(writer: asyncio.StreamWriter) -> None:
            text = body.encode() if isinstance(body, str) else body
            writer.write(cls.head(status, headers or {"content-type": "application/json"}) + text)
            await writer.drain()

        return behave

    @classmethod
    def refuses(cls, status: int, code: str, message: str = "no", kind: str = "a_type") -> Behaviour:
        """Sends an error as these protocols have it."""
        return cls.sends(status, json.dumps({"error": {"message": message, "type": kind, "code": code}}))

    @staticmethod
    def event(content: Any) -> str:
        """One event of any content."""
        return f"data: {json.dumps(content)}\n\n"

    @classmethod
    def chunk(cls, delta: Any, finish: str | None = None, **others: Any) -> str:
        """One event of an answer."""
        choice = {"index": 0, "delta": delta, "finish_reason": finish} | others
        return cls.event(CHUNK | {"choices": [choice]})

    @classmethod
    def stream(cls, *events: str) -> Behaviour:
        """Sends these events."""
        return cls.sends(200, "".join(events), STREAM)

    @classmethod
    def says(
        cls, text: str = "A red scarf.", *, tokens: tuple[int, int] | None = (7, 3), finish: str = "stop"
    ) -> Behaviour:
        """Answers as it should: word by word, the reason, the tokens."""
        words = [cls.chunk({"content": part}) for part in re.findall(r"\s*\S+\s*$|\s*\S+|\s+", text)]
        first, last = cls.chunk({"role": "assistant", "content": ""}), cls.chunk({}, finish)
        return cls.stream(
            first, *words, last, *([] if tokens is None else [cls.usage(*tokens)]), "data: [DONE]\n\n"
        )

    @classmethod
    def usage(cls, prompt: Any, completion: Any) -> str:
        """The event that tells the tokens."""
        return cls.event(
            CHUNK | {"choices": [], "usage": {"prompt_tokens": prompt, "completion_tokens": completion}}
        )

    @staticmethod
    def silent() -> Behaviour:
        """Says nothing, for ever."""

        async def behave(_writer: asyncio.StreamWriter) -> None:
            await asyncio.Event().wait()

        return behave

    @classmethod
    def half(cls) -> Behaviour:
        """Begins to answer and then waits for ever."""

        async def behave(writer: asyncio.StreamWriter) -> None:
            writer.write(cls.head(200, STREAM) + cls.chunk({"content": "Hello"}).encode())
            await asyncio.Event().wait()

        return behave

    @classmethod
    def cut(cls) -> Behaviour:
        """Hangs up in the middle of a part whose length it had told."""
        text = cls.chunk({"content": "Hello"})
        return cls.sends(
            200, f"{len(text):x}\r\n{text}\r\nff\r\ndata: {{", STREAM | {"transfer-encoding": "chunked"}
        )

    @classmethod
    def endless(cls, part: bytes, status: int = 200) -> Behaviour:
        """Sends this again and again."""

        async def behave(writer: asyncio.StreamWriter) -> None:
            writer.write(cls.head(status, STREAM))
            while True:
                writer.write(part)
                await writer.drain()

        return behave


class HostileServer:
    """An endpoint on loopback; each request meets the next behaviour, the last one again and again."""

    def __init__(self, time: FakeTime) -> None:
        self.requests: list[Request] = []
        self.in_flight = self.most_in_flight = 0
        self._time = time
        self._behaviours: list[Behaviour] = [Answers.says()]
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._within(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"

    def does(self, *behaviours: Behaviour) -> None:
        self._behaviours = list(behaviours)

    def close(self) -> None:
        self._within(self._stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _within(self, coroutine: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(10)

    async def _stop(self) -> None:
        self._server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            line, *lines = (await reader.readuntil(b"\r\n\r\n")).decode().rstrip().split("\r\n")
            headers = {name.lower(): to.strip() for name, _, to in (text.partition(":") for text in lines)}
            body = json.loads(await reader.readexactly(int(headers.get("content-length", "0"))))
            self.requests.append(Request(line, headers, body, self._time.now))
            self.in_flight += 1
            self.most_in_flight = max(self.most_in_flight, self.in_flight)
            behave = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
            # Whoever has hung up is not answered any more.
            asking, answering = asyncio.create_task(reader.read(1)), asyncio.create_task(behave(writer))
            await asyncio.wait({asking, answering}, return_when=asyncio.FIRST_COMPLETED)
            for task in (asking, answering):
                task.cancel()
            await asyncio.gather(asking, answering, return_exceptions=True)
            self.in_flight -= 1
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies between this machine and others is nothing to these tests."""
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture
def answers() -> type[Answers]:
    return Answers


@pytest.fixture
def fake_time() -> FakeTime:
    return FakeTime()


@pytest.fixture
def server(fake_time: FakeTime) -> Iterator[HostileServer]:
    running = HostileServer(fake_time)
    yield running
    running.close()


MakeEndpoint = Callable[..., Endpoint]


@pytest.fixture
def make_endpoint(server: HostileServer, fake_time: FakeTime) -> Iterator[MakeEndpoint]:
    """An endpoint at that server; closed with the test."""
    made: list[Endpoint] = []

    def make(*, cache: Any = None, budget: Any = None, health: Any = None, **settings: Any) -> Endpoint:
        config = EndpointConfig.model_validate(
            {"url": server.url, "model": "m", "attempts": 3, "timeout_s": 5.0, "concurrency": 2} | settings
        )
        endpoint = Endpoint(config, cache=cache, budget=budget, health=health, timing=fake_time.timing)
        made.append(endpoint.__enter__())
        return endpoint

    yield make
    for endpoint in made:
        endpoint.__exit__(None, None, None)
