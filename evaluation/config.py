"""The `gate` section of weighbridge.yaml."""

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from evaluation.judges.config import Judges
from evaluation.section import Confidence, Section
from evaluation.types import OnInconclusive, Tier


class Bins(Section):
    """A number's column, cut into ranges."""

    column: str
    bins: Annotated[int, Field(ge=2, le=20)] | Annotated[tuple[float, ...], Field(min_length=1)] = Field(
        description="So many ranges of equally many rows, or the edges between ranges, rising."
    )

    @model_validator(mode="after")
    def _edges_rise(self) -> "Bins":
        if isinstance(self.bins, tuple) and list(self.bins) != sorted(set(self.bins)):
            msg = "edges must rise"
            raise ValueError(msg)
        return self


# The column of answers that tells which row was asked, where rows are asked several times.
CASE = "case"

Part = str | Bins
SliceBy = Part | tuple[Part, Part]


def column_of(part: Part) -> str:
    """The column that a part of a slice or group is about.

    >>> column_of("sex"), column_of(Bins(column="age", bins=4))
    ('sex', 'age')
    """
    return part if isinstance(part, str) else part.column


class WaiverConfig(Section):
    """An exception that someone answers for; it is part of the signed record."""

    check: str = Field(min_length=1, description="A check's id, or a pattern such as `recall*`.")
    owner: str = Field(min_length=1, description="Who answers for it.")
    reason: str = Field(min_length=1)
    until: date = Field(description="The last day on which it holds.")


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
    groups: tuple[Part, ...] = Field(
        (), description="Sensitive columns of a bias metric; several are taken in combination."
    )
    slices: tuple[SliceBy, ...] = Field(
        (),
        description="What is checked value by value: a column, {column: age, bins: 4}, or a pair [sex, age].",
    )
    tier: Tier = Field(
        Tier.CRITICAL,
        description="critical must pass, supporting must not fail, advisory is only shown.",
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> "CheckConfig":
        if self.at_least is None and self.at_most is None and self.no_worse_than_champion_by is None:
            msg = "a check needs at_least, at_most or no_worse_than_champion_by"
            raise ValueError(msg)
        return self


class CounterfactualConfig(Section):
    """Cases asked again with another person in them, for the metrics named counterfactual_..._gap."""

    swap: tuple[str, ...] = Field(
        min_length=1,
        description="Lists of words that are exchanged: gender, origin, or CSV files of your own, each on its own.",
    )
    columns: tuple[str, ...] = Field(
        min_length=1,
        description="Columns in whose texts words are exchanged; the target, if it is one of them.",
    )
    templates: str | None = Field(
        None,
        description="A file, one text a line, put in place of the first column's: {COLUMN} and {person} are filled.",
    )
    cases: int = Field(
        100, ge=1, description="At most so many cases are asked for each list, drawn by the seed."
    )


class GateConfig(Section):
    """When a challenger may become champion."""

    confidence: Confidence = Field(0.95, description="One-sided; 0.95 allows 5 % error on either side.")
    resamples: int = Field(2000, ge=200, le=100_000, description="Bootstrap resamples.")
    seed: int = Field(0, ge=0)
    min_rows: int = Field(50, ge=1, description="A slice or group below this size is inconclusive.")
    threshold: float = Field(0.5, gt=0, lt=1, description="Score from which a binary prediction is positive.")
    unit: str | None = Field(
        None, description="Column that names what was sampled, if one of them has several rows."
    )
    repeats: int = Field(
        1, ge=1, le=100, description="Times that each row is asked; its answers are one unit."
    )
    counterfactual: CounterfactualConfig | None = Field(
        None,
        description="What counterfactual_..._gap compares: answers to cases that differ in a person only.",
    )
    stereotype_pairs: str | None = Field(
        None,
        description="A CSV file for stereotype_preference, in place of the pairs that come with Weighbridge.",
    )
    judges: Judges = Field((), description="Language models that score answers, once they are believed.")
    on_inconclusive: OnInconclusive = Field(
        OnInconclusive.BLOCK,
        description="block stops, hold registers and waits for more labels or a waiver, warn lets it serve.",
    )
    candidates: int = Field(
        10, ge=1, le=1000, description="Challengers that one holdout may judge; they share the error."
    )
    planned_rows: int | None = Field(
        None, ge=1, description="Rows that the holdout will grow to, if an open release may be asked again."
    )
    weakest_slices: int = Field(5, ge=0, le=50, description="How many to search for and show; 0 for none.")
    waivers: tuple[WaiverConfig, ...] = ()
    checks: tuple[CheckConfig, ...] = Field(min_length=1)

    @property
    def sampled(self) -> str | None:
        """The column of the answers that names what was sampled; None where every answer is its own."""
        return self.unit or (CASE if self.repeats > 1 else None)

    @model_validator(mode="after")
    def _something_must_pass(self) -> "GateConfig":
        if all(check.tier is not Tier.CRITICAL for check in self.checks):
            msg = "at least one check must be critical"
            raise ValueError(msg)
        return self
