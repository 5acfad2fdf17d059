"""The two clients: the same calls, one that waits and one for asyncio."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

import httpx
from tenacity import AsyncRetrying, Retrying, retry_if_exception

from mlops.client.answers import Answer, Generated, Scalar
from mlops.client.core import Call, Core, Course, Patience, World
from mlops.client.errors import CallFailed

KEY = "WEIGHBRIDGE_API_KEY"
_PATIENCE = Patience()


@dataclass(frozen=True)
class ThreadWorld(World):
    """What a Client waits with and sends through."""

    sleep: Callable[[float], None] = time.sleep
    transport: httpx.BaseTransport | None = None


@dataclass(frozen=True)
class TaskWorld(World):
    """What an AsyncClient waits with and sends through."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    transport: httpx.AsyncBaseTransport | None = None


class Client:
    """Asks a server, and asks again where that is of use; safe to use from several threads.

    key: as given, or from the variable WEIGHBRIDGE_API_KEY. max_records: as the server's `serve.max_records`.

    >>> with Client("http://127.0.0.1:8000", key="k-1") as client:
    ...     client
    Client('http://127.0.0.1:8000')
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: Patience = _PATIENCE,
        max_records: int = 1000,
        world: ThreadWorld | None = None,
    ) -> None:
        world = world or ThreadWorld()
        self._core = Core(url, key or os.environ.get(KEY), patience, world, max_records)
        self._sleep = world.sleep
        self._http = httpx.Client(headers=self._core.headers, transport=world.transport)

    def predict(self, records: Sequence[Mapping[str, Any]], ids: Sequence[str] | None = None) -> Answer:
        """Answers for these records, in their order; fresh ids where none are given.

        Raises ValueError before anything is sent, a CallFailed after.
        """
        call, named = self._core.predict(records, ids)
        return self._core.answer(call, named, self._send(call))

    def generate(self, records: Sequence[Mapping[str, Any]], ids: Sequence[str] | None = None) -> Generated:
        """Texts for these records, in their order, from a model that writes; else as `predict`."""
        call, named = self._core.generate(records, ids)
        return self._core.generated(call, named, self._send(call))

    def feedback(self, labels: Mapping[str, Scalar]) -> int:
        """Tell what became of answered records, {id: label}; returns how many were taken."""
        call = self._core.feedback(labels)
        return self._core.accepted(call, self._send(call))

    def ready(self) -> bool:
        """Whether the server is there and wants requests; asks once."""
        try:
            self._try(self._core.ask("/health/ready"), self._core.course())
        except CallFailed:
            return False
        return True

    def model(self) -> dict[str, Any]:
        """Which model is served, as the server tells it."""
        return self._send(self._core.ask("/model"))

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._core.url!r})"

    def _send(self, call: Call) -> dict[str, Any]:
        course = self._core.course()
        again = retry_if_exception(course.again)
        retrying = Retrying(sleep=self._sleep, stop=course.stop, wait=course.wait, retry=again, reraise=True)
        return retrying(self._try, call, course)

    def _try(self, call: Call, course: Course) -> dict[str, Any]:
        url, limit_s = self._core.url + call.path, course.time_left_s()
        body = bytearray()
        try:
            with self._http.stream(
                call.method, url, content=call.body, headers=call.headers, timeout=limit_s
            ) as response:
                for chunk in response.iter_bytes():
                    body += chunk
                    if course.over:
                        # httpx's limit is for each read: an answer that drips would hold the caller for ever.
                        raise httpx.ReadTimeout("deadline")
        except httpx.RequestError as error:
            # Not chained: the request hangs on httpx's error, and the key on the request.
            raise self._core.unreachable(call, error) from None
        return self._core.content(call, response.status_code, response.headers, bytes(body))


class AsyncClient:
    """As Client, for asyncio.

    >>> AsyncClient("http://127.0.0.1:8000")
    AsyncClient('http://127.0.0.1:8000')
    """

    def __init__(
        self,
        url: str,
        *,
        key: str | None = None,
        patience: Patience = _PATIENCE,
        max_records: int = 1000,
        world: TaskWorld | None = None,
    ) -> None:
        world = world or TaskWorld()
        self._core = Core(url, key or os.environ.get(KEY), patience, world, max_records)
        self._sleep = world.sleep
        self._http = httpx.AsyncClient(headers=self._core.headers, transport=world.transport)

    async def predict(self, records: Sequence[Mapping[str, Any]], ids: Sequence[str] | None = None) -> Answer:
        """As Client.predict."""
        call, named = self._core.predict(records, ids)
        return self._core.answer(call, named, await self._send(call))

    async def generate(
        self, records: Sequence[Mapping[str, Any]], ids: Sequence[str] | None = None
    ) -> Generated:
        """As Client.generate."""
        call, named = self._core.generate(records, ids)
        return self._core.generated(call, named, await self._send(call))

    async def feedback(self, labels: Mapping[str, Scalar]) -> int:
        """As Client.feedback."""
        call = self._core.feedback(labels)
        return self._core.accepted(call, await self._send(call))

    async def ready(self) -> bool:
        """As Client.ready."""
        try:
            await self._try(self._core.ask("/health/ready"), self._core.course())
        except CallFailed:
            return False
        return True

    async def model(self) -> dict[str, Any]:
        """As Client.model."""
        return await self._send(self._core.ask("/model"))

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._core.url!r})"

    async def _send(self, call: Call) -> dict[str, Any]:
        course = self._core.course()
        again = retry_if_exception(course.again)
        retrying = AsyncRetrying(
            sleep=self._sleep, stop=course.stop, wait=course.wait, retry=again, reraise=True
        )
        return await retrying(self._try, call, course)

    async def _try(self, call: Call, course: Course) -> dict[str, Any]:
        url, limit_s = self._core.url + call.path, course.time_left_s()
        try:
            async with asyncio.timeout(limit_s):
                response = await self._http.request(
                    call.method, url, content=call.body, headers=call.headers, timeout=limit_s
                )
        except (httpx.RequestError, TimeoutError) as error:
            # Not chained: the request hangs on httpx's error, and the key on the request.
            raise self._core.unreachable(call, error) from None
        return self._core.content(call, response.status_code, response.headers, response.content)
