"""Ids of requests and records."""

import os
import re
import time
import uuid

_SANE = re.compile(r"[A-Za-z0-9._:-]{1,128}")


def uuid7(now_ms: int | None = None) -> str:
    """A UUID of version 7 (RFC 9562): unique, and sorting by time, so that ids in a log are in order.

    >>> uuid7(1_700_000_000_000)[:15]
    '018bcfe5-6800-7'
    """
    milliseconds = time.time_ns() // 1_000_000 if now_ms is None else now_ms
    random = int.from_bytes(os.urandom(10))
    value = (milliseconds & (2**48 - 1)) << 80 | 0x7 << 76 | (random >> 62 & 0xFFF) << 64 | 0b10 << 62
    return str(uuid.UUID(int=value | random & (2**62 - 1)))


def request_id(sent: str | None) -> str:
    """The caller's X-Request-Id where it is short and harmless in a log, else a fresh one.

    >>> request_id("order-17")
    'order-17'
    >>> len(request_id("a b"))
    36
    """
    return sent if sent is not None and _SANE.fullmatch(sent) else uuid7()
