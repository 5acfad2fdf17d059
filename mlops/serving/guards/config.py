"""The `serve.guards` section of weighbridge.yaml."""

from enum import StrEnum
from typing import Literal

from pydantic import Field, model_validator

from evaluation.section import Section


class Action(StrEnum):
    """What is done where a guard finds something."""

    IGNORE = "ignore"
    FLAG = "flag"
    CLIP = "clip"
    MASK = "mask"
    REJECT = "reject"


OnNumber = Literal[Action.IGNORE, Action.FLAG, Action.CLIP, Action.REJECT]
# No category is nearest to an unknown one, and no value to a missing one.
OnUnknown = Literal[Action.IGNORE, Action.FLAG, Action.REJECT]
OnText = Literal[Action.IGNORE, Action.FLAG, Action.MASK, Action.REJECT]
OnOutput = Literal[Action.FLAG, Action.CLIP, Action.REJECT]


def _require_rising(low: float | None, high: float | None) -> None:
    if low is not None and high is not None and low > high:
        msg = "low must be at most high"
        raise ValueError(msg)


class TextGuards(Section):
    """What a text may hold. mask cuts what is too long, takes out control characters, replaces personal data by
    its kind, and the whole of a text with an injection.

    None is set by default, and nothing is looked for: it takes longer than the rest, and few models take prose.
    """

    max_length: int | None = Field(None, ge=1, le=10_000, description="Characters.")
    too_long: OnText | None = Field(None, description="Where max_length is set; flag unless set.")
    control: OnText | None = Field(
        None, description="Control characters, and those that turn the direction of writing."
    )
    injection: OnText | None = Field(
        None, description="Phrases known from prompt injection: a list of patterns, no classifier."
    )
    personal: OnText | None = Field(
        None, description="E-mail addresses, phone numbers, IBANs and payment cards."
    )


class FieldGuards(Section):
    """What differs for one field of the model; what is not set is as in the section."""

    out_of_range: OnNumber | None = None
    unseen_category: OnUnknown | None = None
    missing: OnUnknown | None = None
    low: float | None = Field(None, description="Instead of the lowest that training saw.")
    high: float | None = Field(None, description="Instead of the highest that training saw.")
    text: TextGuards | None = Field(None, description="Its keys replace those of the section's `text`.")

    @model_validator(mode="after")
    def _bounds_rise(self) -> "FieldGuards":
        _require_rising(self.low, self.high)
        return self


class OutputGuards(Section):
    """Bounds of what a regression may answer."""

    low: float | None = None
    high: float | None = None
    on_break: OnOutput = Action.FLAG

    @model_validator(mode="after")
    def _bounds_rise(self) -> "OutputGuards":
        _require_rising(self.low, self.high)
        return self


class GuardsConfig(Section):
    """What is done with inputs that training never saw, and with answers out of bounds.

    By default what training never saw is told and nothing is changed or refused.
    """

    out_of_range: OnNumber = Field(
        Action.FLAG, description="A number below the lowest or above the highest that training saw."
    )
    unseen_category: OnUnknown = Field(Action.FLAG, description="A category that training never saw.")
    missing: OnUnknown = Field(Action.FLAG, description="A value left out that training never missed.")
    text: TextGuards = TextGuards()
    outputs: OutputGuards = OutputGuards()
    fields: dict[str, FieldGuards] = Field(default_factory=dict, description="By the field's name.")
