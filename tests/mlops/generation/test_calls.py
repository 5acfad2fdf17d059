"""Calls are made in threads, and still in the context of whoever asks."""

import pytest

from evaluation.llm.trace import trace_headers, traced
from mlops.generation.calls import Calls


@pytest.mark.parametrize("cases", [1, 5])
def test_calls_belong_to_the_trace_of_who_asks(cases):
    calls = Calls(
        lambda _: trace_headers(), lambda: {"gone": ""}, lambda: {"refused": ""}, concurrency=3, timeout_s=60
    )
    with traced({"traceparent": "00-1"}):
        assert calls.each(range(cases)) == [{"traceparent": "00-1"}] * cases
    assert calls.each(range(cases)) == [{}] * cases
