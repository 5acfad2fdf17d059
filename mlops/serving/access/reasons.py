"""Why a request is turned away: told apart where it is counted, and nowhere else."""

from enum import StrEnum


class Reason(StrEnum):
    """The label under which a refusal is counted; no caller sees it."""

    MISSING = "missing"
    MALFORMED = "malformed"
    UNKNOWN_KEY = "unknown_key"
    WRONG_SECRET = "wrong_secret"  # noqa: S105 - a reason
    REVOKED_KEY = "revoked_key"
    EXPIRED_KEY = "expired_key"
    NOT_TAKEN = "not_taken"
    BAD_TOKEN = "bad_token"  # noqa: S105 - a reason
    BAD_ALGORITHM = "bad_algorithm"
    BAD_SIGNATURE = "bad_signature"
    UNKNOWN_SIGNER = "unknown_signer"
    WRONG_ISSUER = "wrong_issuer"
    WRONG_AUDIENCE = "wrong_audience"
    EXPIRED_TOKEN = "expired_token"  # noqa: S105 - a reason
    EARLY_TOKEN = "early_token"  # noqa: S105 - a reason
    ISSUER_DOWN = "issuer_down"
    SCOPE = "scope"
    RATE = "rate"
    QUOTA = "quota"
    FULL = "full"
    TIMED_OUT = "timed_out"
    SLOW_BODY = "slow_body"
