"""The `monitor` and `alerts` sections of weighbridge.yaml."""

import re
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, PlainSerializer, model_validator

from evaluation.section import Section

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


def parse_duration(text: object) -> object:
    """Read `90s`, `5m`, `2h` or `7d`; anything else is left for pydantic to judge.

    >>> parse_duration("5m")
    datetime.timedelta(seconds=300)
    """
    if isinstance(text, str) and (match := re.fullmatch(r"\s*(\d{1,9})\s*([smhd])\s*", text)):
        return timedelta(**{_UNITS[match[2]]: int(match[1])})
    return text


def format_duration(span: timedelta) -> str:
    """Write a duration the way the policy file does.

    >>> format_duration(timedelta(minutes=5))
    '5m'
    """
    seconds = int(span.total_seconds())
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds and seconds % size == 0:
            return f"{seconds // size}{unit}"
    return f"{seconds}s"


Duration = Annotated[timedelta, BeforeValidator(parse_duration), PlainSerializer(format_duration)]


class DriftConfig(Section):
    """How far a column may move before someone is told."""

    false_alarms_per_month: float = Field(
        1.0, gt=0, description="Budget for all columns together, without drift."
    )
    tolerance: float = Field(0.1, gt=0, lt=1, description="Distance (0 to 1) that is not worth an alarm.")
    ignore: tuple[str, ...] = Field(
        (), description="Features, or `prediction`, `score` and `sources`, that are not compared."
    )


class LatencyConfig(Section):
    """What a request may cost in time."""

    p95_ms: float = Field(gt=0)


class UsageConfig(Section):
    """What a text may take of the language model that writes it, on average."""

    tokens_at_most: float | None = Field(None, gt=0, description="Of a request and its answer together.")
    cost_per_1000_at_most: float | None = Field(
        None, gt=0, description="Money for a thousand answers, in the currency of the price table."
    )

    @model_validator(mode="after")
    def _has_a_bound(self) -> "UsageConfig":
        if self.tokens_at_most is None and self.cost_per_1000_at_most is None:
            msg = "usage needs tokens_at_most or cost_per_1000_at_most"
            raise ValueError(msg)
        return self


class PerformanceConfig(Section):
    """A metric on records whose labels have come."""

    metric: str
    at_least: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_a_bound(self) -> "PerformanceConfig":
        if (self.at_least is None) == (self.at_most is None):
            msg = "a performance check needs either at_least or at_most"
            raise ValueError(msg)
        return self


class LabelsConfig(Section):
    """When the truth is known."""

    arrive_within: Duration = Field(
        timedelta(days=7), ge=timedelta(0), description="Older records without a label count as missing."
    )
    missing_at_most: float = Field(
        0.5, ge=0, lt=1, description="Share of missing labels that is not worth an alarm."
    )
    history_records: int = Field(
        50_000, ge=50, le=1_000_000, description="The newest records searched for labels."
    )


class MonitorConfig(Section):
    """What is watched, and how often."""

    every: Duration = Field(
        timedelta(minutes=5),
        ge=timedelta(seconds=1),
        description="Time between passes of `weighbridge monitor --watch`.",
    )
    window_records: int = Field(
        2000, ge=50, le=1_000_000, description="The newest records that a pass looks at."
    )
    min_records: int = Field(200, ge=20, description="Below this, every check of a pass is inconclusive.")
    drift: DriftConfig = DriftConfig()
    latency: LatencyConfig | None = None
    usage: UsageConfig | None = Field(None, description="For models that write.")
    performance: tuple[PerformanceConfig, ...] = ()
    labels: LabelsConfig = LabelsConfig()
    keep_reports: int = Field(
        20, ge=1, le=10_000, description="Newest drift reports kept; one takes about 7 MB."
    )

    @model_validator(mode="after")
    def _one_bound_a_metric(self) -> "MonitorConfig":
        metrics = [each.metric for each in self.performance]
        if len(set(metrics)) < len(metrics):
            msg = "a metric is watched once, with one bound"
            raise ValueError(msg)
        return self


class AlertConfig(Section):
    """Where findings go: any Apprise address, secrets as ${ENV_VAR}."""

    to: str = Field(min_length=1, repr=False)
    severity: Literal["info", "warning", "critical"] = Field(
        "warning", description="The least that is sent there."
    )
    repeat_after: Duration = Field(
        timedelta(days=1), ge=timedelta(minutes=1), description="Pause before the same finding is told again."
    )
    timeout_s: float = Field(10, gt=0, le=120, description="How long one delivery may take.")
