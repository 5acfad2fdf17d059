"""The public keys of an issuer: fetched beside the event loop, kept, and fetched again when they are old."""

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

import anyio
import jwt

from mlops.serving.access.config import OidcConfig, is_loopback, require_safe_url

_LOG = logging.getLogger("weighbridge.door")
_FETCH_WITHIN_S = 5.0
_MOST_BYTES = 256 * 1024
_MOST_KEYS = 100
# However many unknown keys tokens name, the issuer is asked no more often.
_PAUSE_S = 10.0
_SHORTEST_RSA_BITS = 2048
_KINDS = {"RS": "RSA", "PS": "RSA", "ES": "EC", "Ed": "OKP"}
_CURVES = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}

# By name and algorithm: a key that is there for one algorithm counts for no other.
Keys = Mapping[tuple[str | None, str], jwt.PyJWK]


class IssuerDown(Exception):  # noqa: N818 - a state of the issuer
    """Its keys could not be had, and there are none that are still young enough."""


class Signers:
    """The keys of one issuer, by their name and algorithm."""

    def __init__(
        self,
        config: OidcConfig,
        *,
        fetch: Callable[[OidcConfig], Keys] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._config = config
        self._fetch = fetch or fetch_keys
        self._clock = clock
        self._keys: Keys = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None
        self._fetching: asyncio.Task[None] | None = None
        self._limiter: anyio.CapacityLimiter | None = None

    async def find(self, name: str | None, algorithm: str) -> jwt.PyJWK | None:
        """The key of that name for that algorithm, None where the issuer has none.

        Old keys go on being used while new ones are fetched, or cannot be; a name that is not known is worth
        one question, but no more than one in ten seconds. Raises IssuerDown where no keys can be had.
        """
        longest_s = self._config.keys_for_s + self._config.stale_for_s
        if self._age_s() > longest_s or (name, algorithm) not in self._keys:
            await self._refresh()
        elif self._age_s() > self._config.keys_for_s:
            self.begin()
        if self._age_s() > longest_s:
            raise IssuerDown
        return self._keys.get((name, algorithm))

    def _age_s(self) -> float:
        return float("inf") if self._fetched_at is None else self._clock() - self._fetched_at

    async def _refresh(self) -> None:
        self.begin()
        if self._fetching is not None:
            # A caller who hangs up must not take the answer from those who wait for it, too.
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.shield(self._fetching), _FETCH_WITHIN_S)

    def close(self) -> None:
        """Give up what is being fetched."""
        if self._fetching is not None:
            self._fetching.cancel()

    def begin(self) -> None:
        """Start to fetch, unless that is under way or was tried a moment ago."""
        if self._fetching is not None:
            return
        now = self._clock()
        if self._tried_at is not None and now - self._tried_at < _PAUSE_S:
            return
        self._tried_at = now
        self._fetching = asyncio.create_task(self._load())

    async def _load(self) -> None:
        # A thread of its own: those of the model may all be busy.
        if self._limiter is None:
            self._limiter = anyio.CapacityLimiter(1)
        try:
            self._keys = await anyio.to_thread.run_sync(self._fetch, self._config, limiter=self._limiter)
            self._fetched_at = self._clock()
            _LOG.info("keys of the issuer read", extra={"facts": {"keys": len(self._keys)}})
        except Exception as error:  # noqa: BLE001 - whatever a server that is not ours makes of it
            facts = {"reason": type(error).__name__, "age_s": round(min(self._age_s(), 1e9))}
            _LOG.error("keys of the issuer not read", extra={"facts": facts})
        finally:
            self._fetching = None


def fetch_keys(config: OidcConfig) -> Keys:
    """Ask an issuer for its keys, by its discovery document unless `jwks_uri` names their place.

    Raises ValueError for an answer that is none, httpx.HTTPError where there is no answer.
    """
    place = config.jwks_uri
    if place is None:
        document = _get(f"{config.issuer.rstrip('/')}/.well-known/openid-configuration")
        # OpenID Connect Discovery 1.0, section 4.3: else one issuer could speak for another.
        if document.get("issuer") != config.issuer:
            msg = "the discovery document is another issuer's"
            raise ValueError(msg)
        place = str(document.get("jwks_uri"))
        require_safe_url(place)
    return usable_keys(_get(place), config.algorithms)


def _get(url: str) -> dict[str, Any]:
    """A small JSON object; redirects are not followed, as they could lead anywhere."""
    import httpx

    deadline = time.monotonic() + _FETCH_WITHIN_S
    loopback = is_loopback(require_safe_url(url).hostname or "")
    content = b""
    with (
        httpx.Client(timeout=_FETCH_WITHIN_S, trust_env=not loopback) as client,
        client.stream("GET", url) as answer,
    ):
        if answer.status_code != 200:
            msg = f"status {answer.status_code}"
            raise ValueError(msg)
        for part in answer.iter_bytes():
            content += part
            if len(content) > _MOST_BYTES or time.monotonic() > deadline:
                msg = "too long or too slow"
                raise ValueError(msg)
    found = json.loads(content)
    if not isinstance(found, dict):
        msg = "no JSON object"
        raise ValueError(msg)  # noqa: TRY004 - what came is wrong, not a type of ours
    return found


def usable_keys(document: Mapping[str, Any], algorithms: tuple[str, ...]) -> Keys:
    """The keys of a JWKS (RFC 7517) that can check signatures by one of the algorithms; others are passed over.

    A secret key (`oct`) never counts, an RSA key only from 2048 bits on.
    """
    listed = document.get("keys")
    if not isinstance(listed, list):
        msg = "no list of keys"
        raise ValueError(msg)  # noqa: TRY004 - what came is wrong, not a type of ours
    found: dict[tuple[str | None, str], jwt.PyJWK] = {}
    for entry in listed[:_MOST_KEYS]:
        for algorithm in algorithms:
            if isinstance(entry, dict) and _is_for(entry, algorithm) and (key := _key(entry, algorithm)):
                found[entry.get("kid"), algorithm] = key
    if len(listed) == 1:
        # Where there is but one, tokens need not name it.
        found.update({(None, algorithm): key for (_, algorithm), key in tuple(found.items())})
    return found


def _is_for(entry: Mapping[str, Any], algorithm: str) -> bool:
    kid = entry.get("kid")
    return (
        entry.get("kty") == _KINDS[algorithm[:2]]
        and entry.get("use", "sig") == "sig"
        and entry.get("alg", algorithm) == algorithm
        and entry.get("crv") == _CURVES.get(algorithm, entry.get("crv"))
        and (kid is None or isinstance(kid, str))
    )


def _key(entry: Mapping[str, Any], algorithm: str) -> jwt.PyJWK | None:
    # The public parts only: a published private key would still be read as one.
    public = {
        name: value for name, value in entry.items() if name in {"kty", "crv", "n", "e", "x", "y", "kid"}
    }
    try:
        key = jwt.PyJWK(public, algorithm)
    except Exception:  # noqa: BLE001 - one broken key must not hide the others
        return None
    bits = getattr(key.key, "key_size", 0)
    return None if entry["kty"] == "RSA" and bits < _SHORTEST_RSA_BITS else key
