"""Everything that the door of one server needs, put together from its policy."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

from mlops.serving.access.config import AccessConfig
from mlops.serving.access.doorkeeper import Doorkeeper
from mlops.serving.access.limits import RateLimits


@dataclass(frozen=True)
class Access:
    """The door and the limits; `authenticator` and `limits` are None where the policy asks for none."""

    authenticator: Doorkeeper | None
    limits: RateLimits | None

    @classmethod
    def of(
        cls, config: AccessConfig, *, namespace: str, environment: Mapping[str, str] = os.environ
    ) -> "Access":
        """Read keys and settings; raises UserError where keys are asked for and none can be read.

        namespace: the model's name, which keeps apart what several of them count in one Redis.
        """
        door = Doorkeeper.of(config, environment) if config.controlled else None
        return cls(door, RateLimits.of(config, namespace=namespace))

    def start(self) -> None:
        """Begin to notice changed keys and to fetch an issuer's; call it inside of the loop that serves."""
        if self.authenticator is not None:
            self.authenticator.start()

    async def close(self) -> None:
        """Stop noticing, and let go of connections."""
        if self.authenticator is not None:
            await self.authenticator.close()
        if self.limits is not None:
            await self.limits.close()
