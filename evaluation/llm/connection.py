"""What all callers of one endpoint in this process share: connections, places, pace, and the embedded model."""

import asyncio
import atexit
import math
import os
import threading
from typing import TYPE_CHECKING

from evaluation.errors import UserError
from evaluation.llm.config import EndpointConfig
from evaluation.llm.embedded import EmbeddedServer, processes
from evaluation.llm.pace import Pace
from evaluation.llm.timing import Timing

if TYPE_CHECKING:
    from evaluation.llm.chat import Chat


class Connection:
    """One endpoint, opened by its first call. Its coroutines run in the loop of `evaluation.llm.loop`."""

    def __init__(self, config: EndpointConfig, timing: Timing) -> None:
        self.pace = Pace(timing)
        self.places = asyncio.Semaphore(config.concurrency)
        self.users = 0
        self._config = config
        self._opening = asyncio.Lock()
        self._chats: tuple[Chat, ...] = ()
        self._servers: tuple[EmbeddedServer, ...] = ()

    @property
    def servers(self) -> tuple[EmbeddedServer, ...]:
        """The embedded model's processes, where it is that and was started."""
        return self._servers

    async def chat(self) -> "Chat":
        """The open line, the least busy of several; an embedded model that has died is started again.

        Raises UserError where a library or the embedded model is missing, EnvironmentProblem where that does
        not start.
        """
        async with self._opening:
            if not all(server.running for server in self._servers):
                await self._close()
            if not self._chats:
                opening = asyncio.create_task(self._open())
                try:
                    await asyncio.shield(opening)
                except asyncio.CancelledError:
                    # A thread that starts a process can't be stopped; whoever comes next finds it open.
                    await opening
                    raise
            return min(self._chats, key=lambda chat: chat.waiting)

    async def close(self) -> None:
        """Close the lines and end the embedded model; the next call opens again."""
        async with self._opening:
            await self._close()

    def end_servers(self) -> None:
        """End the embedded model's processes at once, whatever waits for them."""
        for server in self._servers:
            server.close()

    async def _open(self) -> None:
        config = self._config
        if not config.embedded:
            self._chats = (await asyncio.to_thread(_line, config.url, config.model, config.key, self.pace),)
            return
        # The import takes as long as the start: both at once.
        importing = asyncio.create_task(asyncio.to_thread(_chat_class))
        try:
            await self._start()
            chat = await importing
            self._chats = tuple(
                chat(server.url, config.model, server.api_key, self.pace, here=True)
                for server in self._servers
            )
        except BaseException:
            await asyncio.wait([importing])
            await self._close()
            raise

    async def _start(self) -> None:
        """Start the embedded model; those of its processes that did start are kept, also where another raises."""
        count = processes(self._config.concurrency)
        slots, context = math.ceil(self._config.concurrency / count), self._config.context
        starting = [asyncio.to_thread(EmbeddedServer, slots, context) for _ in range(count)]
        started = await asyncio.gather(*starting, return_exceptions=True)
        self._servers = tuple(each for each in started if isinstance(each, EmbeddedServer))
        for each in started:
            if isinstance(each, BaseException):
                raise each

    async def _close(self) -> None:
        chats, self._chats = self._chats, ()
        servers, self._servers = self._servers, ()
        for chat in chats:
            await chat.aclose()
        await asyncio.gather(*(asyncio.to_thread(server.close) for server in servers))


_connections: dict[tuple[object, ...], Connection] = {}
_lock = threading.Lock()


def connection_of(config: EndpointConfig, timing: Timing) -> Connection:
    """The process's connection to this endpoint; price, patience and budget are the caller's own."""
    # A forked child can't use what its parent opened.
    name = (os.getpid(), config.url, config.model, config.key, config.concurrency, config.context, timing)
    with _lock:
        return _connections.setdefault(name, Connection(config, timing))


def check_key(name: str | None) -> None:
    """Refuse to ask without the key; raises UserError where there is a problem with it."""
    if (problem := key_problem(name)) is not None:
        raise UserError(
            problem,
            expected="the API key of the endpoint: letters, digits and signs without spaces",
            next_step=f"export {name}=...",
        )


def key_problem(name: str | None) -> str | None:
    """What is wrong with the environment variable of this name: unset, empty, or no key by its characters.

    >>> key_problem("A_KEY_THAT_NOBODY_HAS")
    'the environment variable A_KEY_THAT_NOBODY_HAS is not set'
    """
    if name is None:
        return None
    key = _key(name)
    if key and key.isascii() and key.isprintable() and " " not in key:
        return None
    return f"the environment variable {name} {'holds what no key holds' if key else 'is not set'}"


def _key(name: str) -> str:
    """A line end that came along with it, as from a mounted secret, is no part of a key."""
    return os.environ.get(name, "").strip()


def _line(url: str, model: str, key_name: str | None, pace: Pace) -> "Chat":
    # Read for every request, so that a key that was replaced is used, and none is kept here.
    return _chat_class()(url, model, lambda: _key(key_name) if key_name else "", pace)


def _chat_class() -> "type[Chat]":
    try:
        from langchain_openai import ChatOpenAI  # noqa: F401 - slow; here it is in a thread

        from evaluation.llm.chat import Chat
    except ImportError as error:
        raise UserError(
            f"a language model can't be asked: {error.name} is not installed",
            expected="langchain-openai",
            next_step="pip install 'weighbridge[llm]'",
        ) from error
    return Chat


@atexit.register
def _end_servers() -> None:
    for (owner, *_), connection in _connections.items():
        if owner == os.getpid():
            connection.end_servers()
