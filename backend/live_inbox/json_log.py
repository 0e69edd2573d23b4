"""A formatter of the standard library's logging: each record as one line of JSON."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from typing import Any

from live_inbox import log_context

FIELDS = "fields"
"""The attribute of a record that has fields of the line's own: `logger.info(..., extra={FIELDS: {...}})`."""


class JsonLines(logging.Formatter):
    """Writes `time`, `level`, `logger`, `message`; with an exception `error` and `traceback`; what the context knows.

    It removes no secrets: the filter `live_inbox.log_redaction.RedactTokens` does that, before a record gets here.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without its end. It is ASCII, so that no character of a client's can break it."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "process": record.process,
        }
        context = log_context.current()
        if context is not None:
            line |= context.fields()
        line |= getattr(record, FIELDS, {})
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = record.exc_info[0].__name__
        traceback = record.exc_text or (
            self.formatException(record.exc_info) if record.exc_info else None
        )
        if traceback:
            line["traceback"] = traceback
        if record.stack_info:
            line["stack"] = record.stack_info
        return json.dumps(line, default=str)
