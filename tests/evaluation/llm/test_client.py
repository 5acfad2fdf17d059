"""What is sent, what comes back, and how callers of every kind may ask."""

import asyncio
import logging
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evaluation.errors import UserError
from evaluation.llm.config import BudgetConfig
from evaluation.llm.loop import Work, _loop
from evaluation.llm.values import Ask, Failed, FailureKind, Message, Reply, Role, Sampling, Usage

KEY = "weigh_bridge_secret"


def test_a_reply_with_what_it_took(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says("A red scarf.", tokens=(7, 4), finish="length"))
    (reply,) = make_endpoint(price={"input": 1.0, "output": 10.0}).ask_now([Ask.of("Hello")])
    assert isinstance(reply, Reply)
    assert (reply.text, reply.finish_reason, reply.usage) == ("A red scarf.", "length", Usage(7, 4))
    assert reply.cost == pytest.approx(47e-6)
    assert (reply.attempts, reply.cached, reply.logprobs, reply.top_logprobs) == (1, False, None, None)


def test_times_are_told_from_the_moment_of_sending(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says())
    endpoint, ticks = make_endpoint(), iter(range(100))

    async def send() -> Any:
        chat = await endpoint._connection.chat()
        return await chat.send(Ask.of("Hi"), lambda: float(next(ticks)))

    reply = Work(send()).wait()
    assert isinstance(reply, Reply)
    assert (reply.first_token_ms, reply.latency_ms) == (1000.0, 2000.0)


@pytest.mark.parametrize("tokens", [None, (0, 0)], ids=["absent", "none counted"])
def test_usage_is_never_guessed(tokens: Any, server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says("A scarf", tokens=tokens))
    (reply,) = make_endpoint(price={"input": 1, "output": 1}).ask_now([Ask.of("Hello")])
    assert (reply.usage, reply.cost, reply.tokens_per_s) == (None, None, None)


def test_what_is_sent(server: Any, make_endpoint: Any) -> None:
    schema = {"type": "object"}
    asks = [
        Ask.of("Hello", Sampling(max_tokens=9), system="Be brief."),
        Ask(
            (Message(Role.USER, "a"), Message(Role.ASSISTANT, "b"), Message(Role.USER, "c")),
            Sampling(1.0, 5, 0.9, seed=3, stop=("x",), json_schema=schema, top_logprobs=2),
        ),
        Ask.of("Hello", Sampling(grammar='root ::= "a"')),
    ]
    make_endpoint(concurrency=1).ask_now(asks)
    bodies = [request.body for request in server.requests]
    assert server.requests[0].line == "POST /v1/chat/completions HTTP/1.1"
    assert bodies[0] == {
        "model": "m",
        "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hello"}],
        "stream": True,
        "stream_options": {"include_usage": True},
        "temperature": 0.0,
        "max_tokens": 9,
    }
    assert [message["role"] for message in bodies[1]["messages"]] == ["user", "assistant", "user"]
    assert {name: bodies[1][name] for name in ("top_p", "seed", "stop", "logprobs", "top_logprobs")} == {
        "top_p": 0.9, "seed": 3, "stop": ["x"], "logprobs": True, "top_logprobs": 2,
    }  # fmt: skip
    assert "temperature" not in bodies[1]
    assert bodies[1]["response_format"]["json_schema"]["schema"] == schema
    assert bodies[2]["grammar"] == 'root ::= "a"'


def test_log_probabilities(server: Any, answers: Any, make_endpoint: Any) -> None:
    first, second = {"token": "a", "logprob": -0.5}, {"token": "b", "logprob": -1}
    told = {"logprobs": {"content": [first | {"top_logprobs": [first, second]}]}}
    parts = (answers.chunk({"content": "a"}, **told), answers.chunk({"content": "a"}, "stop", **told))
    server.does(answers.stream(*parts))
    (reply,) = make_endpoint().ask_now([Ask.of("x", Sampling(logprobs=True, top_logprobs=2))])
    assert reply.logprobs == (("a", -0.5),) * 2
    assert reply.top_logprobs == ((("a", -0.5), ("b", -1.0)),) * 2


@pytest.mark.parametrize(
    ("key", "says"),
    [
        (None, "SHOP_KEY is not set"),
        ("", "SHOP_KEY is not set"),
        (" \n", "SHOP_KEY is not set"),
        ("two words", "SHOP_KEY holds what no key holds"),
        ("line\nline", "SHOP_KEY holds what no key holds"),
        ("schlüssel", "SHOP_KEY holds what no key holds"),
    ],
)
def test_a_missing_key_is_told_before_any_call(
    key: str | None, says: str, server: Any, make_endpoint: Any, monkeypatch: Any
) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    if key is not None:
        monkeypatch.setenv("SHOP_KEY", key)
    with pytest.raises(UserError, match=says) as refused:
        make_endpoint(key="SHOP_KEY").ask_now([Ask.of("Hello")])
    assert not (key or "").strip() or key not in str(refused.value)
    assert server.requests == []


def test_a_line_end_is_no_part_of_the_key(server: Any, make_endpoint: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SHOP_KEY", f"{KEY}\n")
    make_endpoint(key="SHOP_KEY").ask_now([Ask.of("Hello")])
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_the_key_goes_to_its_endpoint_and_no_other(server: Any, make_endpoint: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("SHOP_KEY", KEY)
    monkeypatch.setenv("OPENAI_API_KEY", "of-another-provider")
    make_endpoint(key="SHOP_KEY").ask_now([Ask.of("Hello")])
    make_endpoint().ask_now([Ask.of("Hello")])
    first, second = server.requests
    assert first.headers["authorization"] == f"Bearer {KEY}"
    assert "of-another-provider" not in str(second)


@pytest.mark.parametrize(
    "does",
    [
        lambda a: a.refuses(401, KEY, f"wrong key {KEY}", KEY),
        lambda a: a.refuses(400, KEY, f"wrong key {KEY}", KEY),
        lambda a: a.stream(a.event({"error": {"message": KEY, "code": KEY}})),
        lambda a: a.stream(f"data: {KEY}\n\n"),
        lambda a: a.says("", finish=KEY),
        lambda a: a.says("A scarf", finish=f"{KEY}1"),
    ],
)
def test_the_key_is_in_no_text(  # noqa: PLR0917
    does: Any, server: Any, answers: Any, make_keyed: Any, caplog: Any, tmp_path: Path
) -> None:
    server.does(does(answers))
    endpoint = make_keyed(attempts=1, cache=tmp_path / "replies.sqlite")
    with caplog.at_level(logging.DEBUG):
        said = endpoint.ask_now([Ask.of("Hello")])
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    for text in (
        repr(said),
        caplog.text,
        repr(endpoint),
        repr(vars(endpoint)),
        repr(endpoint.config),
        str(kept),
    ):
        assert KEY not in text


@pytest.fixture
def make_keyed(make_endpoint: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """An endpoint with a key."""
    monkeypatch.setenv("SHOP_KEY", KEY)
    return lambda **settings: make_endpoint(key="SHOP_KEY", **settings)


def test_results_are_in_order_and_progress_counts(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(*(answers.says(str(number)) for number in range(5)))
    told: list[tuple[int, int]] = []
    said = make_endpoint(concurrency=1).ask_now(
        [Ask.of("x")] * 5, progress=lambda done, of: told.append((done, of))
    )
    assert [result.text for result in said] == list("01234")
    assert told == [(done, 5) for done in range(1, 6)]


def test_the_limit_holds_for_all_callers_of_an_endpoint(
    server: Any, answers: Any, make_endpoint: Any
) -> None:
    server.does(answers.half())
    one, other = make_endpoint(), make_endpoint(budget=BudgetConfig(tokens=10**6))

    async def both() -> None:
        asked = [asyncio.create_task(endpoint.ask([Ask.of("x")] * 6)) for endpoint in (one, other)]
        while server.in_flight < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.02)
        assert len(server.requests) == 2
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)

    asyncio.run(both())


def test_a_thread_and_a_loop_may_ask_the_same_endpoint(make_endpoint: Any) -> None:
    endpoint = make_endpoint()

    async def in_a_server() -> list[Any]:
        return [
            *await asyncio.to_thread(endpoint.ask_now, [Ask.of("x")]),
            *await endpoint.ask([Ask.of("y")]),
            # A careless caller blocks its own loop, not ours.
            *endpoint.ask_now([Ask.of("z")]),
        ]

    said = [*asyncio.run(in_a_server()), *asyncio.run(in_a_server()), *endpoint.ask_now([Ask.of("x")])]
    assert [result.text for result in said] == ["A red scarf."] * 7


def test_cancelling_stops_every_call(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.half())
    endpoint = make_endpoint(concurrency=4)

    async def cancelled() -> None:
        asked = asyncio.create_task(endpoint.ask([Ask.of("x")] * 40))
        while server.in_flight < 4:
            await asyncio.sleep(0.001)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    asyncio.run(cancelled())
    assert asyncio.all_tasks(_loop()) == set()
    server.does(answers.says())
    (reply,) = endpoint.ask_now([Ask.of("x")])
    assert isinstance(reply, Reply)


@pytest.fixture
def interrupted() -> Iterator[None]:
    """Ctrl-C as Python starts with it, whatever a test before has left."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interrupted")
def test_control_c_stops_every_call(server: Any, answers: Any, make_endpoint: Any) -> None:
    assert threading.current_thread() is threading.main_thread()

    async def interrupts(_writer: Any) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.Event().wait()

    server.does(interrupts)
    with pytest.raises(KeyboardInterrupt):
        make_endpoint(concurrency=1).ask_now([Ask.of("x")] * 9)
    assert asyncio.all_tasks(_loop()) == set()
    assert len(server.requests) == 1


def test_a_progress_that_raises_ends_the_run(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says(), answers.half(), answers.says())
    with pytest.raises(ZeroDivisionError):
        make_endpoint(timeout_s=0.5).ask_now([Ask.of("x")] * 9, progress=lambda _done, _of: 1 // 0)
    assert asyncio.all_tasks(_loop()) == set()
    assert len(server.requests) <= 2


def test_proxies_of_the_environment_are_used(server: Any, make_endpoint: Any, monkeypatch: Any) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    (reply,) = make_endpoint(url="http://model.example/v1").ask_now([Ask.of("x")])
    assert isinstance(reply, Reply)
    assert server.requests[0].line == "POST http://model.example/v1/chat/completions HTTP/1.1"


def test_the_hosts_that_need_it_get_the_newer_name_of_the_limit(
    server: Any, make_endpoint: Any, monkeypatch: Any
) -> None:
    monkeypatch.setenv("HTTP_PROXY", server.url.removesuffix("/v1"))
    make_endpoint(url="http://api.openai.com/v1").ask_now([Ask.of("x", Sampling(max_tokens=3))])
    assert server.requests[0].body["max_completion_tokens"] == 3
    assert "max_tokens" not in server.requests[0].body


def test_nothing_to_ask(server: Any, make_endpoint: Any, monkeypatch: Any) -> None:
    monkeypatch.delenv("SHOP_KEY", raising=False)
    assert make_endpoint(key="SHOP_KEY").ask_now([]) == []


def test_a_variable_of_the_library_changes_nothing(server: Any, make_endpoint: Any, monkeypatch: Any) -> None:
    for name in ("OPENAI_PROXY", "OPENAI_BASE_URL", "OPENAI_API_BASE"):
        monkeypatch.setenv(name, "http://127.0.0.1:1/v1")
    (reply,) = make_endpoint().ask_now([Ask.of("x")])
    assert isinstance(reply, Reply)


def test_characters_that_come_in_halves(server: Any, answers: Any, make_endpoint: Any) -> None:
    halves = [answers.chunk({"content": part}) for part in ("a \ud83d", "\ude00", " b \ud83d")]
    server.does(answers.stream(*halves, answers.chunk({}, "stop")))
    said = make_endpoint().ask_now([Ask.of("x"), Ask.of("half \ud83d")])
    assert isinstance(said[0], Reply)
    assert said[0].text == "a \U0001f600 b \ufffd"
    assert isinstance(said[1], Failed)
    assert said[1].kind is FailureKind.REJECTED


def test_cancelling_at_once_leaves_nothing_and_does_not_wait(make_endpoint: Any) -> None:
    work = Work(make_endpoint()._run([Ask.of("x")], None))
    work.cancel()
    with pytest.raises(asyncio.CancelledError):
        work.wait()
    assert asyncio.all_tasks(_loop()) == set()


def test_what_others_import_is_light() -> None:
    program = (
        "import sys, evaluation.llm.client, evaluation.llm.facts, evaluation.llm.tally\n"
        "heavy = {'openai', 'langchain_core', 'langchain_openai', 'httpx', 'httpx2', 'polars', 'numpy', 'xllamacpp'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
