"""Redacts tokens in log records."""

from __future__ import annotations

import logging
import re

_TOKEN = re.compile(r"(\w*token=[\"']?)[^&\s\"']+", re.IGNORECASE)

SERVER_LOGGERS = (
    "uvicorn",
    "uvicorn.error",
    "uvicorn.access",
    "uvicorn.sockets",
    "daphne.server",
    "daphne.http_protocol",
    "daphne.ws_protocol",
    "django.channels.server",
    "django.server",
    "hypercorn.error",
    "hypercorn.access",
    "_granian",
    "granian.access",
    "gunicorn.error",
    "gunicorn.access",
)
"""The loggers of ASGI servers. A filter sees the records of its own logger alone, not those of loggers below it."""


class RedactTokens(logging.Filter):
    """Replaces tokens in URLs with `***`: the JSON API carries them in the query string."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Redact the record, and return True."""
        try:
            message = record.getMessage()
            if "token=" in message.lower():
                _redact(record)
        except Exception:
            # The arguments do not match the format. The handler reports that; an exception here would reach the caller.
            return True
        return True


def _redact(record: logging.LogRecord) -> None:
    # The arguments first: formatters of access logs read them, and not the message.
    if isinstance(record.args, tuple):
        record.args = tuple(
            _redacted(each) if isinstance(each, str) else each for each in record.args
        )
    message = record.getMessage()
    if message != _redacted(message):
        record.msg = _redacted(message)
        record.args = ()


def _redacted(text: str) -> str:
    return _TOKEN.sub(r"\1***", text)


def redact_server_logs() -> None:
    """Redact tokens in the logs of the ASGI server. Calling it again does no harm."""
    for name in SERVER_LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(each, RedactTokens) for each in logger.filters):
            logger.addFilter(RedactTokens())
