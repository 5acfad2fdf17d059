"""The trace that calls of a language model belong to, told from whoever asks to the endpoint.

It goes beside a call and not in it: neither the key of a kept reply nor a record of the call has it.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

_headers: ContextVar[Mapping[str, str] | None] = ContextVar("trace_headers", default=None)


@contextmanager
def traced(headers: Mapping[str, str]) -> Iterator[None]:
    """What is asked within goes out with these headers: `traceparent`, perhaps `tracestate`, or none.

    Threads begin without; who starts one takes them along by `contextvars.copy_context`.
    Source: https://www.w3.org/TR/trace-context/

    >>> with traced({"traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"}):
    ...     list(trace_headers())
    ['traceparent']
    >>> trace_headers()
    {}
    """
    token = _headers.set(dict(headers))
    try:
        yield
    finally:
        _headers.reset(token)


def trace_headers() -> dict[str, str]:
    """The headers that a request to a language model carries here."""
    return dict(_headers.get() or {})
