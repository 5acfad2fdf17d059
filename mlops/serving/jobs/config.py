"""The `serve.jobs` and `serve.webhooks` sections of weighbridge.yaml."""

from datetime import timedelta
from typing import Annotated

from pydantic import AfterValidator, Field, IPvAnyNetwork

from evaluation.section import Section
from mlops.serving.jobs.addresses import Pattern
from monitoring.config import Duration


def _is_pattern(text: str) -> str:
    Pattern.of(text)
    return text


class JobsConfig(Section):
    """Predictions on `Prefer: respond-async`: how many at once, how many may wait, how long answers are kept.

    Answers lie beside the request log, for every process of the server to tell; a job whose process ends fails.
    """

    at_once: int = Field(4, ge=1, le=1000, description="Jobs that one process runs at once.")
    waiting: int = Field(
        100, ge=1, le=100_000, description="Jobs of one process that have not begun; more are refused."
    )
    keep: Duration = Field(
        timedelta(hours=1), ge=timedelta(seconds=1), description="How long an answer can be fetched."
    )
    most: int = Field(
        1000, ge=1, le=1_000_000, description="Answers that are kept in all; the oldest go first."
    )


class WebhooksConfig(Section):
    """Where answers of jobs may be posted to; the secret that signs them is WEIGHBRIDGE_WEBHOOK_SECRET."""

    allow: tuple[Annotated[str, AfterValidator(_is_pattern)], ...] = Field(
        (),
        description="Addresses, such as https://shop.example/*; a host is named whole, only a path may end in *.",
    )
    private: tuple[IPvAnyNetwork, ...] = Field(
        (), description="Private networks that a listed host's name may lead to, such as 10.1.0.0/16."
    )
