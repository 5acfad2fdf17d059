"""One door for both kinds of credentials: API keys, and tokens of an OIDC issuer."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

import anyio

from mlops.serving.access.callers import Caller
from mlops.serving.access.config import AccessConfig
from mlops.serving.access.keys import PREFIX
from mlops.serving.access.keywatch import KeyWatch
from mlops.serving.access.reasons import Reason

if TYPE_CHECKING:
    from mlops.serving.access.tokens import Tokens

# Some issuers put a person's groups into a token, which makes it 5 KB or so.
_LONGEST = 8192


class Doorkeeper:
    """Says who a caller is by the Authorization header."""

    def __init__(self, keys: KeyWatch | None, tokens: "Tokens | None") -> None:
        self._keys = keys
        self._tokens = tokens

    @classmethod
    def of(cls, config: AccessConfig, environment: Mapping[str, str]) -> "Doorkeeper":
        """Read the keys that the environment names, and prepare for the issuer's.

        Raises UserError where keys are asked for and none can be read.
        """
        keys = KeyWatch.of(environment) if config.keys else None
        if config.oidc is None:
            return cls(keys, None)
        # They need PyJWT and its cryptography, which a start without an issuer does not wait for.
        from mlops.serving.access.signers import Signers
        from mlops.serving.access.tokens import Tokens

        return cls(keys, Tokens(config.oidc, Signers(config.oidc)))

    async def admit(self, authorization: bytes) -> Caller | Reason:
        """The caller, or why there is none."""
        if len(authorization) > _LONGEST or not authorization.isascii():
            return Reason.MALFORMED
        scheme, _, sent = authorization.decode("ascii").partition(" ")
        sent = sent.strip(" ")
        if scheme.lower() != "bearer" or not sent:
            return Reason.MALFORMED
        if sent.startswith(PREFIX):
            return self._keys.check(sent) if self._keys else Reason.NOT_TAKEN
        return await self._tokens.check(sent) if self._tokens else Reason.NOT_TAKEN

    def start(self) -> None:
        """Begin to notice changed keys and to fetch the issuer's; call it inside of the loop that serves."""
        if self._keys:
            self._keys.start()
        if self._tokens:
            self._tokens.start()

    async def close(self) -> None:
        """Stop both."""
        if self._tokens:
            self._tokens.close()
        if self._keys:
            await anyio.to_thread.run_sync(self._keys.close)
