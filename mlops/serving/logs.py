"""Logs as one JSON object a line, without bodies."""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import Any


class JsonLines(logging.Formatter):
    """Formats a log record; what it carries as `facts` becomes fields of the line.

    >>> import logging
    >>> line = JsonLines().format(logging.LogRecord("a", logging.INFO, "", 0, "hello", (), None))
    >>> sorted(json.loads(line))
    ['at', 'event', 'level', 'logger']
    """

    def format(self, record: logging.LogRecord) -> str:
        """One line; of an exception its class and place, as its message may quote a caller's values."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
        }
        line.update(getattr(record, "facts", {}))
        if record.exc_info and record.exc_info[0] is not None:
            line["exception"] = record.exc_info[0].__name__
            trace = record.exc_info[2]
            while trace is not None and trace.tb_next is not None:
                trace = trace.tb_next
            if trace is not None:
                line["where"] = f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
        return json.dumps(line, allow_nan=False, default=str)


def log_as_json(level: int = logging.INFO) -> None:
    """Send everything that is logged to standard output as JSON lines."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(JsonLines())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # One line a request comes from our own middleware.
    logging.getLogger("uvicorn.access").disabled = True
    # It names whole addresses at this level; the path of a webhook may be a secret.
    logging.getLogger("httpx").setLevel(logging.WARNING)
