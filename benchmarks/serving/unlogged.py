"""Our server without its request log, to measure what the log costs: no records are made, none are kept.

Run as `python -m benchmarks.serving.unlogged`, with the arguments of `python -m mlops.serving`.
"""

import sys
from collections.abc import Sequence
from typing import Any

from mlops.serving import app
from mlops.serving.command import main
from mlops.serving.handler import Handler
from mlops.serving.log.writer import RequestLogWriter
from monitoring.store.base import RequestRecord


class NoLog(RequestLogWriter):
    """A writer that takes note of nothing."""

    async def record(self, records: Sequence[RequestRecord]) -> None:
        """Return at once."""


class Unlogged(Handler):
    """A handler that makes no records."""

    def _records(self, *_: Any) -> list[RequestRecord]:
        return []


if __name__ == "__main__":
    app.RequestLogWriter = NoLog  # type: ignore[misc]
    app.Handler = Unlogged  # type: ignore[misc]
    sys.exit(main())
