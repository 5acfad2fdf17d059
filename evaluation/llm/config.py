"""An endpoint and a budget, as weighbridge.yaml names them."""

import re
from typing import Annotated, Any
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, field_validator, model_validator

from evaluation.section import Section

EMBEDDED = "embedded"
EMBEDDED_MODEL = "SmolLM2-135M-Instruct"
# Each slot takes memory for a context of its own.
_MOST_SLOTS = 16
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
# A provider's key is long; the name of an environment variable is not, and has no lower case.
_LIKE_A_KEY = re.compile(r"(?=.*[a-z])(?=.*\d).{20,}")


class Price(Section):
    """Money per million tokens."""

    input: Annotated[float, Field(ge=0)]
    output: Annotated[float, Field(ge=0)]


class EndpointConfig(Section):
    """A language model behind an OpenAI-compatible address, or the embedded one.

    >>> EndpointConfig().model
    'SmolLM2-135M-Instruct'
    """

    # A key that was pasted where its name belongs is not repeated in the error.
    model_config = ConfigDict(hide_input_in_errors=True)

    url: str = Field(EMBEDDED, description="Address up to and with /v1, or `embedded`.")
    model: str = Field(
        EMBEDDED_MODEL, min_length=1, description="The model's name, as the endpoint knows it."
    )
    key: str | None = Field(None, description="NAME of the environment variable that holds the API key.")
    price: Price | None = Field(None, description="Money per million tokens: {input: 0.15, output: 0.6}.")
    timeout_s: float = Field(60.0, gt=0, le=3600, description="For one try; 600 for the embedded model.")
    deadline_s: float = Field(
        300.0, gt=0, le=86_400, description="For one request with all its tries; 1800 for the embedded model."
    )
    concurrency: int = Field(
        4,
        ge=1,
        le=1024,
        description="Requests that wait for an answer at a time; the embedded model takes 16.",
    )
    attempts: int = Field(5, ge=1, le=20, description="Tries of one request, the first included.")
    context: int = Field(
        2048,
        ge=256,
        le=8192,
        description="Tokens that a request and its answer may take; the embedded model only.",
    )

    @model_validator(mode="before")
    @classmethod
    def _patient_here(cls, given: Any) -> Any:
        """A model on a busy processor is slow, and another try makes it slower."""
        if isinstance(given, dict) and given.get("url", EMBEDDED) == EMBEDDED:
            return {"timeout_s": 600.0, "deadline_s": 1800.0} | given
        return given

    @field_validator("url")
    @classmethod
    def _is_an_address(cls, url: str) -> str:
        if url == EMBEDDED:
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            msg = "an http or https address, or the word embedded"
            raise ValueError(msg)
        if parts.username or parts.password or parts.query or parts.fragment:
            msg = "an address without user, password, ? and #; the API key goes into an environment variable"
            raise ValueError(msg)
        return url.rstrip("/")

    @field_validator("key")
    @classmethod
    def _is_a_name(cls, key: str | None) -> str | None:
        if key is not None and (not _NAME.fullmatch(key) or _LIKE_A_KEY.fullmatch(key)):
            msg = "the name of an environment variable such as OPENAI_API_KEY, not the key itself"
            raise ValueError(msg)
        return key

    @model_validator(mode="after")
    def _names_its_model(self) -> "EndpointConfig":
        if self.url == EMBEDDED:
            if self.model != EMBEDDED_MODEL:
                msg = f"the embedded model is {EMBEDDED_MODEL}; another one needs a url"
                raise ValueError(msg)
            if self.concurrency > _MOST_SLOTS:
                msg = f"the embedded model answers {_MOST_SLOTS} requests at a time, not {self.concurrency}"
                raise ValueError(msg)
            if self.key is not None:
                msg = "the embedded model needs no key"
                raise ValueError(msg)
        elif "model" not in self.model_fields_set:
            msg = "a url needs the name of a model"
            raise ValueError(msg)
        return self

    @property
    def embedded(self) -> bool:
        """Whether the model runs here, in a process of ours."""
        return self.url == EMBEDDED


class BudgetConfig(Section):
    """What one evaluation may spend on calls; None is no bound."""

    tokens: int | None = Field(None, ge=1, description="Tokens in both directions.")
    money: float | None = Field(None, gt=0, description="In the currency of the price table.")
