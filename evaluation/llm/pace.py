"""How fast an endpoint wants to be asked: what its headers say holds back all calls that wait for it."""

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from evaluation.llm.timing import Timing

_HELD_BACK = {429, 503}
_PARTS = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
# Calls that wake together would be refused together: they spread over a tenth of the wait, a second at most.
_SPREAD, _WIDEST_S = 0.1, 1.0


class Pace:
    """The time before which nobody asks this endpoint."""

    def __init__(self, timing: Timing) -> None:
        self._timing = timing
        self._until = -math.inf

    def note(self, status: int, headers: Mapping[str, str]) -> None:
        """Read what an answer's headers say about the next one; keys of the mapping are in lower case."""
        wait_s = _asked_wait(headers) if status in _HELD_BACK else None
        if wait_s is None:
            wait_s = _until_reset(headers)
        if wait_s is not None:
            self._until = max(self._until, self._timing.clock() + wait_s)

    def wait_s(self, *, spread: bool = False) -> float:
        """Seconds that are left, 0 where nothing holds back; spread: with a little more, by chance."""
        left = max(0.0, self._until - self._timing.clock())
        return left + self._timing.chance() * min(_WIDEST_S, _SPREAD * left) if spread else left


def _asked_wait(headers: Mapping[str, str]) -> float | None:
    """`retry-after-ms`, or `retry-after` in seconds or as a date (RFC 9110, section 10.2.3)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "")
    seconds = _number(text)
    if seconds is not None:
        return seconds
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _until_reset(headers: Mapping[str, str]) -> float | None:
    """The longest reset among the kinds of which nothing remains, as OpenAI and its likes tell them."""
    waits = [
        wait
        for kind in ("requests", "tokens")
        if _number(headers.get(f"x-ratelimit-remaining-{kind}")) == 0
        and (wait := _duration(headers.get(f"x-ratelimit-reset-{kind}", ""))) is not None
    ]
    return max(waits, default=None)


def _duration(text: str) -> float | None:
    """Seconds of `6m0s`, `20ms` or `1.5`; None for anything else."""
    plain = _number(text)
    if plain is not None:
        return plain
    if not text or _PARTS.sub("", text):
        return None
    return sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None
