"""The `serve.access` section of weighbridge.yaml."""

import ipaddress
from typing import Annotated, Literal
from urllib.parse import SplitResult, urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from evaluation.section import Section
from mlops.serving.access.callers import Scope

# What signs with a private key. A list that held HMAC would let anyone sign with the public key that is published.
Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
Rate = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,8}/(second|minute|hour|day)$")]
# Where the password of the storage comes from: the policy is copied into records and pages.
REDIS_PASSWORD = "WEIGHBRIDGE_REDIS_PASSWORD"  # noqa: S105 - a name
_OWN_SCOPES = {str(scope): scope for scope in Scope}


class OidcConfig(Section):
    """Which issuer's tokens are taken, and how they say what a caller may do."""

    issuer: str = Field(description="As it stands in the tokens' `iss`; https, or http on loopback.")
    audience: str = Field(min_length=1, description="What a token's `aud` must name: this service.")
    jwks_uri: str | None = Field(
        None, description="Where the issuer's keys are; by default where its discovery document says."
    )
    algorithms: tuple[Algorithm, ...] = Field(("RS256", "ES256"), min_length=1)
    scope_claim: str = Field("scope", min_length=1, description="A string of words, or a list of them.")
    scopes: dict[str, Scope] = Field(
        default=_OWN_SCOPES, description="From a word of that claim to predict, feedback or admin."
    )
    leeway_s: float = Field(30, ge=0, le=300, description="By how much two clocks may differ.")
    keys_for_s: float = Field(600, ge=10, le=86_400, description="After this the keys are fetched again.")
    stale_for_s: float = Field(
        86_400, ge=0, le=604_800, description="So long keys go on being used while the issuer is down."
    )

    @field_validator("issuer", "jwks_uri")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is not None:
            require_safe_url(value)
        return value


class AccessConfig(Section):
    """Who may ask, and how often."""

    # A complaint must not repeat a password.
    model_config = ConfigDict(hide_input_in_errors=True)

    keys: bool = Field(False, description="API keys, made by `weighbridge api-keys create`.")
    oidc: OidcConfig | None = None
    open: bool = Field(False, description="Anyone may ask, also from other machines.")
    rate: Rate | None = Field(None, description="Requests of one caller, such as 100/second.")
    quota: Rate | None = Field(None, description="A second such limit for a longer time, such as 10000/day.")
    storage: str = Field(
        "memory", description="Where requests are counted: memory (a process for itself) or redis://HOST."
    )
    cors: tuple[str, ...] = Field(
        (), description="Origins whose pages may ask, such as https://shop.example."
    )

    @property
    def controlled(self) -> bool:
        """Whether a caller must show a key or token."""
        return self.keys or self.oidc is not None

    @field_validator("storage")
    @classmethod
    def _is_known(cls, value: str) -> str:
        parts = urlsplit(value)
        if value != "memory" and (parts.scheme not in {"redis", "rediss"} or not parts.hostname):
            msg = "should be memory, redis://HOST:PORT/NUMBER or rediss://..."
            raise ValueError(msg)
        if parts.password is not None or "password" in parts.query:
            msg = f"should hold no password; set {REDIS_PASSWORD} where the server starts"
            raise ValueError(msg)
        return value

    @field_validator("cors")
    @classmethod
    def _are_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for origin in value:
            if origin != "*":
                parts = require_safe_url(origin)
                if origin != f"{parts.scheme}://{parts.netloc}":
                    msg = "an origin is scheme://host or scheme://host:port, and nothing after it"
                    raise ValueError(msg)
        return value

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "AccessConfig":
        if self.open and self.controlled:
            msg = "open: true contradicts keys and oidc; leave one of them out"
            raise ValueError(msg)
        if "*" in self.cors and self.controlled:
            msg = "cors: '*' cannot be had with keys or tokens; name the origins"
            raise ValueError(msg)
        return self


def require_safe_url(url: str) -> SplitResult:
    """An https URL, or an http one of this machine; raises ValueError for any other.

    >>> require_safe_url("http://127.0.0.1:9000").port
    9000
    """
    parts = urlsplit(url)
    if not parts.hostname or parts.username is not None or parts.fragment:
        msg = "should be a URL with a host, and neither user nor fragment"
        raise ValueError(msg)
    if parts.scheme != "https" and not (parts.scheme == "http" and is_loopback(parts.hostname)):
        msg = "should start with https:// (http:// only on loopback)"
        raise ValueError(msg)
    return parts


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host; of names only localhost is known to be so.

    >>> is_loopback("::1"), is_loopback("localhost"), is_loopback("0.0.0.0")
    (True, True, False)
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False
