"""Posting an answer to the address that its caller named."""

import asyncio
import ipaddress
import logging
import os
import random
import socket
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from evaluation.errors import UserError
from mlops.serving.errors import FieldProblem, Invalid
from mlops.serving.jobs.addresses import Address, Pattern, Place, may_reach
from mlops.serving.jobs.config import WebhooksConfig
from mlops.serving.jobs.signature import HEADER, sign

if TYPE_CHECKING:
    import httpx

_LOG = logging.getLogger("weighbridge.webhooks")
SECRET = "WEIGHBRIDGE_WEBHOOK_SECRET"  # noqa: S105 - the variable's name
CALLBACK = "Weighbridge-Callback"
_MIN_SECRET = 16
_TRIES = 6
_FIRST_WAIT_S = 1.0
_TRY_S = 10.0
_AT_ONCE = 16
_WORTH_ANOTHER_TRY = frozenset({408, 425, 429, 500, 502, 503, 504})


class Outcome(StrEnum):
    """What became of a delivery."""

    DELIVERED = "delivered"
    REFUSED = "refused"
    GAVE_UP = "gave_up"
    FORBIDDEN = "forbidden"


async def resolve(host: str, port: int) -> list[Address]:
    """The addresses that a name stands for; empty where it stands for none."""
    try:
        found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except OSError:
        return []
    return [ipaddress.ip_address(str(item[4][0]).partition("%")[0]) for item in found]


@dataclass(frozen=True)
class Surroundings:
    """Names, time, chance and the way out, so that a test can bring its own."""

    resolve: Callable[[str, int], Awaitable[Sequence[Address]]] = resolve
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    now_s: Callable[[], float] = time.time
    draw: Callable[[], float] = random.random
    transport: "httpx.AsyncBaseTransport | None" = None


class Webhooks:
    """Posts signed answers to listed addresses: no redirects, no proxies, no way into private networks.

    A name is looked up once for each try, and the connection goes to an address that was looked at: what the name
    stands for a moment later does not matter. The receiver's answer is not read beyond its status.
    """

    def __init__(self, config: WebhooksConfig, secret: str, surroundings: Surroundings | None = None) -> None:
        import httpx

        self._allowed = [Pattern.of(text) for text in config.allow]
        self._private = config.private
        self._secret = secret.encode()
        self._around = surroundings or Surroundings()
        self._slots = asyncio.Semaphore(_AT_ONCE)
        # Connections are made to addresses: one that was kept could carry another name's request past its certificate.
        self._http = httpx.AsyncClient(
            trust_env=False,
            transport=self._around.transport,
            timeout=_TRY_S,
            limits=httpx.Limits(max_keepalive_connections=0),
        )

    @classmethod
    def of(cls, config: WebhooksConfig, environment: Mapping[str, str] = os.environ) -> "Webhooks | None":
        """Webhooks as the policy says, None where it lists no address; raises UserError without a secret."""
        if not config.allow:
            return None
        secret = environment.get(SECRET, "")
        if len(secret) < _MIN_SECRET:
            raise UserError(
                f"serve.webhooks lists addresses, and {SECRET} is {'too short' if secret else 'not set'}",
                expected=f"at least {_MIN_SECRET} characters, which receivers know as well",
                next_step=f"export {SECRET}=$(openssl rand -hex 32)",
            )
        return cls(config, secret)

    def place(self, url: str) -> Place:
        """The place that a caller may name; raises Invalid, which does not repeat it."""
        try:
            place = Place.of(url)
        except ValueError as error:
            raise _not_there(str(error)) from None
        if not any(pattern.covers(place) for pattern in self._allowed):
            raise _not_there("should be on the server's list, serve.webhooks.allow")
        return place

    async def deliver(self, place: Place, body: bytes, headers: Mapping[str, str]) -> Outcome:
        """Post until it is taken, refused, or tried often enough; never raises but for a cancellation."""
        async with self._slots:
            for number in range(_TRIES):
                if number:
                    await self._around.sleep(self._around.draw() * _FIRST_WAIT_S * 2.0 ** (number - 1))
                outcome, why = await self._try(place, body, headers, number)
                if outcome is not Outcome.GAVE_UP:
                    break
        facts = {"host": place.host, "outcome": outcome.value, "tries": number + 1, "last": why}
        _LOG.log(
            logging.INFO if outcome is Outcome.DELIVERED else logging.WARNING,
            "webhook",
            extra={"facts": facts},
        )
        return outcome

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    async def _try(
        self, place: Place, body: bytes, headers: Mapping[str, str], number: int
    ) -> tuple[Outcome, str]:
        import httpx

        try:
            async with asyncio.timeout(_TRY_S):
                addresses = (
                    [place.address] if place.address else await self._around.resolve(place.host, place.port)
                )
                if not addresses:
                    return Outcome.GAVE_UP, "no such name"
                if not may_reach(place, addresses, self._private):
                    return Outcome.FORBIDDEN, "a private address"
                status = await self._post(place, addresses[number % len(addresses)], body, headers)
        except (httpx.HTTPError, TimeoutError, OSError) as error:
            return Outcome.GAVE_UP, type(error).__name__
        if 200 <= status < 300:
            return Outcome.DELIVERED, f"HTTP {status}"
        return (Outcome.GAVE_UP if status in _WORTH_ANOTHER_TRY else Outcome.REFUSED), f"HTTP {status}"

    async def _post(self, place: Place, address: Address, body: bytes, headers: Mapping[str, str]) -> int:
        sent = {
            **headers,
            "host": place.netloc,
            "content-type": "application/json",
            "user-agent": "weighbridge-webhook",
            HEADER: sign(self._secret, body, int(self._around.now_s())),
        }
        # The certificate is checked against the name, whatever address is connected to.
        named = {"sni_hostname": place.host} if place.scheme == "https" and not place.address else {}
        async with self._http.stream(
            "POST", place.at(address), content=body, headers=sent, extensions=named, follow_redirects=False
        ) as response:
            return response.status_code


def _not_there(message: str) -> Invalid:
    return Invalid("the callback cannot be used", [FieldProblem(CALLBACK, message)])
