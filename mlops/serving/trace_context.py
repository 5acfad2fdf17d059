"""The trace that a caller names in W3C Trace Context, as it came."""

import re
from collections.abc import Iterable

_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_KEY = r"[a-z0-9][a-z0-9_*/@-]{0,255}"
_VALUE = r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]"
_MEMBER = re.compile(f"{_KEY}={_VALUE}")
_MOST_MEMBERS, _MOST_CHARACTERS = 32, 512


def trace_of(headers: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """`traceparent`, and `tracestate` where there is one; nothing where the first is missing or no such thing.

    headers: of an ASGI scope. A `tracestate` that is none, or longer than all must pass on, is left out alone.
    Source: https://www.w3.org/TR/trace-context/

    >>> parent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    >>> list(trace_of([(b"traceparent", parent), (b"tracestate", b"shop=1")])), trace_of([(b"tracestate", b"shop=1")])
    (['traceparent', 'tracestate'], {})
    """
    parents: list[str] = []
    states: list[str] = []
    for name, value in headers:
        if name == b"traceparent":
            parents.append(value.decode("latin-1").strip())
        elif name == b"tracestate":
            states.append(value.decode("latin-1").strip())
    if len(parents) != 1 or not _PARENT.fullmatch(parents[0]):
        return {}
    state = ",".join(states)
    return {"traceparent": parents[0]} | ({"tracestate": state} if _is_state(state) else {})


def _is_state(state: str) -> bool:
    members = [member.strip(" \t") for member in state.split(",")]
    named = [member for member in members if member]
    return (
        0 < len(named) <= _MOST_MEMBERS
        and len(state) <= _MOST_CHARACTERS
        and all(map(_MEMBER.fullmatch, named))
    )
