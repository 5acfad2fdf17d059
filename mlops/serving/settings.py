"""What one server process is told at its start."""

from dataclasses import dataclass, field
from pathlib import Path

from evaluation.errors import UserError
from mlops.serving.config import ServeConfig


@dataclass(frozen=True)
class Settings:
    """Its places, and the policy's section `serve`, of which host and port are the router's and not used here.

    threads: model calls at once where requests are not asked together; more than the cores only queue for the
    interpreter.
    queue_records, batch_records, batch_wait_s: see RequestLogWriter.
    drain_s: how long a stopping server still takes requests while /health/ready says no.
    """

    log_dir: Path
    host: str = "127.0.0.1"
    port: int = 8000
    serve: ServeConfig = field(default_factory=ServeConfig)
    threads: int = 4
    queue_records: int = 20_000
    batch_records: int = 5000
    batch_wait_s: float = 0.75
    drain_s: float = 0.0

    def __post_init__(self) -> None:
        for name, low, high in (("port", 0, 65_535), ("drain_s", 0, 3600)):
            value = getattr(self, name)
            if not low <= value <= high:
                raise UserError(
                    f"{name} is {value}",
                    expected=f"{low} to {high}",
                    next_step="python -m mlops.serving --help",
                )
