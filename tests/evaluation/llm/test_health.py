"""An endpoint that is dead is given up: what is left fails as not asked, whoever asks, one by one or together."""

from pathlib import Path
from typing import Any

import pytest

from evaluation.llm.health import Health
from evaluation.llm.values import Ask, Failed, FailureKind, Reply

# What a server says each time: its word for it, the kind, and the tries of two.
DEAD = {
    500: ("server_error", FailureKind.DOWN, 2),
    429: ("insufficient_quota", FailureKind.RATE_LIMITED, 1),
    404: ("model_not_found", FailureKind.REJECTED, 1),
}
ASKS = [Ask.of(str(number)) for number in range(50)]


def test_a_revoked_key_is_tried_once_for_all(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.refuses(401, "invalid_api_key"))
    said = make_endpoint(concurrency=1).ask_now(ASKS)
    assert len(server.requests) == 1
    assert [result.attempts for result in said] == [1] + [0] * 49
    assert said[1] == Failed(FailureKind.REFUSED_KEY, "not asked: HTTP 401 invalid_api_key", 0)


@pytest.mark.parametrize("status", DEAD)
def test_an_endpoint_that_lets_all_down_is_given_up(
    status: int, server: Any, answers: Any, make_endpoint: Any
) -> None:
    code, kind, tries = DEAD[status]
    why = f"HTTP {status} {code}"
    server.does(answers.refuses(status, code))
    said = make_endpoint(concurrency=1, attempts=2).ask_now(ASKS)
    assert len(server.requests) == 4 * tries
    assert said[:4] == [Failed(kind, why, tries)] * 4
    assert said[4:] == [Failed(kind, f"not asked: {why}, 4 times in a row", 0)] * 46


def test_requests_at_a_time_fail_together_and_count_as_one_moment(
    server: Any, answers: Any, make_endpoint: Any
) -> None:
    server.does(answers.sends(500, "oh"))
    make_endpoint(concurrency=5, attempts=1).ask_now(ASKS)
    # Twice as many as wait at a time, and those that are on their way by then.
    assert 10 <= len(server.requests) <= 14


def test_requests_one_by_one_are_counted_together(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.sends(500, "oh"))
    endpoint = make_endpoint(concurrency=1, attempts=2)
    said = [endpoint.ask_now([ask])[0] for ask in ASKS]
    assert len(server.requests) == 4 * 2
    assert [result.attempts for result in said] == [2] * 4 + [0] * 46
    server.does(answers.says())
    assert isinstance(endpoint.ask_now(ASKS[:1])[0], Failed)
    assert isinstance(make_endpoint(concurrency=1).ask_now(ASKS[:1])[0], Reply)


def test_endpoints_may_share_what_is_known(server: Any, answers: Any, make_endpoint: Any) -> None:
    server.does(answers.refuses(401, "invalid_api_key"))
    health = Health(concurrency=1)
    for _ in range(3):
        make_endpoint(concurrency=1, health=health).ask_now(ASKS)
    assert len(server.requests) == 1


def test_what_is_kept_is_found_where_nothing_is_asked_any_more(
    server: Any, answers: Any, make_endpoint: Any, tmp_path: Path
) -> None:
    cache = tmp_path / "replies.db"
    make_endpoint(cache=cache).ask_now(ASKS[40:])
    server.does(answers.sends(500, "oh"))
    said = make_endpoint(cache=cache, concurrency=1, attempts=1).ask_now(ASKS)
    assert [type(result) for result in said] == [Failed] * 40 + [Reply] * 10


def test_requests_that_fail_for_themselves_give_nothing_up(
    server: Any, answers: Any, make_endpoint: Any
) -> None:
    server.does(answers.says(""))
    make_endpoint(concurrency=1).ask_now(ASKS)
    assert len(server.requests) == 50


def test_one_answer_in_between_begins_the_count_anew(server: Any, answers: Any, make_endpoint: Any) -> None:
    down = [answers.sends(500, "oh")] * 3
    server.does(*down, answers.says(), *down, answers.says())
    said = make_endpoint(concurrency=1, attempts=1).ask_now(ASKS[:8])
    assert [type(result) for result in said] == [Failed, Failed, Failed, Reply] * 2
