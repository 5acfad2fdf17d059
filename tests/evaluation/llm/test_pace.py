"""What headers say about the next call."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest

from evaluation.llm.pace import Pace
from evaluation.llm.values import Ask, Failed, FailureKind, Reply

SPENT = {"x-ratelimit-remaining-requests": "0"}


@pytest.mark.parametrize(
    ("status", "headers", "wait_s"),
    [
        (429, {"retry-after": "7"}, 7),
        (503, {"retry-after": "1.5"}, 1.5),
        (429, {"retry-after-ms": "250", "retry-after": "7"}, 0.25),
        (200, {"retry-after": "7"}, 0),
        (429, {}, 0),
        (429, {"retry-after": "soon"}, 0),
        (429, {"retry-after": "-3"}, 0),
        (429, {"retry-after": "nan"}, 0),
        (429, {"retry-after": "inf"}, 0),
        (429, {"retry-after": format_datetime(datetime(2020, 1, 1, tzinfo=UTC))}, 0),
        (200, SPENT | {"x-ratelimit-reset-requests": "6m0s"}, 360),
        (200, SPENT | {"x-ratelimit-reset-requests": "20ms"}, 0.02),
        (200, SPENT | {"x-ratelimit-reset-requests": "1m30.5s"}, 90.5),
        (200, SPENT | {"x-ratelimit-reset-requests": "3"}, 3),
        (200, SPENT | {"x-ratelimit-reset-requests": "a while"}, 0),
        (200, SPENT, 0),
        (200, {"x-ratelimit-remaining-requests": "5", "x-ratelimit-reset-requests": "9s"}, 0),
        (
            200,
            SPENT
            | {"x-ratelimit-reset-requests": "2s", "x-ratelimit-remaining-tokens": "0"}
            | {"x-ratelimit-reset-tokens": "5s"},
            5,
        ),
    ],
)
def test_waits(status: int, headers: dict[str, str], wait_s: float, fake_time: Any) -> None:
    pace = Pace(fake_time.timing)
    pace.note(status, headers)
    assert pace.wait_s() == pytest.approx(wait_s)
    assert pace.wait_s(spread=True) == pytest.approx(wait_s + 0.5 * min(1.0, 0.1 * wait_s))


def test_a_date_is_a_wait_until_then(fake_time: Any) -> None:
    pace = Pace(fake_time.timing)
    pace.note(429, {"retry-after": format_datetime(datetime.now(UTC) + timedelta(seconds=100), usegmt=True)})
    assert 90 < pace.wait_s() <= 100


def test_the_longest_wish_holds_until_it_is_over(fake_time: Any) -> None:
    pace = Pace(fake_time.timing)
    pace.note(429, {"retry-after": "9"})
    pace.note(429, {"retry-after": "2"})
    fake_time.now = 4.0
    assert pace.wait_s() == 5.0
    fake_time.now = 10.0
    assert pace.wait_s() == 0.0


def test_all_waiting_calls_hold_back_together(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.sends(429, "", {"retry-after": "30"}), answers.says())
    endpoint = make_endpoint(concurrency=1, attempts=1)
    said = endpoint.ask_now([Ask.of("x")] * 3)
    assert [type(result) for result in said] == [Failed, Reply, Reply]
    assert [request.at for request in server.requests] == [0.0, 30.5, 30.5]
    assert said[1].attempts == 1


def test_a_spent_limit_holds_the_next_call_back(server: Any, answers: Any, make_endpoint: Any) -> None:
    spent = answers.STREAM | SPENT | {"x-ratelimit-reset-requests": "1m"}
    text = answers.chunk({"content": "So"}, "stop")
    server.does(answers.sends(200, text, spent), answers.says())
    make_endpoint(concurrency=1).ask_now([Ask.of("x")] * 2)
    assert [request.at for request in server.requests] == [0.0, 60.5]


def test_a_wait_beyond_the_deadline_is_not_begun(
    server: Any, answers: Any, make_endpoint: Any, fake_time: Any
) -> None:
    server.does(answers.sends(429, "", {"retry-after": "3600"}))
    said = make_endpoint(concurrency=1, deadline_s=60).ask_now([Ask.of("x")] * 3)
    assert {result.kind for result in said} == {FailureKind.RATE_LIMITED}
    assert [result.attempts for result in said] == [1, 0, 0]
    assert "deadline of 60 s" in said[0].detail
    assert (len(server.requests), fake_time.slept) == (1, [])
