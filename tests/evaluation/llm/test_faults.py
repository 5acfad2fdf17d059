"""Every way in which an endpoint lets us down is a counted failure of its kind, or a reply after all."""

import gzip
from collections.abc import Callable
from typing import Any

import pytest

from evaluation.llm.values import Ask, Failed, FailureKind, Reply, Sampling

ASK = Ask.of("Describe a red scarf.", Sampling(max_tokens=8))
HTML = {"content-type": "text/html; charset=utf-8"}
KIND = FailureKind
# What the server does each time: the kind, the tries of three, and a part of the detail.
FAULTS: dict[str, tuple[Callable[[Any], Any], FailureKind, int, str]] = {
    "hangs up": (lambda a: a.sends(200, b"", {"content-length": "9"}), KIND.BAD_ANSWER, 1, "no stream"),
    "is no HTTP": (lambda a: a.sends(200, b"", {"content-length": "x"}), KIND.DOWN, 3, "no connection"),
    "500": (lambda a: a.sends(500, "oh"), KIND.DOWN, 3, "HTTP 500"),
    "503 without a wish": (lambda a: a.sends(503, "<html>", HTML), KIND.DOWN, 3, "HTTP 503"),
    "429 for ever": (lambda a: a.refuses(429, "rate_limit_exceeded"), KIND.RATE_LIMITED, 3, "rate_limit"),
    "quota spent": (lambda a: a.refuses(429, "insufficient_quota"), KIND.RATE_LIMITED, 1, "quota"),
    "408": (lambda a: a.sends(408, ""), KIND.TIMEOUT, 3, "HTTP 408"),
    "409": (lambda a: a.sends(409, ""), KIND.DOWN, 3, "HTTP 409"),
    "key revoked": (lambda a: a.refuses(401, "invalid_api_key"), KIND.REFUSED_KEY, 1, "401 invalid_api"),
    "forbidden": (lambda a: a.sends(403, ""), KIND.REFUSED_KEY, 1, "HTTP 403"),
    "unknown model": (lambda a: a.refuses(404, "model_not_found"), KIND.REJECTED, 1, "model_not_found"),
    "a value that the model does not take": (
        lambda a: a.sends(
            400,
            '{"error": {"message": "no", "code": "unsupported_value", "param": "temperature"}}',
        ),
        KIND.REJECTED,
        1,
        "HTTP 400 unsupported_value (temperature)",
    ),
    "unknown schema": (
        lambda a: a.refuses(
            400, "", "'response_format' of type 'json_schema' is not supported with this model"
        ),
        KIND.REJECTED,
        1,
        "HTTP 400",
    ),
    "overflow": (lambda a: a.refuses(400, "context_length_exceeded"), KIND.CONTEXT_OVERFLOW, 1, "HTTP 400"),
    "overflow of llama.cpp": (
        lambda a: a.refuses(400, "", kind="exceed_context_size_error"),
        KIND.CONTEXT_OVERFLOW,
        1,
        "exceed_context_size_error",
    ),
    "overflow of vLLM": (
        lambda a: a.refuses(400, "", "This model's maximum context length is 8 tokens"),
        KIND.CONTEXT_OVERFLOW,
        1,
        "HTTP 400",
    ),
    "filter": (lambda a: a.refuses(400, "content_filter"), KIND.FILTERED, 1, "HTTP 400 content_filter"),
    "filter in the answer": (lambda a: a.says("So", finish="content_filter"), KIND.FILTERED, 1, "filter"),
    "redirect": (lambda a: a.sends(302, "", {"location": "/v2"}), KIND.BAD_ANSWER, 1, "redirect"),
    "redirect elsewhere": (
        lambda a: a.sends(308, "", {"location": "https://elsewhere.example/"}),
        KIND.BAD_ANSWER,
        1,
        "redirect",
    ),
    "HTML with 200": (lambda a: a.sends(200, "<html>", HTML), KIND.BAD_ANSWER, 1, "HTML page"),
    "JSON, no stream": (lambda a: a.sends(200, "{}"), KIND.BAD_ANSWER, 1, "no stream of events"),
    "invalid JSON": (lambda a: a.stream("data: {'a': 1}\n\n"), KIND.BAD_ANSWER, 1, "not JSON"),
    "a number": (lambda a: a.stream(a.event(5)), KIND.BAD_ANSWER, 1, "the stream holds"),
    "another form": (lambda a: a.stream(a.chunk(1)), KIND.BAD_ANSWER, 1, "the stream holds"),
    "not UTF-8": (
        lambda a: a.sends(200, b"data: \xff\n\n", a.STREAM),
        KIND.BAD_ANSWER,
        1,
        "the stream holds",
    ),
    "no number": (
        lambda a: a.stream(
            a.chunk(
                {"content": "a"}, "stop", logprobs={"content": [{"token": "a", "logprob": float("-inf")}]}
            )
        ),
        KIND.BAD_ANSWER,
        1,
        "the stream holds",
    ),
    "no count": (
        lambda a: a.stream(a.chunk({"content": "a"}, "stop"), a.usage(7, -1)),
        KIND.BAD_ANSWER,
        1,
        "the stream holds",
    ),
    "compressed": (
        lambda a: a.sends(200, gzip.compress(b"data: 1"), a.STREAM | {"content-encoding": "gzip"}),
        KIND.BAD_ANSWER,
        1,
        "compressed",
    ),
    "never ends": (lambda a: a.endless(b": " + b"x" * 65536 + b"\n\n"), KIND.BAD_ANSWER, 1, "has no end"),
    "never ends a line": (lambda a: a.endless(b"x" * 65536), KIND.BAD_ANSWER, 1, "has no end"),
    "an error without end": (lambda a: a.endless(b"x" * 65536, 500), KIND.BAD_ANSWER, 1, "has no end"),
    "truncated": (lambda a: a.stream(a.chunk({"content": "So"})), KIND.CUT_OFF, 3, "before its end"),
    "truncated in an event": (
        lambda a: a.stream(a.chunk({"content": "So"}), 'data: {"choices": [{"del'),
        KIND.CUT_OFF,
        3,
        "before its end",
    ),
    "cut in the middle": (lambda a: a.cut(), KIND.CUT_OFF, 3, "before its end"),
    "nothing but the end": (lambda a: a.stream("data: [DONE]\n\n"), KIND.CUT_OFF, 3, "before its end"),
    "an empty body": (lambda a: a.stream(), KIND.CUT_OFF, 3, "before its end"),
    "an error in the stream": (
        lambda a: a.stream(a.chunk({"content": "So"}), a.event({"error": {"message": "x", "code": "oops"}})),
        KIND.DOWN,
        3,
        "in the stream oops",
    ),
    "overflow in the stream": (
        lambda a: a.stream(
            a.event({"error": {"message": "exceeds the available context size", "code": 400}})
        ),
        KIND.CONTEXT_OVERFLOW,
        1,
        "in the stream",
    ),
    "empty": (lambda a: a.says(""), KIND.EMPTY, 1, "empty answer (stop)"),
    "blank": (lambda a: a.says("\n ", finish="length"), KIND.EMPTY, 1, "empty answer (length)"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_is_a_failure_of_its_kind(name: str, server: Any, answers: Any, make_endpoint: Any) -> None:
    does, kind, tries, says = FAULTS[name]
    server.does(does(answers))
    (failed,) = make_endpoint().ask_now([ASK])
    assert isinstance(failed, Failed), failed
    assert (failed.kind, failed.attempts, len(server.requests)) == (kind, tries, tries), failed
    assert says in failed.detail


@pytest.mark.parametrize("half", [True, False], ids=["in the middle", "before the answer"])
def test_what_is_slow_ends_with_its_time(half: bool, server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.half() if half else answers.silent())
    (failed,) = make_endpoint(timeout_s=0.05, attempts=2).ask_now([ASK])
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.attempts) == (FailureKind.TIMEOUT, 2)
    assert "within 0.05 s" in failed.detail


def test_nobody_listens(server: Any, make_endpoint: Any, fake_time: Any) -> None:
    endpoint = make_endpoint(url="http://127.0.0.1:1/v1")
    (failed,) = endpoint.ask_now([ASK])
    assert isinstance(failed, Failed)
    assert (failed.kind, failed.attempts) == (FailureKind.DOWN, 3)
    # Half of 0.5 and of 1 second: full jitter under a bound that doubles.
    assert fake_time.slept == [0.25, 0.5]


@pytest.mark.parametrize(
    "first",
    [
        lambda a: a.sends(500, "oh"),
        lambda a: a.sends(429, "", {"retry-after": "7"}),
        lambda a: a.stream(a.chunk({"content": "So"})),
        lambda a: a.cut(),
        lambda a: a.sends(408, ""),
    ],
    ids=["500", "429", "truncated", "cut", "408"],
)
def test_what_passes_is_tried_again(first: Any, server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(first(answers), answers.says("A scarf."))
    (reply,) = make_endpoint().ask_now([ASK])
    assert isinstance(reply, Reply)
    assert (reply.text, reply.attempts) == ("A scarf.", 2)


def test_a_failure_stays_in_its_place(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.says("one"), answers.says(""), answers.says("three"))
    said = make_endpoint(concurrency=1).ask_now([Ask.of(text) for text in "abc"])
    assert [result.text if isinstance(result, Reply) else result.kind for result in said] == [
        "one",
        FailureKind.EMPTY,
        "three",
    ]
