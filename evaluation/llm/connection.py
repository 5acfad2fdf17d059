"""What all callers of one endpoint in this process share: connections, places, pace, and the embedded model."""

import asyncio
import atexit
import os
import threading
from typing import TYPE_CHECKING

from evaluation.errors import UserError
from evaluation.llm.config import EndpointConfig
from evaluation.llm.embedded import EmbeddedServer
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
        self._chat: Chat | None = None
        self._server: EmbeddedServer | None = None

    @property
    def server(self) -> EmbeddedServer | None:
        """The embedded model's process, where it is that and was started."""
        return self._server

    async def chat(self) -> "Chat":
        """The open line; an embedded model that has died is started again.

        Raises UserError where a library or the embedded model is missing, EnvironmentProblem where that does
        not start.
        """
        async with self._opening:
            if self._server is not None and not self._server.running:
                await self._close()
            if self._chat is None:
                opening = asyncio.create_task(self._open())
                try:
                    await asyncio.shield(opening)
                except asyncio.CancelledError:
                    # A thread that starts a process can't be stopped; whoever comes next finds it open.
                    await opening
                    raise
            assert self._chat is not None  # noqa: S101 - opened above
            return self._chat

    async def close(self) -> None:
        """Close the line and end the embedded model; the next call opens again."""
        async with self._opening:
            await self._close()

    def end_server(self) -> None:
        """End the embedded model's process at once, whatever waits for it."""
        if self._server is not None:
            self._server.close()

    async def _open(self) -> None:
        config = self._config
        if not config.embedded:
            self._chat = await asyncio.to_thread(_line, config.url, config.model, config.key, self.pace)
            return
        # The import takes as long as the start: both at once.
        importing = asyncio.create_task(asyncio.to_thread(_chat_class))
        try:
            self._server = await asyncio.to_thread(EmbeddedServer, config.concurrency, config.context)
        finally:
            await asyncio.wait([importing])
        try:
            self._chat = importing.result()(
                self._server.url, config.model, self._server.api_key, self.pace, here=True
            )
        except BaseException:
            await self._close()
            raise

    async def _close(self) -> None:
        chat, self._chat = self._chat, None
        server, self._server = self._server, None
        if chat is not None:
            await chat.aclose()
        if server is not None:
            await asyncio.to_thread(server.close)


_connections: dict[tuple[object, ...], Connection] = {}
_lock = threading.Lock()


def connection_of(config: EndpointConfig, timing: Timing) -> Connection:
    """The process's connection to this endpoint; price, patience and budget are the caller's own."""
    # A forked child can't use what its parent opened.
    name = (os.getpid(), config.url, config.model, config.key, config.concurrency, config.context, timing)
    with _lock:
        return _connections.setdefault(name, Connection(config, timing))


def check_key(name: str | None) -> None:
    """Refuse to ask without the key.

    Raises UserError where the environment variable of this name is unset, empty, or no key by its characters.
    """
    if name is None:
        return
    key = _key(name)
    if not key or not (key.isascii() and key.isprintable()) or " " in key:
        raise UserError(
            f"the environment variable {name} {'holds what no key holds' if key else 'is not set'}",
            expected="the API key of the endpoint: letters, digits and signs without spaces",
            next_step=f"export {name}=...",
        )


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
            connection.end_server()
