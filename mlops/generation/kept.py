"""Replies of the language models that a chain asks, kept while an evaluation asks it. Imports LangChain.

A chain may do anything, so its answers are not kept; what a model said to the same question, asked the same way, is.
"""

import ast
import hashlib
import json
import re
import threading
import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import uuid4

from langchain_core.caches import BaseCache
from langchain_core.globals import get_llm_cache, set_llm_cache
from langchain_core.outputs import Generation

from evaluation.llm.cache import ReplyCache, opened
from evaluation.llm.values import Usage
from mlops.generation.told import Told, read_told

_FORM = 1
# Of an object that has no better name: where it lies in this process says nothing of what is asked.
_ADDRESS = re.compile(r" at 0x[0-9a-f]+")


class CaseCalls:
    """The calls that are made on the way to one answer, in whatever threads.

    asked_for: what tells its case and its repeat from all others. code: a digest of the chain, for models of which
    LangChain does not know all that they hang on. found: how many replies were there; saved: their tokens.
    """

    def __init__(self, replies: ReplyCache, *, asked_for: str, code: str) -> None:
        self.found, self.saved = 0, Usage(0, 0)
        self._replies, self._asked_for, self._code = replies, asked_for, code
        self._answer, self._began = uuid4().hex, time.perf_counter()
        self._lock = threading.Lock()
        self._equal: Counter[str] = Counter()
        self._open: defaultdict[str, deque[tuple[str, float]]] = defaultdict(deque)
        self._used: list[str] = []
        self._spans: defaultdict[str, list[tuple[float, float]]] = defaultdict(list)

    @property
    def earlier_ms(self) -> float:
        """Milliseconds that the calls took of which the replies were there; those that ran at once count once."""
        with self._lock:
            return sum(map(_covered, self._spans.values()))

    def find(self, prompt: str, model: str) -> list[Generation] | None:
        """The reply to the n-th such call of the answer, or None: then the call is made."""
        call = self._call(prompt, model)
        with self._lock:
            key = _digest([call, self._equal[call]])
            self._equal[call] += 1
        told = read_told(self._replies.read(key))
        with self._lock:
            if told is None:
                self._open[call].append((key, self._now_ms()))
                return None
            self.found += 1
            self._used.append(key)
            self._spans[told.answer].append((told.began_ms, told.ended_ms))
            self.saved = Usage(
                self.saved.prompt_tokens + told.usage.prompt_tokens,
                self.saved.completion_tokens + told.usage.completion_tokens,
            )
        return told.said

    def keep(self, prompt: str, model: str, said: Sequence[Generation]) -> None:
        """Keep what a call brought, under the first of the equal ones that has no reply: one that failed has none."""
        with self._lock:
            waiting = self._open[self._call(prompt, model)]
            if not waiting:
                return
            key, began_ms = waiting.popleft()
            text = Told(list(said), self._answer, began_ms, self._now_ms()).written()
            if text is not None:
                self._used.append(key)
        if text is not None:
            self._replies.write(key, text)

    def fail(self) -> None:
        """The answer is a failure: unless a call failed, perhaps for what the models said, so they are asked again."""
        with self._lock:
            failed = any(self._open.values())
            used = () if failed else tuple(self._used)
        for key in used:
            self._replies.forget(key)

    def _call(self, prompt: str, model: str) -> str:
        code = "" if _tells_all(model) else self._code
        return _digest([_FORM, self._asked_for, code, prompt, _ADDRESS.sub("", model)])

    def _now_ms(self) -> float:
        return (time.perf_counter() - self._began) * 1000


_CALLS: ContextVar[CaseCalls | None] = ContextVar("calls of a chain's answer", default=None)


class Kept:
    """Where replies are kept while an evaluation goes on; code: a digest of the chain."""

    def __init__(self, replies: ReplyCache, code: str) -> None:
        self._replies, self._code = replies, code
        self._equal: Counter[str] = Counter()

    def calls(self, case: Mapping[str, Any]) -> CaseCalls:
        """Those of one answer; to the same case they are others each time."""
        same = _digest(case)
        repeat = self._equal[same]
        self._equal[same] += 1
        return CaseCalls(self._replies, asked_for=_digest([same, repeat]), code=self._code)


@contextmanager
def keeping(path: Path, *, code: str) -> Iterator[Kept | None]:
    """Keep replies in this file during the block; None where somebody has given LangChain a cache: it stays.

    Raises UserError where the file is something else, EnvironmentProblem where it can't be opened.
    """
    with opened(path) as replies, _DOOR.open() as ours:
        yield Kept(replies, code) if ours else None


@contextmanager
def made_for(calls: CaseCalls | None) -> Iterator[None]:
    """What is asked during the block, in this thread and those that LangChain makes of it, is asked for this answer."""
    token = _CALLS.set(calls)
    try:
        yield
    finally:
        _CALLS.reset(token)


class _Door(BaseCache):
    """What LangChain knows as its cache, in all threads; what is no evaluation's passes it by."""

    def __init__(self) -> None:
        self._lock, self._inside = threading.Lock(), 0

    @contextmanager
    def open(self) -> Iterator[bool]:
        """Stand there during the block, unless another cache does; says whether it is so."""
        with self._lock:
            there = get_llm_cache()
            ours = there is None or there is self
            if ours:
                self._inside += 1
                set_llm_cache(self)
        try:
            yield ours
        finally:
            with self._lock:
                self._inside -= ours
                if self._inside == 0 and get_llm_cache() is self:
                    set_llm_cache(None)

    def lookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """The reply that is kept."""
        calls = _CALLS.get()
        return None if calls is None else calls.find(prompt, llm_string)

    def update(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """A call has brought one; of a call that failed nothing is heard here."""
        if (calls := _CALLS.get()) is not None:
            calls.keep(prompt, llm_string, return_val)

    def clear(self, **_: Any) -> None:
        """A chain does not empty what is the project's."""

    async def alookup(self, prompt: str, llm_string: str) -> list[Generation] | None:
        """The same for who waits asynchronously."""
        return self.lookup(prompt, llm_string)

    async def aupdate(self, prompt: str, llm_string: str, return_val: Sequence[Generation]) -> None:
        """The same for who waits asynchronously."""
        self.update(prompt, llm_string, return_val)


_DOOR = _Door()


@lru_cache(maxsize=256)
def _tells_all(model: str) -> bool:
    """Whether LangChain's words for a model and how it is asked hold all that its reply hangs on.

    So it is for classes of LangChain's own packages, as far as they are given plain values.
    """
    try:
        told, end = json.JSONDecoder().raw_decode(model)
        ast.literal_eval(model[end:].removeprefix("---"))
        own = told["type"] == "constructor" and str(told["id"][0]).startswith("langchain")
    except (ValueError, KeyError, TypeError, IndexError, SyntaxError):
        return False
    return bool(own) and '"not_implemented"' not in model[:end]


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """How much of the time lies in at least one span.

    >>> _covered([(0.0, 10.0), (5.0, 12.0), (20.0, 21.0)])
    13.0
    """
    covered, until = 0.0, float("-inf")
    for began, ended in sorted(spans):
        covered += max(0.0, ended - max(began, until))
        until = max(until, ended)
    return covered


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()
