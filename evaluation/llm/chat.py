"""One try: a request sent through LangChain's ChatOpenAI, its stream read to the end and timed.

LangChain and the client library below it are imported here only, when the first request is sent.
"""

from __future__ import annotations

import math
import re
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import aclosing
from contextvars import ContextVar
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from evaluation.llm.completions import Completions
from evaluation.llm.faults import Fault, Unreadable, cut_off, fault_of
from evaluation.llm.pace import Pace
from evaluation.llm.trace import trace_headers
from evaluation.llm.values import Ask, FailureKind, Reply, Role, Sampling, Usage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from langchain_core.messages import AIMessageChunk

# An answer's bytes: what surrounds it, and the most that a token takes, and each candidate at its place.
_AROUND, _A_TOKEN, _A_CANDIDATE = 2**20, 2**12, 2**9
_bytes_left: ContextVar[int] = ContextVar("bytes_left", default=_AROUND)
# These hosts take the newer name of the limit only; many other servers know the first name only.
_NEWER_NAME = ("openai.com", "azure.com")
_WORD = re.compile(r"[a-z_]{1,32}")
_SAID_BY = {Role.SYSTEM: "system", Role.USER: "human", Role.ASSISTANT: "ai"}


class Chat:
    """An open line to one endpoint, to be used in one event loop.

    key gives the API key, or nothing where there is none. here: the endpoint is a process of ours; no proxy lies
    between, and no connection is used twice, as a server may end one just when the next request is sent.
    waiting: requests that wait for their answer now.
    """

    def __init__(
        self, url: str, model: str, key: Callable[[], str], pace: Pace, *, here: bool = False
    ) -> None:
        import openai
        from langchain_openai import ChatOpenAI

        async def api_key() -> str:
            # Without one the library would send a key of another provider that lies in the environment.
            return key() or "none"

        self.waiting = 0
        self._key = key
        self._pace = pace
        self._limit_name = _limit_name(url)
        self._http = openai.DefaultAsyncHttpxClient(
            follow_redirects=False,
            trust_env=not here,
            # Every try has a limit of its own, around all that it does.
            timeout=None,
            headers={"accept-encoding": "identity"} | ({"connection": "close"} if here else {}),
            event_hooks={"request": [_name_trace], "response": [self._look_at]},
        )
        self._model = ChatOpenAI(
            model=model,
            base_url=url,
            api_key=api_key,
            max_retries=0,
            stream_usage=True,
            stream_chunk_timeout=None,
            use_responses_api=False,
            http_async_client=self._http,
            # Proxies are those that httpx finds; the library's own variable would refuse our client.
            openai_proxy=None,
            # With any, the library warns of proxies that its own client, which asks nothing, would not use.
            http_socket_options=(),
        )
        self._model.async_client = Completions(self._model.root_async_client)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def send(self, ask: Ask, clock: Callable[[], float]) -> Reply | Fault:
        """One answer, without its cost, or why there is none; times are of this try."""
        heard = _Heard(clock, clock())
        _bytes_left.set(_most_bytes(ask.sampling))
        self.waiting += 1
        try:
            async with aclosing(self._stream(ask)) as chunks:
                async for chunk in chunks:
                    heard.take(chunk)
            came = heard.reply()
        except Exception as error:  # noqa: BLE001 - faults of the server and the library become records
            # LangChain's word for a stream in which nothing came at all.
            nothing = type(error) is ValueError and not heard.chunks
            came = cut_off() if nothing else fault_of(error, started=bool(heard.texts))
        finally:
            self.waiting -= 1
        if isinstance(came, Fault) and (key := self._key()):
            return replace(came, detail=came.detail.replace(key, "..."))
        return came

    def _stream(self, ask: Ask) -> AsyncGenerator[AIMessageChunk, None]:
        messages = [(_SAID_BY[message.role], message.text) for message in ask.messages]
        stream = self._model.astream(messages, **_parameters(ask.sampling, self._limit_name))
        return cast("AsyncGenerator[AIMessageChunk, None]", stream)

    async def _look_at(self, response: Any) -> None:
        """Note the headers, refuse what is no stream of events, and bound what may come."""
        self._pace.note(response.status_code, response.headers)
        if 300 <= response.status_code < 400:
            msg = f"HTTP {response.status_code}: a redirect, which is not followed"
            raise Unreadable(msg)
        kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
        if response.status_code < 300 and kind != "text/event-stream":
            msg = "the answer is an HTML page" if kind == "text/html" else "the answer is no stream of events"
            raise Unreadable(msg)
        if response.headers.get("content-encoding", "identity") != "identity":
            msg = "the answer is compressed, which was not asked for"
            raise Unreadable(msg)
        response.aiter_bytes = _bounded(response.aiter_bytes)


@dataclass
class _Heard:
    """What has come of an answer so far."""

    clock: Callable[[], float]
    began: float
    chunks: int = 0
    first: float | None = None
    texts: list[str] = field(default_factory=list)
    finish_reason: str | None = None
    usage: Usage | None = None
    tokens: list[dict[str, Any]] = field(default_factory=list)

    def take(self, chunk: AIMessageChunk) -> None:
        """Take in one chunk of the stream."""
        self.chunks += 1
        text = str(chunk.text) or str(chunk.additional_kwargs.get("refusal") or "")
        if text:
            self.first = self.clock() if self.first is None else self.first
            self.texts.append(text)
        told = chunk.response_metadata
        if reason := told.get("finish_reason"):
            self.finish_reason = reason if _WORD.fullmatch(reason) else "another"
        self.tokens += (told.get("logprobs") or {}).get("content") or []
        if (counted := chunk.usage_metadata) is not None:
            self.usage = _usage(counted["input_tokens"], counted["output_tokens"])

    def reply(self) -> Reply | Fault:
        """The answer, if it came to its end and says something."""
        ended, text = self.clock(), _whole("".join(self.texts))
        if self.finish_reason is None:
            return cut_off()
        if self.finish_reason == "content_filter":
            said = "the provider's filter stopped the answer"
            return Fault(FailureKind.FILTERED, said, again=False, usage=self.usage)
        if not text.strip() and not self.tokens:
            said = f"an empty answer ({self.finish_reason})"
            return Fault(FailureKind.EMPTY, said, again=False, usage=self.usage)
        return Reply(
            text=text,
            usage=self.usage,
            first_token_ms=None if self.first is None else (self.first - self.began) * 1000,
            latency_ms=(ended - self.began) * 1000,
            finish_reason=self.finish_reason,
            cost=None,
            logprobs=_logprobs(self.tokens) or None,
            top_logprobs=tuple(_logprobs(token.get("top_logprobs") or ()) for token in self.tokens)
            if any(token.get("top_logprobs") for token in self.tokens)
            else None,
        )


async def _name_trace(request: Any) -> None:
    request.headers.update(trace_headers())


def _whole(text: str) -> str:
    """The text with halves of characters joined, as some servers send them apart, and lonely ones replaced.

    >>> _whole("a\\ud83d\\ude00") == "a\\U0001f600", _whole("a\\ud83d") == "a\\ufffd"
    (True, True)
    """
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _logprobs(tokens: Iterable[dict[str, Any]]) -> tuple[tuple[str, float], ...]:
    """Raises ValueError for what is no number."""
    found = tuple((_whole(str(token["token"])), float(token["logprob"])) for token in tokens)
    if not all(math.isfinite(value) for _, value in found):
        msg = "a log-probability is not finite"
        raise ValueError(msg)
    return found


def _usage(prompt_tokens: int, completion_tokens: int) -> Usage | None:
    """None where nothing was counted: no request has a prompt of no tokens.

    Raises ValueError for what is no count.
    """
    for count in (prompt_tokens, completion_tokens):
        if not isinstance(count, int) or count < 0:
            msg = "the usage is no count"
            raise ValueError(msg)
    return Usage(prompt_tokens, completion_tokens) if prompt_tokens or completion_tokens else None


def _parameters(sampling: Sampling, limit_name: str) -> dict[str, Any]:
    """What goes beside the messages; what has the protocol's own default is left out, as some models refuse it."""
    form: dict[str, Any] = {limit_name: sampling.max_tokens}
    if sampling.json_schema is not None:
        schema = {"name": "answer", "schema": dict(sampling.json_schema), "strict": True}
        form["response_format"] = {"type": "json_schema", "json_schema": schema}
    if sampling.grammar is not None:
        form["grammar"] = sampling.grammar
    # In `extra_body` LangChain leaves it as it is; as `response_format` it would be parsed while it streams.
    found: dict[str, Any] = {"extra_body": form}
    if sampling.temperature != 1.0:
        found["temperature"] = sampling.temperature
    if sampling.top_p != 1.0:
        found["top_p"] = sampling.top_p
    if sampling.seed is not None:
        found["seed"] = sampling.seed
    if sampling.stop:
        found["stop"] = list(sampling.stop)
    if sampling.logprobs or sampling.top_logprobs:
        found |= {"logprobs": True, "top_logprobs": sampling.top_logprobs}
    return found


def _limit_name(url: str) -> str:
    host = urlsplit(url).hostname or ""
    newer = any(host == known or host.endswith(f".{known}") for known in _NEWER_NAME)
    return "max_completion_tokens" if newer else "max_tokens"


def _most_bytes(sampling: Sampling) -> int:
    return _AROUND + sampling.max_tokens * (_A_TOKEN + _A_CANDIDATE * sampling.top_logprobs)


def _bounded(read: Callable[..., AsyncIterator[bytes]]) -> Callable[..., AsyncIterator[bytes]]:
    """The same bytes, until there are more than the answer can have."""
    left = _bytes_left.get()

    async def bounded(chunk_size: int | None = None) -> AsyncIterator[bytes]:
        came = 0
        async for part in read(chunk_size):
            came += len(part)
            if came > left:
                msg = f"the answer has no end: more than {left:,} bytes came"
                raise Unreadable(msg)
            yield part

    return bounded
