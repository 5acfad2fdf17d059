"""The `serve.log` section of weighbridge.yaml: what is kept of requests, how safely, and for how long."""

from datetime import timedelta
from enum import StrEnum

from pydantic import Field, model_validator

from evaluation.section import Section
from monitoring.config import Duration

IDS = "ids"
LOG_KEY = "WEIGHBRIDGE_LOG_KEY"


class Durability(StrEnum):
    """What a crash may cost."""

    BATCH = "batch"
    JOURNAL = "journal"


class Redaction(StrEnum):
    """What becomes of a field before it is written: nothing is left, a keyed hash, or its length."""

    DROP = "drop"
    HASH = "hash"
    MASK = "mask"


class LogConfig(Section):
    """What is kept of requests, how safely, and for how long."""

    durability: Durability = Field(
        Durability.BATCH,
        description="batch may lose the last second to a crash; journal loses nothing that was answered.",
    )
    at: str | None = Field(
        None,
        pattern=r"^[a-z][a-z0-9+.-]*://[^\s@?#]+$",
        description="Where the tables lie, such as s3://bucket/log; credentials come from the environment.",
    )
    keep: Duration | None = Field(
        None, ge=timedelta(days=1), description="Days older than this are removed; absent keeps everything."
    )
    redact: dict[str, Redaction] = Field(
        default_factory=dict,
        description="Input fields, `sources` of texts, `prediction` or `target`: not written as they came.",
    )
    subject: str = Field(
        IDS, min_length=1, description="The input field that names whom a row is about, or `ids`."
    )

    @model_validator(mode="after")
    def _subjects_can_be_found(self) -> "LogConfig":
        if self.redact.get(self.subject, Redaction.HASH) is not Redaction.HASH:
            msg = f"'{self.subject}' names whom a row is about: it may be hashed, else erasure finds nothing"
            raise ValueError(msg)
        return self
