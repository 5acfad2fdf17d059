"""One door for both kinds of credentials: API keys, and tokens of an OIDC issuer."""

from collections.abc import Mapping

from mlops.serving.access.callers import Caller
from mlops.serving.access.config import AccessConfig
from mlops.serving.access.refusals import Reason

_LONGEST = 8192


class Doorkeeper:
    """Says who a caller is by the Authorization header."""

    @classmethod
    def of(cls, config: AccessConfig, environment: Mapping[str, str]) -> "Doorkeeper":
        """Read the keys that the environment names, and prepare for the issuer's; raises UserError without keys."""
        raise NotImplementedError

    async def admit(self, authorization: bytes) -> Caller | Reason:
        """The caller, or why there is none."""
        raise NotImplementedError

    def start(self) -> None:
        """Begin to notice changed keys."""

    def close(self) -> None:
        """Stop noticing."""
