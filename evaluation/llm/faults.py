"""From what went wrong in one try to why, in words that hold neither a key nor what the server sent."""

import re
from dataclasses import dataclass
from json import JSONDecodeError
from typing import Any

from evaluation.llm.values import FailureKind, Usage

_AGAIN = {408, 409, 425, 429}
_CODE = re.compile(r"[a-z_]{1,48}")
_TOO_LONG = {"context_length_exceeded", "exceed_context_size_error", "string_above_max_length"}
_TOO_LONG_WORDS = ("context length", "context window", "context size", "prompt is too long")
_SPENT = {"insufficient_quota", "billing_hard_limit_reached"}
_FILTER = {"content_filter", "content_policy_violation"}


@dataclass(frozen=True)
class Fault:
    """Why one try gave no answer, whether another one may, and what it took where that is known."""

    kind: FailureKind
    detail: str
    again: bool
    usage: Usage | None = None


class Unreadable(Exception):  # noqa: N818 - what the answer is, not what we did
    """An answer that is no stream of events, or has no end."""


def fault_of(error: Exception, *, started: bool) -> Fault:
    """What an exception of the client library means; `started`: a part of the answer had come."""
    chain = _chain(error)
    known = (_unreadable(chain), _told_by_status(chain), _of_connection(chain, started=started))
    for fault in known:
        if fault is not None:
            return fault
    if isinstance(chain[-1], UnicodeEncodeError):
        return Fault(
            FailureKind.REJECTED, "the request holds half a character and can't be sent", again=False
        )
    if any(base.__name__ == "APIError" for base in type(error).__mro__):
        return _of_event(_code(error), _words(error))
    what = (
        "something that is not JSON" if isinstance(chain[-1], JSONDecodeError) else "another form than agreed"
    )
    return Fault(FailureKind.BAD_ANSWER, f"the stream holds {what} ({type(chain[-1]).__name__})", again=False)


def cut_off() -> Fault:
    """The answer stopped before it said that it ends."""
    return Fault(FailureKind.CUT_OFF, "the answer ended before its end", again=True)


def _unreadable(chain: list[BaseException]) -> Fault | None:
    said = next((str(link) for link in chain if isinstance(link, Unreadable)), None)
    return None if said is None else Fault(FailureKind.BAD_ANSWER, said, again=False)


def _told_by_status(chain: list[BaseException]) -> Fault | None:
    for link in chain:
        if isinstance(status := getattr(link, "status_code", None), int):
            return _of_status(status, _code(link), _words(link), _word(link, "param"))
    return None


def _of_connection(chain: list[BaseException], *, started: bool) -> Fault | None:
    # By name: which library lies below the client changes with its version.
    names = {base.__name__ for link in chain for base in type(link).__mro__}
    if names & {"TimeoutException", "APITimeoutError", "TimeoutError"}:
        return Fault(FailureKind.TIMEOUT, "the connection timed out", again=True)
    if names & {"TransportError", "APIConnectionError", "OSError"}:
        down = Fault(FailureKind.DOWN, f"no connection ({type(chain[-1]).__name__})", again=True)
        return cut_off() if started else down
    return None


def _of_status(status: int, code: str, words: str, parameter: str) -> Fault:
    told = f"HTTP {status} {code}".rstrip()
    filtered = code in _FILTER
    rules = (
        (status in {401, 403} and not filtered, FailureKind.REFUSED_KEY, False),
        (status == 429, FailureKind.RATE_LIMITED, code not in _SPENT),
        (status == 408, FailureKind.TIMEOUT, True),
        (_is_too_long(code, words), FailureKind.CONTEXT_OVERFLOW, False),
        (filtered, FailureKind.FILTERED, False),
        (status >= 500 or status in _AGAIN, FailureKind.DOWN, True),
    )
    for applies, kind, again in rules:
        if applies:
            return Fault(kind, told, again)
    wrong = f" ({parameter})" if parameter else ""
    return Fault(FailureKind.REJECTED, told + wrong, again=False)


def _of_event(code: str, words: str) -> Fault:
    """An error that came as an event, after the answer had begun with status 200."""
    told = f"an error in the stream {code}".rstrip()
    if _is_too_long(code, words):
        return Fault(FailureKind.CONTEXT_OVERFLOW, told, again=False)
    if code in _FILTER:
        return Fault(FailureKind.FILTERED, told, again=False)
    return Fault(FailureKind.DOWN, told, again=True)


def _is_too_long(code: str, words: str) -> bool:
    return code in _TOO_LONG or any(phrase in words for phrase in _TOO_LONG_WORDS)


def _chain(error: BaseException) -> list[BaseException]:
    """The exception and those that it came from, the first cause last."""
    chain = [error]
    while (cause := chain[-1].__cause__ or chain[-1].__context__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def _code(error: BaseException) -> str:
    """The server's word for the fault."""
    return _word(error, "code", "type")


def _word(error: BaseException, *names: str) -> str:
    """What the server says under one of these names: letters and underscores only, so no key and no sentence passes."""
    body: Any = getattr(error, "body", None)
    for source in (body, body.get("error") if isinstance(body, dict) else None):
        for name in names:
            word = source.get(name) if isinstance(source, dict) else None
            if isinstance(word, str) and _CODE.fullmatch(word):
                return word
    return ""


def _words(error: BaseException) -> str:
    """The server's message, to look for phrases in; it goes no further."""
    return str(getattr(error, "message", "")).lower()
