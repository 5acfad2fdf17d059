"""Following an alias of the registry: the version that carries it answers, and no request is dropped when it moves.

A thread asks the registry, fetches, verifies, loads and warms up; the event loop only puts one version in another's
place. Whatever fails, the version that answers goes on, and the other is tried again later.
"""

import asyncio
import logging
import random
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from evaluation.errors import EnvironmentProblem, UserError, WeighbridgeError
from mlops.packaging.bundle import Bundle
from mlops.packaging.load import InputField, load_model
from mlops.serving.handler import Handler
from mlops.serving.metrics import Metrics
from mlops.serving.version import ServedModel, ServedVersion

_LOG = logging.getLogger("weighbridge.reload")
_LONGEST_PAUSE_S = 60.0
# Servers that were started together do not ask together for ever.
_JITTER = 0.2
# What JSON says is taken by the second wherever the first took it.
_WIDER: Mapping[str, frozenset[str]] = {
    "integer": frozenset({"long", "double"}),
    "long": frozenset({"double"}),
    "float": frozenset({"double"}),
}


class Reason(StrEnum):
    """Why a version could not take over."""

    REGISTRY = "registry"
    """The registry did not answer, or nothing carries the alias."""
    EVIDENCE = "evidence"
    """Record, signature, model or reference are not what was decided."""
    SIGNATURE = "signature"
    """Requests that are answered now would be refused, or JSON cannot serve it."""
    MODEL = "model"
    """It does not load here."""


class Source(Protocol):
    """Where versions come from; mlops.serving.following.Registered is one."""

    def version(self) -> str:
        """The version that has the alias. Raises WeighbridgeError where there is none, or no answer."""
        ...

    def fetch(self, version: str) -> Bundle:
        """Its bundle, verified. Raises UserError where it does not hold, EnvironmentProblem without an answer."""
        ...


class Seat:
    """Where a version answers.

    prepare: makes a version ready and warm; takes seconds, and runs in any thread.
    """

    def __init__(
        self, handler: Handler, metrics: Metrics, prepare: Callable[[Bundle, ServedModel], ServedVersion]
    ) -> None:
        self._handler = handler
        self._metrics = metrics
        self.prepare = prepare
        self._leaving: set[asyncio.Task[None]] = set()

    @property
    def version(self) -> ServedVersion:
        """The one that answers."""
        return self._handler.version

    def take(self, version: ServedVersion) -> None:
        """Let it answer from now on; the one before it leaves when its last request is answered. On the event loop."""
        before, self._handler.version = self._handler.version, version
        self._metrics.serves(version.bundle)
        leaving = asyncio.get_running_loop().create_task(before.leave())
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)

    def failed(self, reason: Reason) -> None:
        """Count a version that could not."""
        self._metrics.reload_failed(reason.value)


@dataclass(frozen=True)
class _Bad:
    """A version that failed, how often, and when it is tried again (time.monotonic)."""

    version: str
    times: int
    until: float


class CouldNotTakeOver(Exception):  # noqa: N818 - what happened, not an error of this program
    """A version stays outside, and why."""

    def __init__(self, reason: Reason, found: str) -> None:
        self.reason = reason
        super().__init__(found)


class Follower:
    """Keeps a seat taken by the version that carries an alias.

    every_s: how often the registry is asked, give or take a fifth.
    """

    def __init__(self, source: Source, *, every_s: float) -> None:
        self._source = source
        self._every_s = every_s
        self._bad: _Bad | None = None
        self._silent = 0
        self._ended = threading.Event()

    @contextmanager
    def following(self, seat: Seat) -> Iterator[None]:
        """While it lasts, follow in another thread; nobody waits for its end, as a registry may not answer."""
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._run, args=(seat, loop), name="reload", daemon=True).start()
        try:
            yield
        finally:
            self._ended.set()

    def look(self, seat: Seat, take: Callable[[ServedVersion], None]) -> None:
        """Ask once, and let another version take the seat if there is one that can."""
        wanted = seat.version.bundle.version
        try:
            wanted = self._wanted()
            if wanted == seat.version.bundle.version:
                self._bad = None
            elif not self._is_too_early(wanted):
                began = time.perf_counter()
                take(self._ready(seat, wanted))
                self._bad = None
                facts = {"version": wanted, "seconds": round(time.perf_counter() - began, 2)}
                _LOG.info("another version answers", extra={"facts": facts})
        except CouldNotTakeOver as error:
            self._put_off(wanted, error.reason)
            seat.failed(error.reason)
            facts = {"version": wanted, "reason": error.reason, "found": str(error)}
            _LOG.error("the version stays", extra={"facts": facts})

    def _run(self, seat: Seat, loop: asyncio.AbstractEventLoop) -> None:
        def take(version: ServedVersion) -> None:
            loop.call_soon_threadsafe(seat.take, version)

        pick = random.Random()  # noqa: S311 - spreads requests, hides nothing
        while not self._ended.wait(self._pause_s() * pick.uniform(1 - _JITTER, 1 + _JITTER)):
            try:
                self.look(seat, take)
            except RuntimeError:
                if not loop.is_closed():
                    raise

    def _pause_s(self) -> float:
        return min(self._every_s * 2.0**self._silent, max(self._every_s, _LONGEST_PAUSE_S))

    def _wanted(self) -> str:
        try:
            wanted = self._source.version()
        except Exception as error:
            self._silent += 1
            raise CouldNotTakeOver(Reason.REGISTRY, _told(error)) from error
        self._silent = 0
        return wanted

    def _is_too_early(self, wanted: str) -> bool:
        return self._bad is not None and self._bad.version == wanted and time.monotonic() < self._bad.until

    def _put_off(self, wanted: str, reason: Reason) -> None:
        if reason is Reason.REGISTRY:
            return
        times = 1 + (self._bad.times if self._bad is not None and self._bad.version == wanted else 0)
        pause_s = min(self._every_s * 2**times, _LONGEST_PAUSE_S)
        self._bad = _Bad(wanted, times, time.monotonic() + pause_s)

    def _ready(self, seat: Seat, wanted: str) -> ServedVersion:
        """Fetch, verify, load and warm up. Raises CouldNotTakeOver."""
        try:
            bundle = self._source.fetch(wanted)
        except EnvironmentProblem as error:
            raise CouldNotTakeOver(Reason.REGISTRY, _told(error)) from error
        except Exception as error:
            raise CouldNotTakeOver(Reason.EVIDENCE, _told(error)) from error
        try:
            model = load_model(bundle.model_dir, task=bundle.task, threshold=bundle.threshold)
        except Exception as error:
            raise CouldNotTakeOver(Reason.MODEL, _told(error)) from error
        if bundle.task is not seat.version.bundle.task:
            raise CouldNotTakeOver(Reason.SIGNATURE, f"its task is {bundle.task}")
        if (found := refused(seat.version.inputs, model.inputs)) is not None:
            raise CouldNotTakeOver(Reason.SIGNATURE, found)
        try:
            return seat.prepare(bundle, model)
        except UserError as error:
            raise CouldNotTakeOver(Reason.SIGNATURE, _told(error)) from error
        except Exception as error:
            raise CouldNotTakeOver(Reason.MODEL, _told(error)) from error


def refused(now: Sequence[InputField], then: Sequence[InputField]) -> str | None:
    """Why a request that fits one signature may not fit another; None where it always does.

    >>> age, job = InputField("age", "integer", True), InputField("job", "string", False)
    >>> refused([age], [InputField("age", "long", True), job]) is None
    True
    >>> refused([age, job], [age])
    "field 'job' is gone"
    """
    by_name = {field.name: field for field in then}
    for field in now:
        other = by_name.pop(field.name, None)
        if other is None:
            return f"field '{field.name}' is gone"
        if other.dtype != field.dtype and other.dtype not in _WIDER.get(field.dtype, frozenset()):
            return f"field '{field.name}' is {other.dtype}, and was {field.dtype}"
        if other.required and not field.required:
            return f"field '{field.name}' is required now"
    added = next((field for field in by_name.values() if field.required), None)
    return None if added is None else f"field '{added.name}' is new and required"


def _told(error: Exception) -> str:
    """What was found, in a line without this machine's folders; a foreign error may quote anything, so its class."""
    if not isinstance(error, WeighbridgeError):
        return type(error).__name__
    words = str(error).splitlines()[0].split(" ")
    return " ".join(word if not word.startswith(("/", str(Path.home()))) else "..." for word in words)[:300]
