"""Bearer tokens of an OIDC issuer: JWTs (RFC 7519, RFC 9068) that its keys have signed for this service."""

from typing import Any

import jwt

from mlops.serving.access.callers import Caller, Scope
from mlops.serving.access.config import OidcConfig
from mlops.serving.access.reasons import Reason
from mlops.serving.access.signers import IssuerDown, Signers

# Of a subject, which names the caller in limits and in the request log.
_LONGEST_SUBJECT = 200
_REASONS: tuple[tuple[type[Exception], Reason], ...] = (
    (jwt.ExpiredSignatureError, Reason.EXPIRED_TOKEN),
    (jwt.ImmatureSignatureError, Reason.EARLY_TOKEN),
    (jwt.InvalidIssuerError, Reason.WRONG_ISSUER),
    (jwt.InvalidAudienceError, Reason.WRONG_AUDIENCE),
    (jwt.InvalidSignatureError, Reason.BAD_SIGNATURE),
    (jwt.InvalidAlgorithmError, Reason.BAD_ALGORITHM),
)


class Tokens:
    """Says whose token was sent; nothing that a token says is believed before its signature holds."""

    def __init__(self, config: OidcConfig, signers: Signers) -> None:
        self._config = config
        self._signers = signers

    def start(self) -> None:
        """Begin to fetch the issuer's keys, so that the first caller need not wait for them."""
        self._signers.begin()

    def close(self) -> None:
        """Give up what is being fetched."""
        self._signers.close()

    async def check(self, token: str) -> Caller | Reason:
        """The caller, or why the token does not count."""
        try:
            header = jwt.get_unverified_header(token)
        except Exception:  # noqa: BLE001 - whatever a parser of a stranger's bytes raises
            return Reason.BAD_TOKEN
        algorithm, name = header.get("alg"), header.get("kid")
        # Where the token says that keys are to be found (jku, jwk, x5u) is not even read.
        if algorithm not in self._config.algorithms:
            return Reason.BAD_ALGORITHM
        try:
            key = await self._signers.find(name, algorithm)
        except IssuerDown:
            return Reason.ISSUER_DOWN
        return Reason.UNKNOWN_SIGNER if key is None else self._verify(token, key, algorithm)

    def _verify(self, token: str, key: jwt.PyJWK, algorithm: str) -> Caller | Reason:
        config = self._config
        try:
            claims = jwt.decode(
                token,
                key,
                algorithms=[algorithm],
                audience=config.audience,
                issuer=config.issuer,
                leeway=config.leeway_s,
                options={"require": ["exp", "iss", "aud", "sub"]},
            )
        except Exception as error:  # noqa: BLE001 - also what a claim of a wrong kind makes of a comparison
            return next((reason for kind, reason in _REASONS if isinstance(error, kind)), Reason.BAD_TOKEN)
        subject = claims["sub"]
        if (
            not isinstance(subject, str)
            or not 0 < len(subject) <= _LONGEST_SUBJECT
            or not subject.isprintable()
        ):
            return Reason.BAD_TOKEN
        return Caller(f"token:{subject}", self._scopes(claims.get(config.scope_claim)))

    def _scopes(self, claim: Any) -> frozenset[Scope]:
        words = claim.split() if isinstance(claim, str) else claim if isinstance(claim, list) else ()
        known = self._config.scopes
        return frozenset(known[word] for word in words if isinstance(word, str) and word in known)
