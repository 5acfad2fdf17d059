"""The `serve:` section of weighbridge.yaml: where and how the champion answers."""

from typing import Annotated, Literal

from pydantic import Field

from evaluation.section import Section
from mlops.serving.access.config import AccessConfig
from mlops.serving.guards.config import GuardsConfig
from mlops.serving.jobs.config import JobsConfig, WebhooksConfig
from mlops.serving.log.config import LogConfig


class ServeConfig(Section):
    """Where and how the champion answers."""

    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535, description="0 takes a free port.")
    workers: int = Field(1, ge=1, le=64, description="Server processes on the same address.")
    follow_every_s: float = Field(
        5, ge=0.1, le=3600, description="How often a server that follows an alias asks the registry."
    )
    max_body_kb: int = Field(1024, ge=1, le=1_048_576)
    max_records: int = Field(1000, ge=1, le=100_000, description="Rows in one request.")
    batching: Literal["auto", "off"] = Field(
        "auto", description="Whether requests that wait for the model are asked together."
    )
    timeout_s: float = Field(
        30, gt=0, le=3600, description="Of one request, from its first byte to its answer."
    )
    max_in_flight: int = Field(
        256, ge=1, le=100_000, description="Requests at once; one more is answered 503."
    )
    tracing: bool | None = Field(
        None, description="OpenTelemetry; unset: where OTEL_EXPORTER_OTLP_ENDPOINT names a collector."
    )
    environment: tuple[Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$")], ...] = Field(
        (),
        description="Names of variables that the model itself reads; a lane gets no others of its deployer's.",
    )
    log: LogConfig = LogConfig()
    guards: GuardsConfig = GuardsConfig()
    access: AccessConfig = AccessConfig()
    jobs: JobsConfig = JobsConfig()
    webhooks: WebhooksConfig = WebhooksConfig()

    def for_server(self) -> str:
        """What a server process is told of it, as JSON: all but the address, which is the router's.

        >>> ServeConfig(max_records=10).for_server()
        '{"max_records":10}'
        """
        return self.model_dump_json(exclude={"host", "port"}, exclude_defaults=True)
