"""A call goes out with the trace of whoever asks, of nobody else, and is the same call in any trace."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from evaluation.llm.trace import trace_headers, traced
from evaluation.llm.values import Ask

PARENTS = [f"00-{number:032x}-{number:016x}-01" for number in range(1, 9)]


def told(server: Any) -> list[str | None]:
    return [request.headers.get("traceparent") for request in server.requests]


def test_the_endpoint_gets_it_and_only_within(server: Any, make_endpoint: Any) -> None:
    endpoint = make_endpoint()
    with traced({"traceparent": PARENTS[0], "tracestate": "shop=1"}):
        endpoint.ask_now([Ask.of("a"), Ask.of("b")])
        asyncio.run(endpoint.ask([Ask.of("c")]))
    endpoint.ask_now([Ask.of("d")])
    assert told(server) == [PARENTS[0]] * 3 + [None]
    assert [request.headers.get("tracestate") for request in server.requests] == ["shop=1"] * 3 + [None]


def test_each_try_has_it(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.sends(500, "{}"), answers.says())
    with traced({"traceparent": PARENTS[0]}):
        make_endpoint().ask_now([Ask.of("a")])
    assert told(server) == [PARENTS[0]] * 2


def test_who_asks_at_the_same_time_has_another(server: Any, make_endpoint: Any) -> None:
    endpoint = make_endpoint(concurrency=4)

    def ask(parent: str) -> None:
        with traced({"traceparent": parent}):
            endpoint.ask_now([Ask.of(parent)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, PARENTS))
    found = {request.body["messages"][0]["content"]: request.headers for request in server.requests}
    assert {asked: headers["traceparent"] for asked, headers in found.items()} == {
        parent: parent for parent in PARENTS
    }


def test_a_kept_reply_is_found_in_every_trace(server: Any, make_endpoint: Any, tmp_path: Path) -> None:
    endpoint = make_endpoint(cache=tmp_path / "replies")
    for parent in PARENTS:
        with traced({"traceparent": parent}):
            endpoint.ask_now([Ask.of("a")])
    assert told(server) == PARENTS[:1]


def test_no_log_has_it(make_endpoint: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with traced({"traceparent": PARENTS[0]}):
        make_endpoint().ask_now([Ask.of("a")])
    assert caplog.records
    assert PARENTS[0] not in caplog.text


def test_one_within_another() -> None:
    with traced({"traceparent": PARENTS[0]}):
        with traced({}):
            assert trace_headers() == {}
        assert trace_headers() == {"traceparent": PARENTS[0]}
