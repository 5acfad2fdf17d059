"""The `gate` section of weighbridge.yaml."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

Confidence = Annotated[float, Field(gt=0.5, lt=1.0)]


class Section(BaseModel):
    """Base of every section: unknown keys are errors, values are frozen."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class CheckConfig(Section):
    """One line under `gate.checks`: a metric, the rows it is taken on, and at least one bound."""

    metric: str = Field(description="A metric's name, see `weighbridge metrics`.")
    at_least: float | None = Field(
        None, description="The lower limit of the interval must be at or above this."
    )
    at_most: float | None = Field(
        None, description="The upper limit of the interval must be at or below this."
    )
    no_worse_than_champion_by: float | None = Field(
        None,
        ge=0,
        description="The challenger may be worse than the champion by less than this, on the same rows.",
    )
    groups: tuple[str, ...] = Field((), description="Sensitive columns of a bias metric.")
    slices: tuple[str, ...] = Field((), description="Columns whose every value is checked on its own.")

    @model_validator(mode="after")
    def _has_a_bound(self) -> "CheckConfig":
        if self.at_least is None and self.at_most is None and self.no_worse_than_champion_by is None:
            msg = "a check needs at_least, at_most or no_worse_than_champion_by"
            raise ValueError(msg)
        return self


class GateConfig(Section):
    """When a challenger may become champion."""

    confidence: Confidence = Field(0.95, description="One-sided; 0.95 allows 5 % error on either side.")
    resamples: int = Field(2000, ge=200, le=100_000, description="Bootstrap resamples.")
    seed: int = Field(0, ge=0)
    min_rows: int = Field(50, ge=1, description="A slice or group below this size is inconclusive.")
    threshold: float = Field(0.5, gt=0, lt=1, description="Score from which a binary prediction is positive.")
    checks: tuple[CheckConfig, ...] = Field(min_length=1)
