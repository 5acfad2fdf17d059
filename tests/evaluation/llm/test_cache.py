"""Kept replies: nothing is paid twice, whatever happened in between."""

import json
import signal
import sqlite3
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.llm import cache as module
from evaluation.llm.cache import key_of, opened
from evaluation.llm.config import BudgetConfig, EndpointConfig
from evaluation.llm.values import Ask, Reply, Sampling, Usage

REPLY = Reply(
    "A scarf.", Usage(7, 3), 12.5, 80.0, "stop", 0.5, False, (("A", -0.5),), ((("A", -0.5), ("B", -1.0)),), 2
)
ASKS = [Ask.of(str(number)) for number in range(6)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "replies.sqlite"


@pytest.mark.parametrize("reply", [REPLY, Reply("", None, None, 1.0, None, None)], ids=["full", "bare"])
def test_a_reply_comes_back_as_it_was(reply: Reply, path: Path) -> None:
    with opened(path) as cache:
        assert cache.get("k") is None
        cache.put("k", reply)
    with opened(path) as cache:
        assert cache.get("k") == replace(reply, cached=True, cost=None)
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    "other",
    [
        (EndpointConfig(url="http://b.example/v1", model="m"), Ask.of("x")),
        (EndpointConfig(url="http://a.example/v1", model="n"), Ask.of("x")),
        (EndpointConfig(url="http://a.example/v1", model="m"), Ask.of("y")),
        (EndpointConfig(url="http://a.example/v1", model="m"), Ask.of("x", repeat=1)),
        (EndpointConfig(url="http://a.example/v1", model="m"), Ask.of("x", system="s")),
        (EndpointConfig(url="http://a.example/v1", model="m"), Ask.of("x", Sampling(seed=1))),
        (EndpointConfig(url="http://a.example/v1", model="m"), Ask.of("x", Sampling(json_schema={"a": 1}))),
    ],
)
def test_what_an_answer_hangs_on_is_in_the_key(other: tuple[EndpointConfig, Ask]) -> None:
    config = EndpointConfig(url="http://a.example/v1", model="m")
    assert key_of(*other) != key_of(config, Ask.of("x"))


def test_what_an_answer_does_not_hang_on_is_not() -> None:
    config = EndpointConfig(url="http://a.example/v1", model="m")
    patient = EndpointConfig(
        url="http://a.example/v1/", model="m", key="SHOP_KEY", price={"input": 1, "output": 1},  # type: ignore[arg-type]
        concurrency=9, timeout_s=9,
    )  # fmt: skip
    one = Ask.of("x", Sampling(json_schema={"a": 1, "b": 2}))
    other = Ask.of("x", Sampling(json_schema={"b": 2, "a": 1}))
    assert key_of(config, one) == key_of(patient, other)


def test_the_second_run_asks_nothing(server: Any, answers: Any, make_endpoint: Any, path: Path) -> None:
    server.does(answers.says(tokens=(7, 3)))
    first = make_endpoint(cache=path, price={"input": 1, "output": 1}).ask_now(ASKS)
    dearer = make_endpoint(cache=path, price={"input": 2, "output": 2}, budget=BudgetConfig(tokens=1))
    told: list[int] = []
    second = dearer.ask_now(ASKS, progress=lambda done, _of: told.append(done))
    assert len(server.requests) == 6
    assert second == [replace(reply, cached=True, cost=reply.cost * 2) for reply in first]
    assert (dearer.budget.tokens, told) == (0, [1, 2, 3, 4, 5, 6])


def test_a_full_cache_needs_no_key(server: Any, make_endpoint: Any, path: Path, monkeypatch: Any) -> None:
    monkeypatch.setenv("SHOP_KEY", "secret")
    make_endpoint(cache=path, key="SHOP_KEY").ask_now(ASKS)
    monkeypatch.delenv("SHOP_KEY")
    assert all(reply.cached for reply in make_endpoint(cache=path, key="SHOP_KEY").ask_now(ASKS))


def test_failures_are_asked_again(server: Any, answers: Any, make_endpoint: Any, path: Path) -> None:
    server.does(answers.says("one"), answers.says(""), answers.says("three"))
    make_endpoint(cache=path, concurrency=1).ask_now(ASKS[:3])
    said = make_endpoint(cache=path, concurrency=1).ask_now(ASKS[:3])
    assert [(reply.text, reply.cached) for reply in said] == [
        ("one", True),
        ("three", False),
        ("three", True),
    ]
    assert len(server.requests) == 4


def test_an_evaluation_without_money_goes_on_where_it_stopped(
    server: Any, answers: Any, make_endpoint: Any, path: Path
) -> None:
    server.does(answers.says(tokens=(7, 3)))
    for run in range(3):
        said = make_endpoint(cache=path, concurrency=1, budget=BudgetConfig(tokens=20)).ask_now(ASKS)
        assert [isinstance(result, Reply) for result in said] == [True] * 2 * (run + 1) + [False] * (
            4 - 2 * run
        )
    assert len(server.requests) == 6


def test_repeats_are_kept_apart_and_equal_requests_are_asked_once(
    server: Any, answers: Any, make_endpoint: Any, path: Path
) -> None:
    server.does(answers.says("one"), answers.says("two"))
    asks = [Ask.of("x"), Ask.of("x", repeat=1), Ask.of("x"), Ask.of("x", repeat=1)]
    told: list[int] = []
    said = make_endpoint(cache=path, concurrency=1).ask_now(
        asks, progress=lambda done, _of: told.append(done)
    )
    assert [(reply.text, reply.cached) for reply in said] == [
        ("one", False), ("two", False), ("one", True), ("two", True),
    ]  # fmt: skip
    assert (len(server.requests), told) == (2, [2, 4])


def test_without_a_cache_equal_requests_are_all_asked(server: Any, make_endpoint: Any) -> None:
    make_endpoint().ask_now([Ask.of("x")] * 3)
    assert len(server.requests) == 3


KILLED = """
import os, signal, sys
from pathlib import Path
from evaluation.llm.cache import opened
from evaluation.llm.values import Reply
with opened(Path(sys.argv[1])) as cache:
    for number in range(50):
        cache.put(f"{sys.argv[2]}-{number}", Reply("x" * 2000, None, None, 1.0, "stop", None))
    if sys.argv[2] == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_several_processes_write_at_once_and_one_is_killed(path: Path) -> None:
    children = [
        subprocess.Popen([sys.executable, "-c", KILLED, str(path), name]) for name in ("a", "b", "killed")
    ]
    assert [child.wait(60) for child in children] == [0, 0, -signal.SIGKILL]
    with opened(path) as cache:
        kept = [cache.get(f"{name}-{number}") for name in ("a", "b", "killed") for number in range(50)]
    assert all(isinstance(reply, Reply) for reply in kept)


def test_several_threads_write_at_once_and_a_late_one_changes_nothing(path: Path, caplog: Any) -> None:
    with opened(path) as cache, ThreadPoolExecutor(4) as pool:
        for key in map(str, range(200)):
            pool.submit(cache.put, key, REPLY)
    cache.put("late", REPLY)
    cache.forget("0")
    assert cache.get("0") is None
    with opened(path) as again:
        assert [again.get(key) is None for key in ("0", "199", "late")] == [False, False, True]
        again.forget("0")
        assert again.get("0") is None
    assert caplog.text == ""


def test_another_file_is_refused_and_left_alone(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database, but somebody's work" * 99)
    with pytest.raises(UserError, match="is no cache of replies"), opened(path):
        pass
    assert path.read_bytes().startswith(b"not a database")


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(EnvironmentProblem, match="could not open the cache"), opened(tmp_path / "file" / "x"):
        pass


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"text": "x"}', "\x80\x04\x95", 5, None])
def test_what_cannot_be_read_is_asked_again(content: Any, path: Path) -> None:
    with opened(path) as cache:
        cache._connection.execute("DROP TABLE replies")
        cache._connection.execute("CREATE TABLE replies (key TEXT PRIMARY KEY, reply, at REAL)")
        cache._connection.execute("INSERT INTO replies VALUES ('k', ?, 0)", (content,))
        assert cache.get("k") is None


def test_a_full_disk_costs_the_cache_and_not_the_answers(
    server: Any, make_endpoint: Any, path: Path, caplog: Any, monkeypatch: Any
) -> None:
    prepare = module._prepare

    def small(connection: sqlite3.Connection, where: Path) -> None:
        prepare(connection, where)
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {pages}")

    monkeypatch.setattr(module, "_prepare", small)
    said = make_endpoint(cache=path).ask_now([Ask.of(str(number)) for number in range(60)])
    assert {type(result) for result in said} == {Reply}
    assert caplog.text.count("replies are not kept any more") == 1


def test_nothing_but_text_is_kept(path: Path) -> None:
    with opened(path) as cache:
        cache.put("k", REPLY)
        (text,) = cache._connection.execute("SELECT reply FROM replies").fetchone()
    assert json.loads(text)["text"] == "A scarf."
