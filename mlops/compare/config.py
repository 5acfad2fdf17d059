"""The `compare` section of weighbridge.yaml: which candidates there are, and what decides between them."""

from typing import Annotated, Any

from pydantic import Field, model_validator

from evaluation.section import Section

MOST = 50
_Name = Annotated[str, Field(min_length=1, max_length=60)]


class CompareConfig(Section):
    """Candidates for the `generate` section, or for `train.params`, and the metric that decides between them."""

    by: str = Field(description="The metric that decides.")
    on: str | None = Field(
        None, description="The cases, Parquet or CSV; data.train unless said, never the gate's holdout."
    )
    cases: int | None = Field(None, ge=1, description="At most so many cases, drawn by the seed.")
    repeats: int = Field(
        1, ge=1, le=100, description="Times that each case is asked; its answers are one unit."
    )
    error: float = Field(0.05, gt=0, lt=0.5, description="Chance that the best candidate may be left out.")
    min_cases: int = Field(30, ge=2, description="With fewer cases nothing is told apart.")
    held_back: float = Field(
        0.3, gt=0, lt=1, description="Share of data.train that a model is asked about and not trained on."
    )
    show: tuple[str, ...] | None = Field(
        None, description="Other metrics in the table; latency and cost unless said."
    )
    candidates: dict[_Name, dict[str, Any]] = Field(
        default_factory=dict,
        description="What each changes in `generate`, or in `train.params`, by its name; {} changes nothing.",
    )
    matrix: dict[str, Annotated[list[Any], Field(min_length=1)]] = Field(
        default_factory=dict, description="Values for a key each; every combination is a candidate."
    )

    @model_validator(mode="after")
    def _has_candidates(self) -> "CompareConfig":
        combined = 1
        for values in self.matrix.values():
            combined *= len(values)
        found = len(self.candidates) + (combined if self.matrix else 0)
        if not 2 <= found <= MOST:
            msg = f"{found} candidates, where two to {MOST} can be compared"
            raise ValueError(msg)
        return self
