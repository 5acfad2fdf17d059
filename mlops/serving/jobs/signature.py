"""The header by which a receiver knows that a webhook is ours, fresh and unchanged."""

import hashlib
import hmac

HEADER = "Weighbridge-Signature"
TOLERANCE_S = 300


def sign(secret: bytes, body: bytes, at_s: int) -> str:
    """The header's value: when it was signed, and HMAC-SHA256 over that time, a dot and the body.

    >>> sign(b"secret", b"{}", 1_700_000_000)[:20]
    't=1700000000,v1=b856'
    """
    return f"t={at_s},v1={_digest(secret, body, at_s)}"


def is_genuine(
    secret: bytes, body: bytes, header: str, now_s: float, tolerance_s: float = TOLERANCE_S
) -> bool:
    """Whether a header was made with this secret for exactly these bytes, and not long ago.

    >>> is_genuine(b"secret", b"{}", sign(b"secret", b"{}", 1000), now_s=1010)
    True
    >>> is_genuine(b"secret", b"{}", sign(b"secret", b"{}", 1000), now_s=2000)
    False
    """
    found = dict(part.strip().partition("=")[::2] for part in header.split(","))
    at, digest = found.get("t", ""), found.get("v1", "")
    if not (at.isascii() and at.isdecimal() and len(at) < 16 and digest.isascii()):
        return False
    genuine = hmac.compare_digest(_digest(secret, body, int(at)), digest)
    return genuine and abs(now_s - int(at)) <= tolerance_s


def _digest(secret: bytes, body: bytes, at_s: int) -> str:
    return hmac.new(secret, f"{at_s}.".encode() + body, hashlib.sha256).hexdigest()
