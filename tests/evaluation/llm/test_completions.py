"""Streams of events: connections are used again, and a body that does not end holds nobody back."""

import asyncio
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from evaluation.llm import completions
from evaluation.llm.client import Endpoint
from evaluation.llm.config import EndpointConfig
from evaluation.llm.values import Ask, Reply

HEAD = "HTTP/1.1 200 So\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


class Keeping:
    """Answers every request of a connection, and leaves the end of the body out if it is told to."""

    def __init__(self, body: str) -> None:
        self.ends, self.connections = True, 0
        self._body = body
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        self._server = self._within(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/v1"

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
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
                await reader.readexactly(int(head.partition("content-length: ")[2].split()[0]))
                end = "0\r\n\r\n" if self.ends else ""
                writer.write(f"{HEAD}{len(self._body):x}\r\n{self._body}\r\n{end}".encode())
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@pytest.fixture
def keeping(answers: Any) -> Iterator[Keeping]:
    events = (
        answers.chunk({"content": "A scarf."}),
        answers.chunk({}, "stop"),
        answers.usage(7, 3),
        "data: [DONE]\n\n",
    )
    server = Keeping("".join(events))
    yield server
    server.close()


def asked(server: Keeping, count: int) -> list[Any]:
    config = EndpointConfig(url=server.url, model="m", concurrency=2, timeout_s=5)
    with Endpoint(config) as endpoint:
        return endpoint.ask_now([Ask.of(f"thing {number}") for number in range(count)])


def test_as_many_connections_as_places(keeping: Keeping) -> None:
    assert [reply.text for reply in asked(keeping, 20)] == ["A scarf."] * 20
    assert keeping.connections <= 2


def test_a_body_that_does_not_end_after_the_last_event(
    keeping: Keeping, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(completions, "_END_S", 0.01)
    keeping.ends = False
    found = asked(keeping, 4)
    assert all(isinstance(reply, Reply) and reply.usage is not None for reply in found)
    assert keeping.connections == 4
