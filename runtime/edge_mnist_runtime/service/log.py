"""Write the log of the service: one JSON object a line, on standard error."""

from __future__ import annotations

import json
import logging
from datetime import datetime, timezone
from typing import Any, Final

LOGGER: Final = logging.getLogger("edge_mnist.service")

UVICORN: Final = logging.getLogger("uvicorn.error")
"""uvicorn's logger for everything but requests. Only its warnings and errors are written."""


class JsonFormatter(logging.Formatter):
    """Formats a record as JSON: time (UTC), level, event, and the fields that `log` was given."""

    def format(self, record: logging.LogRecord) -> str:
        """Format one record."""
        moment = datetime.fromtimestamp(record.created, timezone.utc)
        line: dict[str, Any] = {
            "time": moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "event": record.getMessage().strip(),
            **getattr(record, "fields", {}),
        }
        if record.exc_info:
            line["traceback"] = self.formatException(record.exc_info)
        return json.dumps(line)


def start_log() -> None:
    """Send the log of the service and of uvicorn to standard error."""
    handler = logging.StreamHandler()
    handler.setFormatter(JsonFormatter())
    for logger, level in ((LOGGER, logging.INFO), (UVICORN, logging.WARNING)):
        logger.setLevel(level)
        logger.addHandler(handler)
        logger.propagate = False


def log(event: str, level: int = logging.INFO, **fields: object) -> None:
    """Write one line."""
    LOGGER.log(level, event, extra={"fields": fields})
