"""Asking for a chat completion whose stream stays as it came: one dictionary for each event.

The client library makes a model of every event, of which LangChain makes a dictionary again; that took more than a
third of all that a call costs here.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from typing import Any

from openai import AsyncOpenAI, AsyncStream

# For what comes behind the last event, which is the end of the body and nothing else.
_END_S = 1.0


class Completions:
    """What LangChain's ChatOpenAI asks in place of the library's own `chat.completions`; it takes dictionaries too."""

    def __init__(self, client: AsyncOpenAI) -> None:
        self._client = client

    async def create(self, *, extra_body: Mapping[str, Any] | None = None, **body: Any) -> "_Events":
        """The stream of events; raises what the library raises for the answer's status and for errors in events."""
        return await self._client.post(
            "/chat/completions",
            cast_to=object,
            body=body,
            options={"extra_json": extra_body or {}},
            stream=True,
            stream_cls=_Events,
        )


class _Events(AsyncStream[object]):
    """A stream that is read to the end of its body: the library hangs up before it, and must connect anew each time."""

    async def _iter_events(self) -> AsyncIterator[Any]:
        events = super()._iter_events()
        async for event in events:
            if event.data.startswith("[DONE]"):
                break
            yield event
        with suppress(Exception):
            async with asyncio.timeout(_END_S):
                async for _ in events:
                    pass
